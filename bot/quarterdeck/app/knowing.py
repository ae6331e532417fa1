"""Build the team's knowledge out of the parts: who may read, what was said before, whom to call the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from quarterdeck.core.adapter import Ability, Members
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.rag.answering.desk import People
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.retrieval.rights import Readers
from quarterdeck.store.knowledge.library import KnowledgeLibrary
from quarterdeck.store.knowledge.quality import StoredQuality

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


def build_knowledge(parts: Parts) -> TeamKnowledge:
    """Return the knowledge; it starts nothing."""

    async def members(conversation: Conversation) -> frozenset[Identity] | None:
        adapter = parts.adapters.get(conversation.platform)
        if adapter is None or Ability.MEMBERS not in adapter.abilities:
            return None
        return await cast("Members", adapter).members(conversation)

    async def name_of(person_id: str) -> str:
        known = [one.person for one in await parts.people_rows.all() if one.person.id == person_id]
        return known[0].name if known else ""

    people = People(
        rights=Readers(parts.authoriser, parts.people, members),
        name_of=name_of,
        person_of=parts.people.person_of,
    )
    return TeamKnowledge(
        KnowledgeLibrary(parts.store),
        parts.models,
        parts.clock,
        parts.settings,
        people=people,
        rows=StoredQuality(parts.store),
        embeddings=parts.embeddings,
    )
