"""Say what schedules and digests need of the database; `quarterdeck.store` has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from quarterdeck.core.schedule import Draft, FireRow, Schedule, Streak


class ScheduleRows(Protocol):
    """Keep standing orders, and which of their planned times have fired. Times are ms UTC."""

    async def add(self, schedule: Schedule, key: str) -> Schedule:
        """Store `schedule`, unless one was stored under `key` before; returns the stored one."""

    async def all(self, conversation_id: str | None = None) -> list[Schedule]:
        """Return schedules, oldest first."""

    async def get(self, schedule_id: str) -> Schedule | None:
        """Return one schedule."""

    async def pause(
        self, schedule_id: str, *, paused: bool, now_ms: int, version: int = 0
    ) -> Schedule | None:
        """Stop or go on; going on counts from `now_ms`. Returns what is stored then, None: no such schedule."""

    async def edit(self, changed: Schedule, *, from_version: int, now_ms: int) -> Schedule | None:
        """Store a changed order in place of `from_version`; returns what is stored then."""

    async def remove(self, schedule_id: str, *, version: int = 0) -> Schedule | None:
        """Delete a schedule, unless it has another `version`; returns it, or None when there is none."""

    async def fired(self, schedule_id: str, planned_ms: Sequence[int]) -> set[int]:
        """Return those of `planned_ms` that have fired."""

    async def last_fires(self) -> dict[str, int]:
        """Return the latest planned time that fired by schedule; without those that never did."""

    async def record(
        self, schedule_id: str, outcomes: Mapping[int, str], *, now_ms: int, advance: bool = True
    ) -> None:
        """Write down what became of planned times; everything up to the last of them is dealt with.

        With `advance` off only what is written changes: times that were dealt with before.
        """


class FireRows(Protocol):
    """Keep how fires went, and what waits for a person. Times are ms UTC."""

    async def latest(self, schedule_id: str, limit: int) -> list[FireRow]:
        """Return the latest planned times that were dealt with, newest first."""

    async def waiting(self, schedule_id: str, outcome: str) -> list[int]:
        """Return planned times, in order, that wait: `asked` or `due`."""

    async def open_fires(self, schedule_id: str) -> list[FireRow]:
        """Return what fired and has not ended, oldest first."""

    async def busy_schedules(self) -> list[str]:
        """Return the schedules of which a time waits its turn, or a workflow has not ended."""

    async def is_waiting(self, platform: str, workspace: str, event_id: str) -> bool:
        """Tell whether an event is in the inbox and not answered yet."""

    async def started(self, schedule_id: str, planned_ms: int, run_id: str) -> None:
        """Write down which workflow a fire started."""

    async def ended(
        self, schedule_id: str, planned_ms: int, result: str, *, reason: str = "", now_ms: int
    ) -> Streak | None:
        """Write down how a fire ended; the same end twice is one, and has the same answer."""

    async def decide(
        self, schedule_id: str, choice: str, *, up_to_ms: int, now_ms: int
    ) -> tuple[Sequence[int], Sequence[int]]:
        """Take missed times off a person's hands; returns those that are due now, and the rest."""

    async def keep_draft(self, draft: Draft) -> None:
        """Store an order that waits for a yes."""

    async def draft(self, draft_id: str) -> Draft | None:
        """Return an order that waits."""

    async def forget_draft(self, draft_id: str) -> None:
        """Delete an order that waits."""


class DigestRows(Protocol):
    """Remember up to which moment each digest reaches."""

    async def delivered_up_to(self, conversation_id: str) -> int | None:
        """Return how far, in ms, the conversation's delivered digests reach; None before the first."""

    async def record(self, key: str, conversation_id: str, *, up_to_ms: int, now_ms: int) -> None:
        """Write down a digest that is about to be sent under `key`; composed again, the later one counts."""
