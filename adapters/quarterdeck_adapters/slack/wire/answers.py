"""Hold what an event can still be answered with: its acknowledgement, its trigger, its response URL.

A slash command may be answered in the acknowledgement for 3 s, a modal opened by its trigger for 3 s, its response URL
written to five times in 30 min (docs.slack.dev, slash commands and interactivity, 2026-11-21).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from quarterdeck.core.adapter import Memory
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck_adapters.slack.reading.slash import url_of

TRIGGER_S: Final = 2.7  # of Slack's 3 s
RESPONSE_URL_S: Final = 29 * 60.0
RESPONSE_URL_USES: Final = 5
MOST: Final = 4_000  # events remembered, 600 bytes each; what slow commands need is on disk, too

Body = Mapping[str, object]


@dataclass(slots=True)
class Acknowledgement:
    """Wait for the first part of an answer. `offer` returns whether it went out with the acknowledgement."""

    body: asyncio.Future[Body | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    outcome: asyncio.Future[bool] | None = None

    async def answer(self, limit_s: float) -> Body | None:
        """Return the answer; None when none comes within `limit_s`, or none is to be waited for."""
        timer = self.body.get_loop().call_later(limit_s, self.close)
        try:
            return await self.body
        finally:
            timer.cancel()

    def close(self) -> None:
        """Wait no longer."""
        if not self.body.done():
            self.body.set_result(None)

    async def offer(self, body: Body) -> bool:
        """Answer with `body`; False where it is too late, or the connection broke."""
        if self.body.done():
            return False
        self.outcome = self.body.get_loop().create_future()
        self.body.set_result(body)
        return await self.outcome

    def settle(self, *, is_sent: bool) -> None:
        """Say what became of the acknowledgement."""
        if self.outcome is not None and not self.outcome.done():
            self.outcome.set_result(is_sent)


@dataclass(slots=True)
class Opening:
    """Say how one event can be answered. `is_ours`: it was new when it came, so no other process has answered it."""

    at_s: float
    is_ours: bool = False
    user: str = ""
    trigger_id: str = ""
    response_url: str = ""
    uses: int = 0
    acknowledgement: Acknowledgement | None = None
    is_form: bool = False

    def trigger(self, now_s: float) -> str:
        """Return the trigger while it opens modals, once."""
        trigger, self.trigger_id = self.trigger_id, ""
        return trigger if now_s - self.at_s <= TRIGGER_S else ""


class Answers:
    """Remember openings by the key of their event."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory, self._clock = memory, clock
        self._openings: OrderedDict[str, Opening] = OrderedDict()

    def hold(self, key: str, opening: Opening) -> None:
        """Remember how to answer the event."""
        self._openings[key] = opening
        if len(self._openings) > MOST:
            self._openings.popitem(last=False)

    def own(self, key: str, user: str = "") -> None:
        """Remember that the event came to this process first, and whose it is."""
        opening = self._openings.get(key)
        if opening is None:
            self.hold(key, Opening(at_s=self._clock.monotonic(), is_ours=True, user=user))
        else:
            opening.is_ours = True

    def is_ours(self, key: str) -> bool:
        """Tell whether the event came to this process first."""
        opening = self._openings.get(key)
        return opening is not None and opening.is_ours

    def opening(self, key: str) -> Opening | None:
        """Return how the event can be answered, None where this process does not know it."""
        return self._openings.get(key)

    async def keep(self, key: str) -> None:
        """Write the response URL down, for an answer that takes longer than this process may live."""
        opening = self._openings.get(key)
        if opening is not None and opening.response_url:
            kept = {"url": url_of(opening.response_url), "user": opening.user}
            await self._memory.put(_name(key), kept, keep_s=RESPONSE_URL_S)

    async def response_url(self, key: str) -> str:
        """Return the response URL while it can be written to; each call is one use."""
        opening = self._openings.get(key)
        if opening is None:
            kept = await self._memory.get(_name(key))
            url = kept.get("url") if isinstance(kept, Mapping) else None
            if not isinstance(url, str):
                return ""
            opening = Opening(at_s=self._clock.monotonic(), response_url=url)
            self.hold(key, opening)
        is_over = self._clock.monotonic() - opening.at_s > RESPONSE_URL_S
        if is_over or opening.uses >= RESPONSE_URL_USES:
            return ""
        opening.uses += 1
        return url_of(opening.response_url)


def _name(key: str) -> str:
    return f"response:{key}"
