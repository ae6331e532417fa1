"""Stand in for what surrounds the adapter: a memory, commands, a core that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from quarterdeck.core.adapter import PlatformContext
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import Busy, QuarterdeckError
from quarterdeck.core.event import Event
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck_adapters.discord.adapter import DiscordAdapter, build
from quarterdeck_adapters.discord.settings import DiscordSettings

Answer = Callable[[Event], Awaitable[Reply | None]]


class DictMemory:
    """Remember in a dictionary; a test may carry it over to the next process."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def get(self, name: str) -> Any:
        return self.values.get(name)

    async def put(self, name: str, value: Any, *, keep_s: float | None = None) -> None:
        self.values[name] = value

    async def forget(self, name: str) -> None:
        self.values.pop(name, None)


class HastyClock(SystemClock):
    """Let a test pass time, and nobody wait longer than a moment."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.sleeps = 0
        self._waiters: list[asyncio.Future[None]] = []

    async def until(self, look: Callable[[], Any], timeout_s: float = 20.0) -> None:
        """Return when `look()` is true; looked at whenever somebody has slept."""
        async with asyncio.timeout(timeout_s):
            while not look():
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter

    def now_ms(self) -> int:
        return super().now_ms() + round(self.ahead_s * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))
        self.sleeps += 1
        asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class Catalogue:
    """Know some commands."""

    def __init__(self, *commands: Command) -> None:
        self._commands = commands

    def all(self) -> tuple[Command, ...]:
        return self._commands

    def get(self, name: str) -> Command | None:
        return next((one for one in self._commands if one.name == name), None)


async def no_handler(call: Call) -> Reply:
    raise AssertionError("the bench answers itself")


def command(name: str, *options: Option, lane: str = "light", needs: tuple[Any, ...] = ()) -> Command:
    return Command(
        name=name,
        summary=f"Do {name}",
        handler=no_handler,
        options=options,
        lane=lane,
        needs=needs,  # type: ignore[arg-type]
    )


@dataclass
class Bench:
    """Run an adapter the way the application does: accept once, answer through render and send."""

    settings: DiscordSettings
    answer: Answer
    commands: tuple[Command, ...] = ()
    memory: DictMemory = field(default_factory=DictMemory)
    clock: Any = field(default_factory=SystemClock)
    complete: Any = None
    token: str = "t0ken"
    seen: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    is_full: bool = False
    away_s: float = 86_400.0

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self.adapter = self.built()

    def built(self) -> DiscordAdapter:
        return build(
            PlatformContext(
                settings=self.settings,
                secret=lambda reference: self.token,
                clock=self.clock,
                memory=self.memory,
                commands=Catalogue(*self.commands),
                complete=self.complete or self._complete,
                away_s=self.away_s,
            )
        )

    async def _complete(self, *asked: object) -> list[str]:
        return []

    @asynccontextmanager
    async def running(self) -> Any:
        task = asyncio.get_running_loop().create_task(self.adapter.run(self.accept))
        try:
            yield self
        finally:
            await self.stop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop(self) -> None:
        """End what is being answered."""
        for one in self._tasks:
            one.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def accept(self, event: Event) -> bool:
        """Take an event once, then answer it like the router and the outbox do."""
        if self.is_full:
            raise Busy("too many messages wait here already", hint="wait for the answers")
        if event.is_bot or event.key in self.seen:
            return False
        self.seen.add(event.key)
        self.events.append(event)
        task = asyncio.get_running_loop().create_task(self._work(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        async with self._changed:
            self._changed.notify_all()
        return True

    async def _work(self, event: Event) -> None:
        reply = await self.answer(event)
        if reply is not None:
            await self.say(event, reply)

    async def say(self, event: Event, reply: Reply, key: str = "") -> None:
        for number, part in enumerate(self.adapter.render(reply), start=1):
            row = f"{key or event.key}#{number}"
            try:
                self.sent.append((row, await self.adapter.send(event.conversation, part, row)))
            except QuarterdeckError as error:
                self.errors.append(error)
        async with self._changed:
            self._changed.notify_all()

    async def until(self, look: Callable[[], Any], timeout_s: float = 20.0) -> Any:
        async with asyncio.timeout(timeout_s), self._changed:
            while not (found := look()):
                await self._changed.wait()
            return found


def bench(discord: DiscordSimulator, answer: Answer, **named: Any) -> Bench:
    """Return a bench for the simulated Discord."""
    environment = discord.environment()
    settings = DiscordSettings(
        api_url=environment["QUARTERDECK__PLATFORMS__DISCORD__API_URL"],
        cdn_url=environment["QUARTERDECK__PLATFORMS__DISCORD__CDN_URL"],
    )
    return Bench(settings, answer, token=environment["DISCORD_TOKEN"], **{"clock": HastyClock(), **named})


def says(reply: Reply | None) -> Answer:
    """Return what answers everything alike."""

    async def answer(event: Event) -> Reply | None:
        return reply

    return answer
