"""Set up schedules on a real store and a real durable engine, with a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.command import Call, Command
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.event import Event, Posted
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import AccessRequest, Decision, Schedule
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.durable import Durable
from quarterdeck.schedule.firing.outcomes import Outcomes
from quarterdeck.schedule.firing.scheduler import QUEUE, Scheduler
from quarterdeck.schedule.orders import Rights, StandingOrders
from quarterdeck.store.engine import Store
from quarterdeck.store.work.fires import FireRepository
from quarterdeck.store.work.schedules import ScheduleRepository
from quarterdeck.testing.clock import FakeClock

START = datetime(2026, 11, 21, 9, 0, 30, tzinfo=UTC)
OWNER = Identity(platform="slack", workspace="T1", user_id="U1")
TEAM = Conversation(id="slack:T1:C1", platform="slack", kind="group")


class TakingInbox:
    """Take each event id once, as the inbox does; `refusals` are raised first, one a call."""

    def __init__(self) -> None:
        self.events: dict[str, Posted] = {}
        self.refusals: list[QuarterdeckError] = []
        self._came = asyncio.Event()

    async def accept(self, event: Event) -> bool:
        """Note the event."""
        if self.refusals:
            raise self.refusals.pop(0)
        assert isinstance(event, Posted)
        is_new = event.id not in self.events
        self.events[event.id] = event
        self._came.set()
        return is_new

    async def until(self, count: int) -> list[Posted]:
        """Wait for so many events; returns them in the order of their coming."""
        async with asyncio.timeout(20):
            while len(self.events) < count:
                self._came.clear()
                await self._came.wait()
        return list(self.events.values())

    @property
    def planned(self) -> list[str]:
        """Return the clock times that fired, in order of time."""
        return sorted(str(event.message.raw["planned"])[11:16] for event in self.events.values())


class TakingOutbox:
    """Take each key once (the `Outbox` port)."""

    def __init__(self) -> None:
        self.sent: dict[str, Reply] = {}

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Note the reply."""
        self.sent.setdefault(key, reply)

    async def edit(self, to: Conversation, reply: Reply, *, replaces: str, key: str) -> None:
        """Note the reply."""
        self.sent.setdefault(key, reply)

    @property
    def texts(self) -> list[str]:
        """Return what was said."""
        return [reply.card.body if reply.card else reply.text for reply in self.sent.values()]


class EverybodyKnown:
    """Know every identity, by the role that the test gives it."""

    def __init__(self) -> None:
        self.roles: dict[Identity, str] = {}

    async def person_of(self, identity: Identity, name: str = "") -> Person:
        """Return the person."""
        return Person(id=str(identity), name=name, role=self.roles.get(identity, "operator"))


class ByRole:
    """Allow what the role allows."""

    async def authorise(self, request: AccessRequest) -> Decision:
        """Decide."""
        is_allowed = request.person.has_role(request.least_role)
        return Decision(allowed=is_allowed, rule="role", reason="" if is_allowed else "that is for others")


class SomeCommands:
    """Have a few commands."""

    def __init__(self) -> None:
        async def nothing(call: Call) -> Reply:
            return Reply()

        roles = {"digest": "operator", "ping": "viewer", "schedule": "operator", "purge": "owner"}
        self._commands = {
            name: Command(name=name, summary=name, handler=nothing, allow=role)
            for name, role in roles.items()
        }

    def all(self) -> tuple[Command, ...]:
        """Return them all."""
        return tuple(self._commands.values())

    def get(self, name: str) -> Command | None:
        """Return one."""
        return self._commands.get(name)


