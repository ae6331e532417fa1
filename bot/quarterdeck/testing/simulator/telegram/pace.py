"""Hold a bot to the pace that Telegram asks for (Bots FAQ, "My bot is hitting limits", 2026-11-21).

About one message a second in one chat, 20 a minute in a group, 30 a second in all. The servers are not exact, so a
twentieth of a second less than a second passes.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import field
from typing import Final

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.telegram.refusal import too_many

SLACK_S: Final = 0.05


@dataclass
class Window:
    """Let `count` calls pass in any stretch of `seconds`."""

    count: int
    seconds: float
    passed: deque[float] = field(default_factory=deque)

    def wait_s(self, now: float) -> float:
        """Return the seconds until one more may pass; 0 for now."""
        while self.passed and self.passed[0] <= now - self.seconds:
            self.passed.popleft()
        return 0.0 if len(self.passed) < self.count else self.passed[0] + self.seconds - now


class Pace:
    """Count what a bot sends; does nothing until `is_enforced`."""

    def __init__(self, clock: Clock, *, is_enforced: bool) -> None:
        self._clock = clock
        self.is_enforced = is_enforced
        self._all = Window(30, 1.0)
        self._chats: dict[int, Window] = {}
        self._groups: dict[int, Window] = {}

    def check(self, chat_id: int, *, is_group: bool) -> None:
        """Pass one call to a chat.

        Raises:
            Refused: it came too early; nothing is counted.
        """
        if not self.is_enforced:
            return
        now = self._clock.monotonic()
        windows = [self._all, self._chats.setdefault(chat_id, Window(1, 1.0 - SLACK_S))]
        if is_group:
            windows.append(self._groups.setdefault(chat_id, Window(20, 60.0)))
        wait_s = max(window.wait_s(now) for window in windows)
        if wait_s > 0:
            raise too_many(max(1, math.ceil(wait_s)))
        for window in windows:
            window.passed.append(now)
