"""Fetch updates by long polling. A call confirms what came with the one before, so it goes out when that is on disk.

Only one program may poll for a bot: a second one makes Telegram refuse both with 409 (Bot API, Getting updates,
2026-11-21). We step back, say so once, and look again now and then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.core.adapter import Link
from quarterdeck.core.errors import AuthFailed, QuarterdeckError, RateLimited, Rejected, ServiceError
from quarterdeck.core.ports import Clock
from quarterdeck.runtime.process.tasks import pause_after
from quarterdeck_adapters.telegram.intake import Intake
from quarterdeck_adapters.telegram.parse import WANTED

if TYPE_CHECKING:
    from quarterdeck_adapters.telegram.api import Api

LIMIT: Final = 100
LONG_POLL_S: Final = 5  # short, so that a dead connection is found soon: after eleven seconds at the latest
GRACE_S: Final = 6.0
LONGEST_PAUSE_S: Final = 8.0
STEP_BACK_S: Final = (30.0, 60.0, 120.0, 300.0, 600.0)  # after a conflict, one after the other
BUSY_S: Final = 0.5
CALLS_PER_S: Final = (
    300.0  # more polls than that cost more than they bring: updates gather for some ms instead
)
GATHER_S: Final = 0.005

log = logging.getLogger(__name__)


class Polling:
    """Poll until cancelled. `show` is told how the link does."""

    def __init__(self, api: Api, intake: Intake, clock: Clock, show: Callable[[Link], None]) -> None:
        self._api, self._intake, self._clock, self._show = api, intake, clock, show
        self._offset: int | None = None
        self._failures = self._conflicts = 0
        self._is_proved = False  # the first poll does not wait for updates: it shows that the link stands
        self._allowance, self._refilled_s = CALLS_PER_S / 10, clock.monotonic()

    async def run(self) -> None:
        """Fetch and hand over, without end.

        Raises:
            AuthFailed: our token is refused.
        """
        self._intake.missed_before(self._clock.now())
        while True:
            try:
                updates = await self._fetch()
            except ServiceError as error:
                await self._stumbled(error)
                continue
            self._stands()
            await self._take(updates)

    async def _fetch(self) -> list[Mapping[str, Any]]:
        await self._gather()
        wait_s = LONG_POLL_S if self._is_proved else 0
        parameters: dict[str, object] = {"timeout": wait_s, "limit": LIMIT, "allowed_updates": WANTED}
        if self._offset is not None:
            parameters["offset"] = self._offset
        updates: list[Mapping[str, Any]] = await self._api.call(
            "getUpdates", parameters, timeout_s=wait_s + GRACE_S
        )
        return updates

    async def _gather(self) -> None:
        """Let updates come together when many come: every poll costs as much as an answer."""
        now_s = self._clock.monotonic()
        self._allowance = min(CALLS_PER_S / 10, self._allowance + (now_s - self._refilled_s) * CALLS_PER_S)
        self._refilled_s = now_s
        if self._allowance < 1.0:
            await self._clock.sleep(GATHER_S)
        self._allowance -= 1.0

    async def _take(self, updates: Sequence[Mapping[str, Any]]) -> None:
        """Hand a batch over. The offset moves behind what is on disk, whichever way the numbers have gone.

        Once nothing is left to confirm, none is sent: after a week without updates the numbers begin anew, perhaps
        lower, and an old offset would confirm unseen ones.
        """
        if not updates:
            self._offset = None
        failures = await self._intake.take(updates) if updates else []
        for update, failure in zip(updates, failures, strict=True):
            if failure is not None:
                self._offset = int(update["update_id"])
                return await self._held_up(failure)
            self._offset = int(update["update_id"]) + 1
        if len(updates) < LIMIT:
            self._intake.missed_before(None)  # what Telegram had kept for us has come
        return None

    async def _held_up(self, failure: QuarterdeckError) -> None:
        log.warning("Updates wait at Telegram", extra={"error": failure.message})
        await self._clock.sleep(BUSY_S)

    def _stands(self) -> None:
        if self._failures or self._conflicts:
            log.info("Telegram answers again", extra={"failures": self._failures})
        self._failures = self._conflicts = 0
        self._is_proved = True
        self._show("receiving")

    async def _stumbled(self, error: ServiceError) -> None:
        self._is_proved = False
        if isinstance(error, AuthFailed):
            raise error
        if isinstance(error, Rejected) and error.status == 409:
            return await self._conflict(error)
        self._failures += 1
        self._show("connecting")
        if self._failures == 1:
            log.warning("Telegram does not answer", extra={"error": error.message})
            self._intake.missed_before(self._clock.now())
        pause_s = min(LONGEST_PAUSE_S, pause_after(self._failures))
        if isinstance(error, RateLimited) and error.retry_after_s:
            pause_s = max(pause_s, error.retry_after_s)
        await self._clock.sleep(pause_s)
        return None

    async def _conflict(self, error: Rejected) -> None:
        if "webhook" in error.detail.lower():
            return await self._leave_webhook()
        self._show("off")
        if self._conflicts == 0:
            log.error(
                "Another program polls Telegram with this bot's token; this one has stopped polling",
                extra={
                    "hint": "stop the other one, or give each a bot of its own; then this one goes on by itself"
                },
            )
        pause_s = STEP_BACK_S[min(self._conflicts, len(STEP_BACK_S) - 1)]
        self._conflicts += 1
        await self._clock.sleep(pause_s)
        return None

    async def _leave_webhook(self) -> None:
        """Take away a webhook that was left set: the settings say polling."""
        log.warning("A webhook was set for this bot; it is taken away, since the settings say polling")
        try:
            await self._api.call("deleteWebhook", {"drop_pending_updates": False})
        except ServiceError as error:
            await self._stumbled(error)
