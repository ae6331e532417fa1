"""Connect the adapter to a simulated Telegram, with a memory and an inbox that tests look into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from quarterdeck.core.adapter import Link, PlatformContext, Rendered
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.testing.simulator.telegram.simulator import WEBHOOK_SECRET, TelegramSimulator
from quarterdeck_adapters.telegram.adapter import TelegramAdapter, build
from quarterdeck_adapters.telegram.settings import TelegramSettings


class Notes:
    """Implement `Memory`; what is put is kept as JSON, so that nothing else can be put."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.failures: list[QuarterdeckError] = []

    async def get(self, name: str) -> Any:
        await asyncio.sleep(0)
        value = self.kept.get(name)
        return None if value is None else orjson.loads(value)

    async def put(self, name: str, value: Any, *, keep_s: float | None = None) -> None:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.kept[name] = orjson.dumps(value)

    async def forget(self, name: str) -> None:
        self.kept.pop(name, None)


class Arrivals:
    """Be the inbox: keep events once, refuse as told, wake whoever waits for some."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failures: list[QuarterdeckError] = []
        self.calls = 0
        self._changed = asyncio.Event()

    async def accept(self, event: Event) -> bool:
        self.calls += 1
        await asyncio.sleep(0)
        if event.is_bot:
            return False
        if self.failures:
            raise self.failures.pop(0)
        is_new = event.key not in [one.key for one in self.events]
        if is_new:
            self.events.append(event)
        self._changed.set()
        return is_new

    async def until(self, is_there: Callable[[list[Event]], bool]) -> list[Event]:
        """Return the events once `is_there` says so."""
        async with asyncio.timeout(30):
            while not is_there(self.events):
                self._changed.clear()
                await self._changed.wait()
        return self.events

    async def count(self, wanted: int) -> list[Event]:
        """Return the events once there are as many."""
        return await self.until(lambda events: len(events) >= wanted)


class Offered:
    """Implement `Commands`."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self._commands = tuple(commands)

    def all(self) -> tuple[Command, ...]:
        return self._commands

    def get(self, name: str) -> Command | None:
        return next((one for one in self._commands if one.name == name), None)


async def _answer(call: Call) -> Reply:
    return Reply(text="Pong.")


PAGE = (Option(name="page", summary="Which", positional=True),)
COMMANDS = (
    Command(name="ping", summary="Say that the bot is there.", handler=_answer, allow="viewer", lane="light"),
    Command(
        name="run-book",
        summary="Open a page of the run book.",
        handler=_answer,
        options=(Option(name="page", summary="Which"),),
    ),
    Command(name="secret", summary="Keep something.", handler=_answer, allow="owner", needs=("private",)),
)


async def _complete(*_: object) -> list[str]:
    return []


def context_of(
    environment: Mapping[str, str],
    *,
    memory: Notes | None = None,
    clock: Clock | None = None,
    settings: Mapping[str, Any] | None = None,
) -> PlatformContext:
    """Return what an adapter needs, from the environment that a simulator gives."""
    prefix = "QUARTERDECK__PLATFORMS__TELEGRAM__"
    fields = {
        name.removeprefix(prefix).lower(): value
        for name, value in environment.items()
        if name.startswith(prefix)
    }
    fields |= {"token": "env:TELEGRAM_BOT_TOKEN", "webhook_secret": "env:TELEGRAM_WEBHOOK_SECRET"}
    secrets = {
        "env:TELEGRAM_BOT_TOKEN": environment["TELEGRAM_BOT_TOKEN"],
        "env:TELEGRAM_WEBHOOK_SECRET": WEBHOOK_SECRET,
    }
    return PlatformContext(
        settings=TelegramSettings.model_validate(fields | dict(settings or {})),
        secret=lambda ref: secrets[str(ref)],
        clock=clock or SystemClock(),
        memory=memory or Notes(),
        commands=Offered(COMMANDS),
        complete=_complete,
    )


class Connected:
    """Hold an adapter that runs, its simulator and its inbox."""

    def __init__(
        self, telegram: TelegramSimulator, adapter: TelegramAdapter, memory: Notes, inbox: Arrivals
    ) -> None:
        self.telegram, self.adapter, self.memory, self.inbox = telegram, adapter, memory, inbox
        self.links: list[str] = []
        self._shown = asyncio.Event()
        adapter._show = self._show  # type: ignore[method-assign]
        self.is_refused = False  # set by a test that means Telegram to refuse something

    def _show(self, link: Link) -> None:
        self.adapter.link = link
        self.links.append(link)
        self._shown.set()

    async def until_link(self, wanted: str) -> None:
        """Return once the link is shown so."""
        async with asyncio.timeout(30):
            while self.adapter.link != wanted:
                self._shown.clear()
                await self._shown.wait()

    async def answer(self, event: Event, reply: Reply) -> list[str]:
        """Send a reply as the core would; returns the ids of its messages."""
        return [
            await self.adapter.send(event.conversation, part, f"{event.key}#{number}")
            for number, part in enumerate(self.adapter.render(reply), start=1)
        ]

    async def post(self, to: Conversation, text: str, key: str = "schedule:1#1") -> str:
        """Send one text."""
        return await self.adapter.send(to, Rendered(text=text, body={"text": text}), key)

    async def change(self, to: Conversation, message_id: str, text: str) -> None:
        """Let a message say something else."""
        await self.adapter.edit(to, message_id, Rendered(text=text, body={"text": text}))


@asynccontextmanager
async def connected(
    telegram: TelegramSimulator,
    *,
    memory: Notes | None = None,
    inbox: Arrivals | None = None,
    clock: Clock | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Connected]:
    """Run the adapter against a simulator while the block runs."""
    memory, inbox = memory or Notes(), inbox or Arrivals()
    adapter = build(context_of(environment or telegram.environment(), memory=memory, clock=clock))
    there = Connected(telegram, adapter, memory, inbox)
    task = asyncio.create_task(adapter.run(inbox.accept))
    try:
        await there.until_link("receiving")
        yield there
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSimulator]:
    """Simulate Telegram."""
    async with TelegramSimulator(first_retry_s=0.05) as simulated:
        yield simulated


@pytest.fixture
async def bot(telegram: TelegramSimulator) -> AsyncIterator[Connected]:
    """Connect the adapter by polling."""
    async with connected(telegram) as there:
        yield there
        assert there.is_refused or () == telegram.refusals()
