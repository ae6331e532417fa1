"""Build what writes and sends digests out of the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from quarterdeck.core.adapter import Ability, Directs
from quarterdeck.core.errors import SetupError, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.schedule import SourceSpec
from quarterdeck.router.addressing import is_command_line
from quarterdeck.runtime import platform_facts
from quarterdeck.runtime.documents.prompts import read_prompt
from quarterdeck.runtime.settings.digests import DigestSettings, SourceSettings
from quarterdeck.schedule.digests.conversation import ConversationDigests, Sources
from quarterdeck.schedule.digests.definition import Definition, checked
from quarterdeck.schedule.digests.desk import Desk
from quarterdeck.schedule.digests.fetched import Feeds, JsonLists
from quarterdeck.schedule.digests.inside import Changed, Conversations, Doorman, WorkflowRuns
from quarterdeck.schedule.digests.shelf import Shelf
from quarterdeck.schedule.digests.summary import Summariser
from quarterdeck.schedule.digests.writer import Writer
from quarterdeck.schedule.orders import StandingOrders
from quarterdeck.store.work.digests import DigestRepository
from quarterdeck.store.work.runs import StoredRuns
from quarterdeck_adapters.console.parse import conversation_of

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts

LENGTH = 3500  # characters of a post where the platform has no limit, or a wider one
ROOM = 300  # of the platform's limit for what is around it


class Press:
    """Hold what writes digests: of one conversation, and of many sources.

    Raises:
        SetupError: a digest of the settings file cannot work.
    """

    def __init__(self, parts: Parts, orders: StandingOrders) -> None:
        rows = DigestRepository(parts.store)
        self.conversations = ConversationDigests(
            Sources(
                history=parts.history, rows=rows, models=parts.models, people=parts.people, clock=parts.clock
            ),
            prompt=read_prompt("digest", parts.paths.user_dir),
            is_command=is_command_line,
            zone=parts.zone,
        )
        doorman = Doorman(parts.people, parts.authoriser)
        writer = Writer(
            rows,
            {
                "conversation": Conversations(parts.history, self.conversations.said, doorman),
                "workflow": WorkflowRuns(StoredRuns(parts.store), doorman),
                "knowledge": Changed(parts.knowledge.library),
                "feed": Feeds(parts.web),
                "json": JsonLists(parts.web),
            },
            Summariser(parts.models, read_prompt("digest-items", parts.paths.user_dir)),
            parts.clock,
            limit=post_length,
        )
        shelf = Shelf(
            rows,
            orders,
            parts.clock,
            people=parts.people,
            authoriser=parts.authoriser,
            fixed=[_fixed(parts, name, one, orders) for name, one in parts.settings.digests.items()],
        )

        async def direct(identity: Identity) -> Conversation | None:
            if identity.platform == "console":
                return conversation_of("", identity)
            adapter = parts.adapters.get(identity.platform)
            if adapter is None or Ability.DIRECT not in adapter.abilities:
                return None
            return await cast("Directs", adapter).direct(identity)

        self.desk = Desk(
            rows,
            shelf,
            writer,
            orders,
            parts.outbox,
            parts.clock,
            find=parts.history.conversation,
            direct=direct,
            home=conversation_of("", parts.owner),
        )


def post_length(platform: str) -> int:
    """Return how many characters a digest may have there: it stays one message."""
    facts = platform_facts.read_all().get(platform)
    limit = getattr(facts.limits, "text", 0) if facts is not None else 0
    return min(limit - ROOM, LENGTH) if isinstance(limit, int) and limit > ROOM else LENGTH


def _fixed(parts: Parts, name: str, one: DigestSettings, orders: StandingOrders) -> Definition:
    timezone = one.timezone or parts.settings.schedule.default_timezone
    try:
        return checked(
            Definition(
                name=name,
                owner=parts.owner,
                sources=tuple(_source(source) for source in one.sources),
                title=one.title,
                to=one.to,
                readers=tuple(map(Identity.parse, one.readers)),
                at=orders.understand(one.at, timezone).trigger if one.at else "",
                timezone=timezone,
                quiet=one.quiet,
                empty=one.empty,
                carry=one.carry,
                most=one.most,
                summary=one.summary,
                is_fixed=True,
            )
        )
    except UsageError as error:
        raise SetupError(error.message, hint=error.hint, key=f"digests.{name}") from error


def _source(source: SourceSettings) -> SourceSpec:
    named = {
        "conversation": source.conversation,
        "workflow": source.workflow,
        "knowledge": source.knowledge,
        "feed": source.feed,
        "json": source.json_list,
    }
    given = [(kind, target) for kind, target in named.items() if target]
    if len(given) != 1:
        raise UsageError(
            "a source names one of conversation, workflow, knowledge, feed and json", hint="one each"
        )
    kind, target = given[0]
    return SourceSpec(
        kind=kind,
        target=target,
        title=source.title,
        paths={str(name): path for name, path in source.paths.items()},
        credential=source.credential,
    )
