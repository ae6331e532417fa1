"""Refuse what comes too fast: one window of a minute for each method, and for posting one for each channel.

docs.slack.dev/apis/web-api/rate-limits, 2026-11-21: tiers are per method, workspace and minute, with some burst;
chat.postMessage takes one a second and channel, with short bursts, and several hundred a minute in all.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from quarterdeck.core.ports import Clock
from quarterdeck.testing.simulator.slack.api.registry import Method

WINDOW_S: Final = 60.0
BURST: Final = 1.2
POSTS_PER_CHANNEL: Final = 60
POSTS: Final = 600


class RateLimits:
    """Count calls; `wait_s` counts one more, or says how long to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, str], deque[float]] = {}

    def wait_s(self, method: Method, channel: str) -> int:
        """Return 0 when the call may go on, else the seconds for `Retry-After`."""
        if method.name in ("chat.postMessage", "chat.postEphemeral"):
            return self._count((method.name, channel), POSTS_PER_CHANNEL) or self._count(
                (method.name, ""), POSTS
            )
        return self._count((method.name, ""), method.per_minute)

    def _count(self, key: tuple[str, str], limit: int) -> int:
        now_s = self._clock.monotonic()
        calls = self._calls.setdefault(key, deque())
        while calls and now_s - calls[0] >= WINDOW_S:
            calls.popleft()
        if len(calls) >= math.ceil(limit * BURST):
            return max(1, math.ceil(WINDOW_S - (now_s - calls[0])))
        calls.append(now_s)
        return 0
