"""Build what happens by itself: durable runs, schedules, what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck.app.later import make
from quarterdeck.runtime.durable import Durable
from quarterdeck.schedule.firing.outcomes import Outcomes
from quarterdeck.schedule.firing.scheduler import QUEUE, Scheduler
from quarterdeck.schedule.orders import Rights, StandingOrders
from quarterdeck.store.work.fires import FireRepository
from quarterdeck.store.work.runs import StoredRuns
from quarterdeck.store.work.schedules import ScheduleRepository
from quarterdeck_workflows.engine.job import QUEUE as SERIAL_QUEUE

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


class Clockwork:
    """Hold the parts of schedules; `durable` is the engine that their fires run on."""

    def __init__(self, parts: Parts, durable: Durable) -> None:
        rows, fires = ScheduleRepository(parts.store), FireRepository(parts.store)
        rights = Rights(commands=parts.commands, people=parts.people, authoriser=parts.authoriser)
        zone = parts.settings.schedule.default_timezone
        self.orders = StandingOrders(rows, rights, parts.accept, parts.clock, fires=fires, timezone=zone)
        self.outcomes = Outcomes(
            rows,
            fires,
            durable,
            outbox=parts.outbox,
            cancel=parts.cancel,
            clock=parts.clock,
            runs=StoredRuns(parts.store),
        )
        self.scheduler = Scheduler(
            rows, durable, parts.accept, parts.clock, fires=fires, outcomes=self.outcomes
        )
        self.orders.on_change(self.scheduler.refresh)


def build_durable(parts: Parts) -> Durable:
    """Return the durable engine, not launched yet; whichever part launches it, schedules and workflows are known."""

    def make_bodies() -> None:
        make(parts.clockwork)
        make(parts.workflows)

    return Durable(
        parts.paths.durable_database,
        synchronous=parts.settings.durable.synchronous,
        queues=[QUEUE, SERIAL_QUEUE],
        before_launch=make_bodies,
    )
