"""Build what reads the sources of knowledge out of the parts, and let it reach what a library alone cannot."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.rag.kept import KeptDocuments
from quarterdeck.rag.sources.channel import Channel
from quarterdeck.rag.sources.desk import SourceDesk
from quarterdeck.rag.sources.git import Git
from quarterdeck.rag.sources.pages import Feed, Pages, Sitemap
from quarterdeck.rag.sources.sight import ModelSight
from quarterdeck.router.attached import AttachedFiles
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.store.conversations.channels import StoredDays

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts
    from quarterdeck.rag.knowledge import TeamKnowledge


class Uploads:
    """Keep what people sent apart by the place where they sent it."""

    def __init__(self, root: Path) -> None:
        self._kept = KeptDocuments(root)

    def keep(self, name: str, content: bytes, place: str) -> Path:
        """Write a file and return its path."""
        return self._kept.keep(name, content, hashlib.sha256(place.encode()).hexdigest()[:16])


def equip(parts: Parts, knowledge: TeamKnowledge) -> None:
    """Let the knowledge read what lies elsewhere, and look at pictures."""
    web, clock, roles = parts.web, parts.clock, parts.settings.models.roles
    knowledge.ingest.use(
        {
            "git": Git(parts.paths.files / "git", web),
            "web": Pages(web, clock),
            "sitemap": Sitemap(web, clock),
            "feed": Feed(web, clock),
            "channel": Channel(StoredDays(parts.store)),
        },
        ModelSight(parts.models, parts.paths.user_dir, is_on=bool(roles.vision)),
    )


def build_sourcing(parts: Parts) -> SourceDesk:
    """Return the desk; `serve` begins to read."""
    attached = AttachedFiles(parts.adapters)

    async def fetch(attachment: Attachment, conversation: Conversation, limit_bytes: int) -> bytes:
        found = await attached.fetch(attachment, conversation, limit_bytes=limit_bytes)
        return (
            found.content if isinstance(found.content, bytes) else await in_thread(found.content.read_bytes)
        )

    knowledge = parts.knowledge
    return SourceDesk(
        knowledge.ingest,
        knowledge.library,
        knowledge.vectors,
        parts.clock,
        declared=[one.order() for one in parts.settings.knowledge.sources],
        uploads=Uploads(parts.paths.files / "uploads"),
        fetch=fetch,
    )
