"""Put the web door together: sign-in, pages, API, streams."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web

from quarterdeck.core.account import AccountRows, SessionRows
from quarterdeck.core.adapter import Complete
from quarterdeck.core.ports import Answering, Authoriser, Clock, Commands, Health, People
from quarterdeck.core.screen import Chat, Rooms
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.network.routes import Route, route
from quarterdeck.web.access.desk import AccountDesk, Record
from quarterdeck.web.access.gate import Gate, Tokens
from quarterdeck.web.access.sessions import Sessions
from quarterdeck.web.api.about import AboutEndpoints, Library, Problems
from quarterdeck.web.api.endpoint import PREFIX, Endpoint
from quarterdeck.web.api.files import FileEndpoints
from quarterdeck.web.api.openapi import document
from quarterdeck.web.api.runs import RunEndpoints, Runs
from quarterdeck.web.api.streams import Streams
from quarterdeck.web.api.talk import ActionOf, TalkEndpoints
from quarterdeck.web.pages import Pages
from quarterdeck.web.runs import run_pages
from quarterdeck.web.signin import SignInRoutes

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class House:
    """Hand the door what it needs of the rest of the bot."""

    accounts: AccountRows
    sessions: SessionRows
    tokens: Tokens
    people: People
    record: Record
    rooms: Rooms
    chat: Chat
    answering: Answering
    action_of: ActionOf
    authoriser: Authoriser
    commands: Commands
    complete: Complete
    library: Library
    health: Health
    findings: Callable[[], Sequence[Finding]]
    count_people: Callable[[], Awaitable[int]]
    clean: Callable[[str], str]
    clock: Clock
    files: Path
    per_minute: int
    runs: Runs | None = None


class WebDoor:
    """Be the page and the API. `open` it once, serve its routes, run `serve` beside them."""

    def __init__(self, house: House) -> None:
        clock, people = house.clock, house.people
        self._sessions = Sessions(house.sessions, people, clock)
        self.desk = AccountDesk(
            house.accounts, self._sessions, people=people, record=house.record, clock=clock
        )
        self._gate = Gate(
            self._sessions, house.tokens, people=people, clock=clock, per_minute=house.per_minute
        )
        self.streams = Streams(house.rooms, house.chat, house.answering, self._gate.is_valid)
        self._sessions.on_end = self.streams.look
        self._problems = Problems(house.clean)
        talk = TalkEndpoints(
            house.rooms,
            house.chat,
            self.streams,
            answering=house.answering,
            action_of=house.action_of,
            clock=clock,
        )
        about = AboutEndpoints(
            self.desk,
            commands=house.commands,
            complete=house.complete,
            authoriser=house.authoriser,
            library=house.library,
            health=house.health,
            problems=self._problems,
            findings=house.findings,
            people=house.count_people,
        )
        files = FileEndpoints(house.rooms, house.files, clock)
        self.endpoints: list[Endpoint] = [
            *about.all(self._gate),
            *talk.all(self._gate),
            *files.all(self._gate),
        ]
        self._runs: RunEndpoints | None = None
        if house.runs is not None:
            self._runs = RunEndpoints(
                house.runs, self._gate, authoriser=house.authoriser, people=people, record=house.record
            )
            self.endpoints += self._runs.all()

    async def open(self) -> str:
        """Read the sessions; returns the code for the first owner, empty where there is an account."""
        logging.getLogger("quarterdeck").addHandler(self._problems)
        await self._sessions.load()
        return await self.desk.first_code()

    def close(self) -> None:
        """Let streams end, and listen to the log no more."""
        logging.getLogger("quarterdeck").removeHandler(self._problems)
        self.streams.stop()
        if self._runs is not None:
            self._runs.stop()

    async def serve(self) -> None:
        """Watch the streams until cancelled."""
        await self.streams.serve()

    def routes(self) -> list[Route]:
        """Return every route of the door."""
        pages = Pages()
        return [
            *pages.routes(self._gate),
            *(run_pages(pages, self._gate) if self._runs is not None else ()),
            *SignInRoutes(self.desk, self._gate, pages).all(),
            *(endpoint.route() for endpoint in self.endpoints),
            route("GET", f"{PREFIX}/openapi.json", self._document, principal=self._gate.api),
        ]

    async def _document(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(document(self.endpoints))
