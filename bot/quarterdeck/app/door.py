"""Build the web door out of the parts; its libraries are loaded when it is first asked for."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from quarterdeck.app.later import later
from quarterdeck.app.parts import Parts
from quarterdeck.core.adapter import Ability, Members
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Person
from quarterdeck.router.addressing import wish_of
from quarterdeck.router.native.completion import Completion
from quarterdeck.runtime.checks import startup_findings
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.store.people.accounts import StoredSessions

MEMBERS_S: Final = 3.0  # how long a platform may take to say who reads along

if TYPE_CHECKING:
    from quarterdeck.web.access.desk import AccountDesk
    from quarterdeck.web.door import WebDoor
    from quarterdeck_workflows.engine.book import RunBook


def build_door(parts: Parts) -> WebDoor:
    """Return the door, not open yet."""
    from quarterdeck.web.api.runs import Runs
    from quarterdeck.web.door import House, WebDoor

    async def count_people() -> int:
        return len(await parts.people_rows.all())

    def action_of(event: Event) -> str:
        wish = wish_of(event, parts.commands)
        return f"command:{wish.name}" if wish is not None else ""

    async def reads(person: Person, conversation: Conversation) -> bool:
        adapter = parts.adapters.get(conversation.platform)
        if adapter is None or Ability.MEMBERS not in adapter.abilities:
            return False
        try:
            async with asyncio.timeout(MEMBERS_S):
                members = await cast("Members", adapter).members(conversation)
        except (QuarterdeckError, TimeoutError):
            return False
        return any(str(one) in person.identities for one in members or ())

    return WebDoor(
        House(
            runs=Runs(book=later(partial(_book, parts)), reads=reads),
            accounts=parts.accounts,
            sessions=StoredSessions(parts.store),
            tokens=parts.tokens,
            people=parts.people,
            record=parts.audit,
            rooms=parts.rooms,
            chat=parts.page,
            answering=parts,
            action_of=action_of,
            authoriser=parts.authoriser,
            commands=parts.commands,
            complete=Completion(parts.commands, parts.people, parts.authoriser),
            library=later(lambda: parts.knowledge.library),
            health=parts.health,
            findings=lambda: startup_findings(parts.loaded),
            count_people=count_people,
            clean=parts.redactor.clean,
            clock=parts.clock,
            files=parts.paths.files,
            per_minute=parts.settings.http.requests_per_minute,
        )
    )


def _book(parts: Parts) -> RunBook:
    from quarterdeck_workflows.engine.book import RunBook

    return RunBook(parts.workflows, parts.durable, parts.redactor.clean)


async def build_desk(parts: Parts) -> AccountDesk:
    """Return a desk for a process that serves nobody."""
    return (await in_thread(build_door, parts)).desk


def address(parts: Parts, port: int | None = None) -> str:
    """Return where people reach the page."""
    http = parts.settings.http
    if http.public:
        return http.public
    scheme = "https" if http.tls_certificate is not None else "http"
    host = "localhost" if http.host in ("127.0.0.1", "::1", "0.0.0.0", "::") else http.host  # noqa: S104
    return f"{scheme}://{host}:{port or http.port}"
