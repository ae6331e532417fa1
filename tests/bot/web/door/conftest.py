"""Serve the whole web door on loopback: real store, real adapter, real sessions; the bot behind it is the test's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from quarterdeck.core.access import AccessRequest, Decision
from quarterdeck.core.adapter import Rendered
from quarterdeck.core.command import Command
from quarterdeck.core.event import Event, Invoked, Posted
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import UnderWay
from quarterdeck.core.reply import Reply
from quarterdeck.router.people.identity import Directory
from quarterdeck.runtime.settings.http import HttpSettings
from quarterdeck.store.conversations.rooms import StoredRooms
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.accounts import StoredAccounts, StoredSessions
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.store.people.tokens import StoredTokens
from quarterdeck.store.tables.ledger import audit
from quarterdeck.testing.clock import FakeClock
from quarterdeck.web.api.runs import Runs
from quarterdeck.web.door import House, WebDoor
from quarterdeck.web.server import WebServer
from quarterdeck_adapters.web.adapter import WebAdapter

PASSWORD = "correct horse battery staple"
OWN = {"X-Quarterdeck": "1"}


class ByRole:
    """Allow by the least role alone (the `Authoriser` port)."""

    async def authorise(self, request: AccessRequest) -> Decision:
        return Decision(allowed=request.person.has_role(request.least_role), rule="role")


class Nothing:
    """Have no commands, passages or facts."""

    def all(self) -> tuple[Command, ...]:
        return ()

    def get(self, name: str) -> Command | None:
        return None

    async def by_id(self, ids):
        return []

    async def beside(self, chunk, distance):
        return []

    async def facts(self):
        return {"uptime_s": 1, "platforms": {"web": "receiving"}}


@dataclass
class Bot:
    """Take events, and answer them as the test says."""

    taken: list[Event] = field(default_factory=list)
    working: list[Event] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    async def accept(self, event: Event) -> bool:
        is_new = event.key not in [one.key for one in self.taken]
        if is_new:
            self.taken.append(event)
        return is_new

    def under_way(self, conversation_id: str) -> list[UnderWay]:
        here = [one for one in self.working if one.conversation.id == conversation_id]
        return [UnderWay(key=one.key, actor=one.actor, command="chat") for one in here]

    def cancel(self, key: str) -> bool:
        self.cancelled.append(key)
        return True


class World:
    """Hold everything that a test may touch."""

    def __init__(
        self, store: Store, clock: FakeClock, files: Path, *, runs: Runs | None = None, **http: Any
    ) -> None:
        self.store, self.clock, self.bot = store, clock, Bot()
        self.people_rows = StoredPeople(store)
        self.tokens = StoredTokens(store, self.people_rows)
        self.rooms, self.accounts = StoredRooms(store), StoredAccounts(store, self.people_rows)
        self.people = Directory(self.people_rows, owners={})
        self.chat = WebAdapter(self.rooms, clock, files)
        nothing = Nothing()
        self.door = WebDoor(
            House(
                accounts=self.accounts,
                sessions=StoredSessions(store),
                tokens=self.tokens,
                people=self.people,
                record=Audit(store, clock, str),
                rooms=self.rooms,
                chat=self.chat,
                answering=self.bot,
                action_of=_action_of,
                authoriser=ByRole(),
                commands=nothing,
                complete=_complete,
                library=nothing,
                health=nothing,
                findings=list,
                count_people=_none,
                clean=str,
                clock=clock,
                files=files,
                per_minute=0,
                runs=runs,
            )
        )
        self.server = WebServer(HttpSettings(port=0, **http), self.door.routes())

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server.port}"

    async def post(self, conversation: str, text: str, cause: str) -> None:
        """Answer as the outbox would."""
        room = next(one for one in await self._rooms_all() if one.name == conversation)
        to = type("To", (), {"id": room.id})()
        part: Rendered = self.chat.render(Reply(text=text))[0]
        await self.chat.send(to, part, f"{cause}#1")

    async def _rooms_all(self):
        found = []
        for owner in ("anna", "ben"):
            found += await self.rooms.of(owner)
        return found

    async def account(self, name: str, role: str) -> str:
        """Make an account, and return its session's secret."""
        code, _ = await self.door.desk.invite(role, name)
        secret, _ = await self.door.desk.claim(code, name, PASSWORD, display_name="", address="::1")
        return secret

    async def token(self, name: str, *scopes: str) -> str:
        identity = Identity(platform="web", user_id=name)
        text, _ = await self.tokens.create(identity, scopes=scopes or ("*",), now_ms=self.clock.now_ms())
        return text

    async def record_rows(self, kind: str) -> list[dict[str, Any]]:
        """Return what was put on record of a kind."""
        rows = await self.store.read(lambda connection: list(connection.execute(select(audit))))
        return [json.loads(row.detail) for row in rows if row.kind == kind]

    def browser(self, secret: str = "") -> aiohttp.ClientSession:
        """Return a client that behaves as the page does."""
        jar = aiohttp.DummyCookieJar()
        headers = {**OWN, **({"Cookie": f"quarterdeck={secret}"} if secret else {})}
        return aiohttp.ClientSession(self.url, cookie_jar=jar, headers=headers, connector=_connector())


def _connector() -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(limit=0, family=2)


def _action_of(event: Event) -> str:
    if isinstance(event, Posted):
        text = event.message.text
        return f"command:{text[1:].split()[0]}" if text.startswith("/") else "command:chat"
    return f"command:{event.command}" if isinstance(event, Invoked) else ""


async def _complete(*args: object) -> list[str]:
    return []


async def _none() -> int:
    return 0


Open = Callable[..., Any]


@pytest.fixture
def open_world(tmp_path: Path) -> Open:
    """Return a context manager that serves the door, on the same data each time."""

    @asynccontextmanager
    async def opened(**http: Any) -> AsyncIterator[World]:
        store = await Store.open(tmp_path / "web.db")
        clock = FakeClock()
        world = World(store, clock, tmp_path / "files", **http)
        await world.door.open()
        await world.server.start()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(world.door.serve()),
                group.create_task(world.chat.run(world.bot.accept)),
            ]
            await asyncio.sleep(0)
            try:
                yield world
            finally:
                world.door.close()
                await world.server.stop()
                for task in tasks:
                    task.cancel()
        await store.close()

    return opened


@pytest.fixture
async def world(open_world: Open) -> AsyncIterator[World]:
    """Serve one door."""
    async with open_world() as opened:
        yield opened


async def events_of(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, int | None, Any]]:
    """Yield (event, id, data) of a stream."""
    name, number, data = "", None, None
    async for line in response.content:
        field_, _, value = line.decode().rstrip("\n").partition(": ")
        if field_ == "event":
            name = value
        elif field_ == "id":
            number = int(value)
        elif field_ == "data":
            data = json.loads(value)
        elif not field_ and name:
            yield name, number, data
            name, number, data = "", None, None


@pytest.fixture
def read_events():
    """Return the function that reads a stream."""
    return events_of
