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
from quarterdeck.schedule import scheduler as subject
from quarterdeck.schedule.moments import moment_of, ms_of
from quarterdeck.schedule.outcomes import Outcomes
from quarterdeck.schedule.trigger import Interval
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import inbox
from quarterdeck.store.work.fires import FireRepository
from quarterdeck.store.work.schedules import ScheduleRepository

EVERY_SECOND = Interval(1)


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
    """Fire every second."""
    store = await Store.open(folder / "quarterdeck.db")
    rows = ScheduleRepository(store)
    durable = Durable(folder / "durable.db", queues=[Queue(name="cron", concurrency=4, poll_s=0.05)])

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
            "reason": "",
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
        await until_accepted(store, f"cron:dense:{last.isoformat()}")
        await asyncio.sleep(0.5)
        print(first.isoformat() if first else "", last.isoformat(), flush=True)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await durable.close()
    await store.close()


async def until_accepted(store: Store, event_id: str) -> None:
    """Wait until an event is in the inbox."""

    def job(connection: Connection) -> bool:
        found = connection.execute(select(inbox.c.seq).where(inbox.c.event_id == event_id)).first()
        return found is not None

    while not await store.read(job):
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else None))