@dataclass
class Bench:
    """Hold a bot's schedule part; `serving` is a time in which it runs."""

    folder: Path
    store: Store
    clock: FakeClock
    rows: ScheduleRepository
    inbox: TakingInbox
    orders: StandingOrders
    people: EverybodyKnown
    fires: FireRepository
    outbox: TakingOutbox
    ends: Outcomes | None = None
    cancelled: list[str] = field(default_factory=list)
    durables: list[Durable] = field(default_factory=list)
    failures: list[BaseException | None] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Scheduler]:
        """Run the scheduler over the durable engine."""
        durable = Durable(self.folder / "durable.db", queues=[replace(QUEUE, poll_s=0.02)])
        self.durables.append(durable)
        self.ends = Outcomes(
            self.rows,
            self.fires,
            durable,
            outbox=self.outbox,
            cancel=self.cancelled.append,  # type: ignore[arg-type]  # nobody asks what it returns
            clock=self.clock,
        )
        scheduler = Scheduler(
            self.rows,
            durable,
            self.inbox.accept,
            self.clock,
            fires=self.fires,
            outcomes=self.ends,
        )
        self.orders.on_change(scheduler.refresh)
        await durable.launch()
        serving = asyncio.create_task(scheduler.serve())
        await asyncio.sleep(0.05)
        await self._until_caught_up(serving)
        try:
            yield scheduler
        finally:
            serving.cancel()
            (ended,) = await asyncio.gather(serving, return_exceptions=True)
            if not isinstance(ended, asyncio.CancelledError):
                self.failures.append(ended)
            await durable.close()

    async def add(
        self, trigger: str, *, misfire: str = "once", what: str = "/digest", **values: Any
    ) -> Schedule:
        """Add a schedule in UTC."""
        return await self.orders.add(
            key=f"key-{len(await self.rows.all())}",
            trigger=trigger,
            timezone="UTC",
            what=what,
            conversation=TEAM,
            owner=OWNER,
            misfire=misfire,
            **{"overlap": "parallel", **values},
        )

    async def pass_minutes(self, minutes: int) -> None:
        """Let time pass a minute at a time, with a moment for the disk in each."""
        for _ in range(minutes):
            await self.clock.advance(60)
            await self.settled()

    async def settled(self) -> None:
        """Wait until every time that fired has reached the inbox."""
        async with asyncio.timeout(20):
            while True:
                await asyncio.sleep(0.02)
                if not await self._is_up_to_date():
                    continue
                runs = await self.durables[-1].list(limit=1000) if self.durables else []  # after the marks
                if all(run.state == "succeeded" for run in runs):
                    return

    async def _until_caught_up(self, serving: asyncio.Task[None]) -> None:
        """Give a busy machine time for what was missed; a test that waits for a person, or for a fault, gets on."""
        with suppress(TimeoutError, QuarterdeckError):
            async with asyncio.timeout(2):
                while not (serving.done() or await self._is_up_to_date()):
                    await asyncio.sleep(0.02)

    async def _is_up_to_date(self) -> bool:
        now = self.clock.now()
        from quarterdeck.schedule.moments import moment_of
        from quarterdeck.schedule.trigger import latest, parse

        return not any(
            latest(
                parse(one.trigger, one.timezone),
                after=moment_of(one.last_at_ms or one.created_at_ms),
                until=now,
                limit=1,
            )
            for one in await self.rows.all()
            if not one.paused
        )

    async def outcomes(self, schedule: Schedule, times: Sequence[datetime]) -> set[int]:
        """Return which of `times` fired."""
        return await self.rows.fired(schedule.id, [int(time.timestamp() * 1000) for time in times])


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a bench with nothing scheduled."""
    store = await Store.open(tmp_path / "quarterdeck.db")
    clock, inbox, people = FakeClock(START), TakingInbox(), EverybodyKnown()
    rows, fires = ScheduleRepository(store), FireRepository(store)
    rights = Rights(commands=SomeCommands(), people=people, authoriser=ByRole())
    orders = StandingOrders(rows, rights, inbox.accept, clock, fires=fires)
    made = Bench(tmp_path, store, clock, rows, inbox, orders, people, fires, TakingOutbox())
    yield made
    await store.close()
    assert [] == made.failures
