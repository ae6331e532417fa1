"""Keep updates until the bot has them: by long polling or by webhook.

Words and rules after the published server (tdlib/telegram-bot-api, Client.cpp and WebhookActor.cpp, 2026-11-21):
a second `getUpdates` ends the first one; `offset` confirms everything below it; updates wait 24 hours. One thing is
kept harder than there: an offset far beyond the queue is believed, where the server would begin at its head, so that a
bot which trusts in rising numbers is found out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, Final

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.telegram.parameters import Call
from quarterdeck.testing.simulator.telegram.refusal import Refused, conflict

KEEP_S: Final = 24 * 3600.0
LONGEST_POLL_S: Final = 50
KINDS: Final = (
    "message",
    "edited_message",
    "callback_query",
    "my_chat_member",
    "chat_member",
    "message_reaction",
)
# Without these in allowed_updates a bot does not get them (Bot API, getUpdates, 2026-11-21).
ON_REQUEST: Final = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
WEBHOOK_ACTIVE: Final = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
OTHER_POLLER: Final = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)


@dataclass(eq=False)
class Queued:
    """Be one update that waits; `chat` keeps order in a webhook, `is_again` is a second copy of the same."""

    id: int
    kind: str
    body: dict[str, Any]
    chat: int
    at: float
    is_again: bool = False
    failures: int = 0

    def update(self) -> dict[str, Any]:
        """Return it as an Update."""
        return {"update_id": self.id, self.kind: self.body}


@dataclass
class Poll:
    """Be a `getUpdates` that waits for something to happen."""

    woken: asyncio.Future[None]
    break_off: Callable[[], None]


@dataclass
class Updates:
    """Hold the queue. `changed` is called whenever something joined it."""

    clock: Clock
    changed: Callable[[], None]
    next_id: int = 100_000_001
    waiting: list[Queued] = field(default_factory=list)
    allowed: frozenset[str] = frozenset(KINDS) - ON_REQUEST
    is_polled: bool = False
    has_webhook: bool = False
    lost: list[Queued] = field(default_factory=list)
    _poll: Poll | None = None

    def number(self) -> int:
        """Return the id of the next update."""
        self.next_id += 1
        return self.next_id - 1

    def add(self, one: Queued) -> None:
        """Queue an update, and wake who waits."""
        self.waiting.append(one)
        self.wake()
        self.changed()

    def wake(self) -> None:
        """Let a waiting poll look again."""
        if self._poll is not None and not self._poll.woken.done():
            self._poll.woken.set_result(None)

    def wants(self, kind: str) -> bool:
        """Say whether the bot asked for updates of this kind."""
        return kind in self.allowed

    def allow(self, value: object) -> None:
        """Keep what the bot wants from now on; None changes nothing, an empty list is the usual kinds."""
        if isinstance(value, Sequence) and not isinstance(value, str):
            self.allowed = frozenset(map(str, value)) if value else frozenset(KINDS) - ON_REQUEST

    def end_poll(self, refusal: Refused) -> None:
        """End the poll that waits, if there is one."""
        if self._poll is not None and not self._poll.woken.done():
            self._poll.woken.set_exception(refusal)
        self._poll = None

    def break_poll(self) -> None:
        """Break the connection of the poll that waits."""
        if self._poll is not None:
            self._poll.break_off()

    def forget(self) -> None:
        """Drop everything that waits."""
        self.waiting.clear()

    def expire(self) -> None:
        """Drop what waited for more than 24 hours."""
        oldest = self.clock.monotonic() - KEEP_S
        self.lost += [one for one in self.waiting if one.at < oldest]
        self.waiting = [one for one in self.waiting if one.at >= oldest]

    async def poll(self, call: Call, break_off: Callable[[], None]) -> list[dict[str, Any]]:
        """Answer getUpdates.

        Raises:
            Refused: a webhook is set, or another poll came.
        """
        if self.has_webhook:
            raise conflict(WEBHOOK_ACTIVE)
        self.end_poll(conflict(OTHER_POLLER))
        self.is_polled = True
        self.allow(call.json("allowed_updates"))
        self.expire()
        offset, limit = call.number("offset"), min(max(call.number("limit") or 100, 1), 100)
        self._confirm(offset)
        self.changed()
        if not self.waiting and (timeout_s := min(max(call.number("timeout"), 0), LONGEST_POLL_S)):
            await self._wait(timeout_s, break_off)
            self.expire()
        batch = [one for one in self.waiting if one.id >= offset or one.is_again][:limit]
        self.waiting = [one for one in self.waiting if not one.is_again or one not in batch]
        return [one.update() for one in batch]

    async def _wait(self, timeout_s: float, break_off: Callable[[], None]) -> None:
        mine = Poll(asyncio.get_running_loop().create_future(), break_off)
        self._poll = mine
        try:
            async with asyncio.timeout(timeout_s):
                await mine.woken
        except TimeoutError:
            return
        finally:
            if self._poll is mine:
                self._poll = None

    def _confirm(self, offset: int) -> None:
        """Forget what the bot has; a negative offset keeps that many from the end."""
        if offset < 0:
            self.waiting = self.waiting[offset:]
        elif offset > 0:
            self.waiting = [one for one in self.waiting if one.id >= offset or one.is_again]
