"""Hold a bot to Discord's rate limits, and count what it does wrong (docs "Rate Limits", 2026-11-21).

Limits of single routes are not published; those here are what bots meet: five messages in five seconds in a channel.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import field
from typing import Final

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass

GLOBAL_COUNT: Final = 50
BAN_COUNT: Final = 10_000
BAN_S: Final = 600.0
INVALID: Final = frozenset({401, 403, 429})
# method and kind of route → how many in how many seconds
ROUTES: Final = {
    ("POST", "messages"): (5, 5.0),
    ("PATCH", "message"): (5, 5.0),
    ("DELETE", "message"): (5, 1.0),
    ("PUT", "reaction"): (1, 0.25),
    ("POST", "webhook"): (5, 2.0),
    ("PATCH", "webhook message"): (5, 2.0),
}


@dataclass
class Bucket:
    """Let `count` requests pass in `seconds` from the first one on."""

    count: int
    seconds: float
    used: int = 0
    resets: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say whether a request may pass, with the headers of its bucket."""

    wait_s: float = 0.0
    is_global: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class Pace:
    """Count requests; lets all of them pass until `is_enforced`, the ban excepted."""

    def __init__(self, clock: Clock, *, is_enforced: bool, ban_after: int = BAN_COUNT) -> None:
        self._clock, self.is_enforced, self._ban_after = clock, is_enforced, ban_after
        self._buckets: dict[tuple[str, str, str], Bucket] = {}
        self._all: deque[float] = deque()
        self._invalid: deque[float] = deque()

    def note(self, status: int) -> None:
        """Count an answer that says that the bot did wrong."""
        if status in INVALID:
            self._invalid.append(self._clock.monotonic())

    @property
    def is_banned(self) -> bool:
        """Say whether the address is shut out, for too many wrong requests in ten minutes."""
        oldest = self._clock.monotonic() - BAN_S
        while self._invalid and self._invalid[0] <= oldest:
            self._invalid.popleft()
        return len(self._invalid) >= self._ban_after

    def check(self, method: str, kind: str, major: str, *, counts_globally: bool) -> Verdict:
        """Pass one request, or say how long to wait."""
        if not self.is_enforced:
            return Verdict()
        now = self._clock.monotonic()
        if counts_globally and (wait_s := self._global_wait_s(now)) > 0:
            return Verdict(
                wait_s, is_global=True, headers={"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
            )
        if (method, kind) not in ROUTES:
            self._count(now, counts_globally=counts_globally)
            return Verdict()
        count, seconds = ROUTES[method, kind]
        bucket = self._buckets.setdefault((method, kind, major), Bucket(count, seconds))
        if now >= bucket.resets:
            bucket.used, bucket.resets = 0, now + bucket.seconds
        is_over = bucket.used >= bucket.count
        if not is_over:
            bucket.used += 1
            self._count(now, counts_globally=counts_globally)
        headers = self._headers(method, kind, bucket, now)
        if is_over:
            return Verdict(bucket.resets - now, headers=headers | {"X-RateLimit-Scope": "user"})
        return Verdict(headers=headers)

    def _headers(self, method: str, kind: str, bucket: Bucket, now: float) -> dict[str, str]:
        left_s = bucket.resets - now
        return {
            "X-RateLimit-Limit": str(bucket.count),
            "X-RateLimit-Remaining": str(bucket.count - bucket.used),
            "X-RateLimit-Reset": f"{self._clock.now_ms() / 1000 + left_s:.3f}",
            "X-RateLimit-Reset-After": f"{left_s:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(f"{method} {kind}".encode()).hexdigest()[:32],
        }

    def _global_wait_s(self, now: float) -> float:
        while self._all and self._all[0] <= now - 1.0:
            self._all.popleft()
        return 0.0 if len(self._all) < GLOBAL_COUNT else self._all[0] + 1.0 - now

    def _count(self, now: float, *, counts_globally: bool) -> None:
        if counts_globally:
            self._all.append(now)
