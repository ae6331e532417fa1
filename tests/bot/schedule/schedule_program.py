"""Be a bot's schedule part that a test kills: `schedule_program.py FOLDER [SECONDS]`.

Planned times are a second apart. Events go into the real table `inbox`. Without SECONDS it serves until it is
killed; with them it waits until every second up to that many from now has reached the inbox, and prints the first
and the last planned time.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Schedule
from quarterdeck.core.reply import Reply
from quarterdeck.runtime import faults
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.durable import Durable, Queue
from quarterdeck.schedule.firing import scheduler as subject
from quarterdeck.schedule.firing.outcomes import Outcomes
from quarterdeck.schedule.moments import moment_of, ms_of
from quarterdeck.schedule.trigger import Interval
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import inbox, schedules
from quarterdeck.store.work.fires import FireRepository
from quarterdeck.store.work.schedules import ScheduleRepository

EVERY_SECOND = Interval(1)
CRON = Queue(name="cron", concurrency=4, poll_s=0.05)


def every_second(*_: str) -> Interval:
    """Stand in for the parser, which refuses anything below a minute."""
    return EVERY_SECOND


class Silent:
    """Say nothing (the `Outbox` port)."""

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Drop the reply."""

    async def edit(self, to: Conversation, reply: Reply, *, replaces: str, key: str) -> None:
        """Drop the reply."""


async def serve(folder: Path, seconds: float | None) -> None:
    """Fire every second, alone."""
    store = await Store.open(folder / "quarterdeck.db")
    durable = Durable(folder / "durable.db", queues=[CRON])
    await fire(store, durable, seconds)


async def fire(store: Store, durable: Durable, seconds: float | None, *, who: str = "") -> None:
    """Fire every second; `who` says in the inbox which process it was."""
    rows = ScheduleRepository(store)

    async def accept(event: Event) -> bool:
        values: dict[str, Any] = {
            "platform": event.platform,
            "workspace": event.workspace,
            "event_id": event.id,
            "conversation_id": event.conversation.id,
            "kind": "Posted",
            "body": "",
            "state": "new",
            "attempts": 0,
            "reason": who,
            "received_at_ms": ms_of(event.received_at),
        }

        def job(connection: Connection) -> bool:
            return insert_new(connection, inbox, values)

        return await store.write("inbox.accepted", job)

    setattr(subject, "parse", every_second)  # noqa: B010  a test may plan closer than a minute
    fires = FireRepository(store)
    outcomes = Outcomes(rows, fires, durable, outbox=Silent(), cancel=lambda _: False, clock=SystemClock())
    scheduler = subject.Scheduler(rows, durable, accept, SystemClock(), fires=fires, outcomes=outcomes)
    schedule = await rows.add(
        Schedule(
            id="dense",
            trigger="* * * * *",
            timezone="UTC",
            what="/digest",
            conversation=Conversation(id="c", platform="console"),
            owner=Identity(platform="console", user_id="1"),
            misfire="once",
            overlap="parallel",  # nobody answers here
            created_at_ms=ms_of(datetime.now(UTC)),
        ),
        "dense",
    )
    faults.arm(os.environ.get("QUARTERDECK_FAULT", ""), testing=True)
    await durable.launch()
    serving = asyncio.create_task(scheduler.serve())
    print("serving", flush=True)
    first = EVERY_SECOND.after(moment_of(schedule.created_at_ms))
    if seconds is None:
        await serving
    else:
        last = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        await until_dealt_with(store, last)
        print(first.isoformat() if first else "", last.isoformat(), flush=True)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await durable.close()
    await store.close()


async def until_dealt_with(store: Store, last: datetime) -> None:
    """Wait until the event of a planned time is in the inbox, and the mark has moved beyond it."""

    def job(connection: Connection) -> bool:
        came = select(inbox.c.seq).where(inbox.c.event_id == f"cron:dense:{last.isoformat()}")
        marked = select(schedules.c.id).where(schedules.c.last_at_ms >= ms_of(last))
        return connection.execute(came).first() is not None and connection.execute(marked).first() is not None

    while not await store.read(job):
        await asyncio.sleep(0.05)


def run(folder: str, seconds: str = "") -> None:
    """Be that process."""
    asyncio.run(serve(Path(folder), float(seconds) if seconds else None))


if __name__ == "__main__":
    run(*sys.argv[1:])
