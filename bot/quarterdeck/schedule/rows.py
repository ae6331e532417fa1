"""Say what schedules and digests need of the database; `quarterdeck.store` has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quarterdeck.core.ports import Schedule


class ScheduleRows(Protocol):
    """Keep standing orders, and which of their planned times have fired. Times are ms UTC."""

    async def add(self, schedule: Schedule, key: str) -> Schedule:
        """Store `schedule`, unless one was stored under `key` before; returns the stored one."""

    async def all(self, conversation_id: str | None = None) -> list[Schedule]:
        """Return schedules, oldest first."""

    async def get(self, schedule_id: str) -> Schedule | None:
        """Return one schedule."""

    async def pause(self, schedule_id: str, *, paused: bool, now_ms: int) -> Schedule | None:
        """Stop or go on; going on counts from `now_ms`. Returns None when there is no such schedule."""

    async def remove(self, schedule_id: str) -> Schedule | None:
        """Delete a schedule; returns it, or None when there is none."""

    async def fired(self, schedule_id: str, planned_ms: Sequence[int]) -> set[int]:
        """Return those of `planned_ms` that have fired."""

    async def last_fires(self) -> dict[str, int]:
        """Return the latest planned time that fired by schedule; without those that never did."""

    async def record(
        self, schedule_id: str, *, fired_ms: Sequence[int], missed_ms: Sequence[int], now_ms: int
    ) -> None:
        """Write down what became of planned times; everything up to the last of them is dealt with."""


class DigestRows(Protocol):
    """Remember up to which moment each digest reaches."""

    async def delivered_up_to(self, conversation_id: str) -> int | None:
        """Return how far, in ms, the conversation's delivered digests reach; None before the first."""

    async def record(self, key: str, conversation_id: str, *, up_to_ms: int, now_ms: int) -> None:
        """Write down a digest that is about to be sent under `key`; composed again, the later one counts."""
