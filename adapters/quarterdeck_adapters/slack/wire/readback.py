"""Find out whether a message was posted already: Slack takes no key for a post, but keeps ours in its metadata.

A key is looked for only where it may have been tried: its answer was lost, or it is the answer to an event that an
earlier process took. What such a process left half done lies near the moment when it was last alive. An answer that
went out in the acknowledgement of a slash command carries no key; it is known by its words, within seconds of that
moment.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.core.adapter import Memory
from quarterdeck.core.errors import Gone, Rejected, ServiceError
from quarterdeck.core.ports import Clock
from quarterdeck_adapters.slack.errors import SERVICE
from quarterdeck_adapters.slack.ids import Place
from quarterdeck_adapters.slack.reading.messages import items, mapping, text_of

if TYPE_CHECKING:
    from quarterdeck_adapters.slack.wire.client import Client

EVENT_TYPE: Final = "quarterdeck_reply"
TRIED_S: Final = 7 * 86_400.0  # a person may retry a lost message as long as that
SLACK_S: Final = 120.0  # clocks differ, and a request may travel for a while
ACK_S: Final = 5.0  # the same for an acknowledgement, whose words may be those of an earlier one
BEAT_S: Final = 2.0  # while something is sent; a minute otherwise
IDLE_BEATS: Final = 30
ALIVE: Final = "alive"
PAGE: Final = 200
PAGES: Final = 25
MOST_TRIED: Final = 10_000

log = logging.getLogger(__name__)


def metadata(key: str) -> dict[str, object]:
    """Return what marks a message as ours."""
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}


class ReadBack:
    """Know which keys may have been tried, and look for their messages."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory, self._clock = memory, clock
        self._tried: dict[str, float] = {}  # keys whose outcome is unknown, and when, in s since the epoch
        self._earlier: dict[
            Place, dict[str, str]
        ] = {}  # what an earlier process posted last, by key or words
        self._is_busy = False
        self.alive_until_s = 0.0  # when an earlier process was last alive; 0: there was none

    async def begin(self) -> None:
        """Learn when an earlier process was last alive."""
        kept = await self._memory.get(ALIVE)
        self.alive_until_s = float(kept) if isinstance(kept, int | float) else 0.0

    async def beat(self) -> None:
        """Write down that this process is alive, again and again."""
        idle = 0
        while True:
            if self._is_busy or idle % IDLE_BEATS == 0:
                self._is_busy, idle = False, 0
                await self._memory.put(ALIVE, self._clock.now_ms() / 1000)
            idle += 1
            await self._clock.sleep(BEAT_S)

    def touch(self) -> None:
        """Note that something is sent."""
        self._is_busy = True

    async def doubt(self, key: str) -> None:
        """Write down that a key may have been posted."""
        now_s = self._clock.now_ms() / 1000
        self._tried.setdefault(key, now_s)
        if len(self._tried) > MOST_TRIED:
            self._tried.pop(next(iter(self._tried)))
        await self._memory.put(f"tried:{key}", self._tried[key], keep_s=TRIED_S)

    def is_doubtful(self, key: str) -> bool:
        """Tell whether this process tried the key and heard no answer."""
        return key in self._tried

    async def tried_at(self, key: str) -> float | None:
        """Return when the key was tried without an answer, in s since the epoch."""
        if key in self._tried:
            return self._tried[key]
        kept = await self._memory.get(f"tried:{key}")
        return float(kept) if isinstance(kept, int | float) else None

    async def found(self, client: Client, place: Place, key: str, text: str) -> str | None:
        """Return the ts of the message with this key, or in an acknowledgement this text; None when there is none.

        Raises:
            ServiceError: Slack did not say; it must not be posted again before it does.
        """
        tried_s = await self.tried_at(key)
        if tried_s is None:
            known = await self._of_earlier(client, place)
            return known.get(key) or (None if _is_of_message(key) else known.pop(_words(text), None))
        try:
            async for message in history(client, place, oldest_s=tried_s - SLACK_S):
                if _key_of(message) == key:
                    return text_of(message, "ts")
        except Gone as error:
            raise Rejected(
                "its first try had no answer, and Slack does not let us look whether it was posted",
                service=SERVICE,
                status=error.status,
                detail=error.detail,
                hint=error.hint,
            ) from error
        return None

    async def _of_earlier(self, client: Client, place: Place) -> dict[str, str]:
        """Return what an earlier process posted last; read once for each place."""
        if not self.alive_until_s:
            return {}
        if place not in self._earlier:
            known: dict[str, str] = {}
            try:
                async for message in history(client, place, oldest_s=self.alive_until_s - SLACK_S):
                    ts = text_of(message, "ts")
                    if found := _key_of(message):
                        known[found] = ts
                    elif message.get("bot_id") and float(ts or 0) >= self.alive_until_s - ACK_S:
                        known[_words(text_of(message, "text"))] = ts
            except Gone as error:  # the post itself will say so too
                log.info("Slack does not show what was posted", extra={"error": error.message})
            self._earlier[place] = known
        return self._earlier[place]


async def history(client: Client, place: Place, *, oldest_s: float) -> AsyncIterator[Mapping[str, Any]]:
    """Yield the messages of a place since `oldest_s`, with their metadata, newest page first.

    Raises:
        ServiceError: Slack refused, or there is more than we are willing to read.
    """
    cursor = ""
    for _ in range(PAGES):
        asked: dict[str, Any] = {
            "channel": place.channel,
            "oldest": f"{max(0.0, oldest_s):.6f}",
            "limit": PAGE,
            "include_all_metadata": True,
            "cursor": cursor or None,
        }
        if place.thread:
            answer = await client.conversations_replies(ts=place.thread, **asked)
        else:
            answer = await client.conversations_history(**asked)
        content: Any = answer.data
        for message in items(content, "messages"):
            yield message
        cursor = text_of(mapping(content, "response_metadata"), "next_cursor")
        if not cursor:
            return
    raise ServiceError("too much was posted since to look through", service=SERVICE, retryable=False)


def is_marked(message: Mapping[str, Any]) -> bool:
    """Tell whether a message carries a key of ours."""
    return bool(_key_of(message))


def _key_of(message: Mapping[str, Any]) -> str:
    found = mapping(message, "metadata")
    return text_of(mapping(found, "event_payload"), "key") if found.get("event_type") == EVENT_TYPE else ""


def _is_of_message(key: str) -> bool:
    """Tell whether the key answers a message: only commands and presses are answered without a key."""
    event = key.split(":", 2)[-1]
    return re.match(r"[CDG][A-Z0-9]+:[0-9]+\.[0-9]+", event) is not None


def _words(text: str) -> str:
    return f"words:{text}"
