"""Stop knocking where Discord has said no: 10,000 refused requests in ten minutes get the address banned.

docs.discord.com/developers/topics/rate-limits, "Invalid request limit", 2026-11-21.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from quarterdeck.core.errors import AuthFailed, ServiceError, Unavailable
from quarterdeck.core.ports import Clock

WINDOW_S: Final = 600.0
MOST: Final = 2_000  # refusals in the window; a fifth of what bans, since others may share the address
COUNTED: Final = frozenset({401, 403, 429})
SERVICE: Final = "discord"


class Breaker:
    """Count refusals and remember a refused token; closes again by itself when the window has passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refused_s: deque[float] = deque()
        self._auth: AuthFailed | None = None

    def check(self) -> None:
        """Keep a request from going out that would be refused.

        Raises:
            AuthFailed: the token was refused before, and it is still the same.
            Unavailable: too many requests were refused lately.
        """
        if self._auth is not None:
            raise self._auth
        now_s = self._clock.monotonic()
        while self._refused_s and now_s - self._refused_s[0] >= WINDOW_S:
            self._refused_s.popleft()
        if len(self._refused_s) >= MOST:
            pause_s = WINDOW_S - (now_s - self._refused_s[0])
            raise Unavailable(
                f"Discord refused {MOST} requests in ten minutes; waiting so that it does not ban this address",
                service=SERVICE,
                retry_after_s=pause_s,
            )

    def refused(self, status: int, error: ServiceError) -> None:
        """Count a refusal."""
        if status in COUNTED:
            self._refused_s.append(self._clock.monotonic())
        if isinstance(error, AuthFailed):
            self._auth = error

    def reset(self) -> None:
        """Forget the refused token: there is a new one."""
        self._auth = None
