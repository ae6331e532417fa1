"""Bring events to the app until it acknowledges them: 3 s each time, again at once, after 1 min and after 5 min."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, Protocol

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.server import LoopbackServer
from quarterdeck.testing.simulator.slack.workspace import Payload
from quarterdeck.testing.simulator.waiting import Changes

DEADLINE_S: Final = 3.0
RETRY_AFTER_S: Final = (0.0, 60.0, 300.0)  # docs.slack.dev/apis/events-api, 2026-11-21

DeliveryKind = Literal["events_api", "slash_commands", "interactive"]
Answered = Callable[[Any], None]


class NotTaken(Exception):
    """Say that the app did not take a delivery; `reason` as in `x-slack-retry-reason`."""

    def __init__(self, reason: str, *, may_retry: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.may_retry = reason, may_retry


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Hold what goes to the app. `name` is what faults are ordered for; `attempts` counts the tries so far."""

    kind: DeliveryKind
    name: str
    payload: Payload
    attempts: int = 0
    is_acknowledged: bool = False
    is_given_up: bool = False

    @property
    def accepts_answer(self) -> bool:
        """Tell whether the acknowledgement may carry an answer."""
        return self.kind != "events_api"


class Door(Protocol):
    """Know one way to the app."""

    async def bring(self, delivery: Delivery, retry: int, reason: str) -> Any:
        """Bring it once; returns what the acknowledgement carries, None for nothing.

        Raises:
            NotTaken: it was not acknowledged in time.
        """


class Deliveries:
    """Hold everything that was or is to be brought to the app; the door may change meanwhile."""

    def __init__(self, clock: Clock, server: LoopbackServer, changes: Changes, refusals: list[str]) -> None:
        self._clock, self._server, self._changes = clock, server, changes
        self.refusals = refusals
        self.door: Door | None = None
        self.all: list[Delivery] = []

    def begin(
        self, delivery: Delivery, *, answered: Answered | None = None, failed: Answered | None = None
    ) -> None:
        """Bring a delivery in the background; `answered` gets the answer, `failed` why there is none."""
        self.all.append(delivery)
        self._server.spawn(self._bring(delivery, answered, failed), failed=self._note)

    async def _bring(self, delivery: Delivery, answered: Answered | None, failed: Answered | None) -> None:
        retries = RETRY_AFTER_S if delivery.kind == "events_api" else ()
        reason = ""
        for retry, after_s in enumerate((0.0, *retries)):
            if after_s:
                await self._clock.sleep(after_s)
            try:
                answer = await self._once(delivery, retry, reason)
            except NotTaken as refusal:
                reason = refusal.reason
                if not refusal.may_retry:
                    break
            else:
                delivery.is_acknowledged = True
                if answered is not None:
                    answered(answer)
                self._changes.tell()
                return
        delivery.is_given_up = True
        if failed is not None:
            failed(reason)
        self._changes.tell()

    async def _once(self, delivery: Delivery, retry: int, reason: str) -> Any:
        if self.door is None:
            raise NotTaken("connection_failed")
        delivery.attempts += 1
        return await self.door.bring(delivery, retry, reason)

    async def again(self, delivery: Delivery) -> None:
        """Bring a delivery once more, acknowledged or not, as after an acknowledgement that was lost on the way."""
        await self._once(delivery, delivery.attempts, "timeout")

    def unacknowledged(self) -> list[Delivery]:
        """Return what is under way or was given up."""
        return [one for one in self.all if not one.is_acknowledged]

    def _note(self, error: BaseException) -> None:
        self.refusals.append(f"simulator: {type(error).__name__}: {error}")


async def within(
    clock: Clock, seconds: float, work: Coroutine[Any, Any, Any], *, late: str = "timeout"
) -> Any:
    """Return what `work` returns, or cancel it when `clock` has passed so many seconds.

    Raises:
        NotTaken: it took longer, for the reason `late`.
    """
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise NotTaken(late)
        return task.result()
    finally:
        for one in (task, alarm):
            one.cancel()
        await asyncio.gather(task, alarm, return_exceptions=True)
