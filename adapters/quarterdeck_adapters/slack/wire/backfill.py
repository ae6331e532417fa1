"""Read what was said while nobody listened: after a restart, a lost connection, events that Slack held back.

How far each conversation was read is written down every few seconds, not for each message: reading a little too far
back costs nothing, since a message has the same id however it comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.core.adapter import Accept, Memory
from quarterdeck.core.errors import Busy, Gone, RateLimited, ServiceError, Unavailable
from quarterdeck.core.event import Event, Posted
from quarterdeck.core.ports import Clock
from quarterdeck_adapters.slack import ids
from quarterdeck_adapters.slack.ids import Account, Place
from quarterdeck_adapters.slack.reading.messages import items, mapping, posted, text_of
from quarterdeck_adapters.slack.wire.readback import history

if TYPE_CHECKING:
    from quarterdeck_adapters.slack.wire.client import Client

SEEN: Final = "seen"
WRITE_S: Final = 10.0
SETTLE_S: Final = 2.0  # after a gap: what is on its way live need not be read
RETRY_S: Final = 30.0
BUSY_S: Final = 5.0
MOST_THREADS: Final = 500
MARGIN_S: Final = 120.0  # before the last sign of life: what was under way then may not have been taken
PAGE: Final = 200
OLDER: Final = 400  # messages before the gap that are looked at for new replies
KINDS: Final = ("public_channel", "private_channel", "mpim", "im")

log = logging.getLogger(__name__)


class Backfill:
    """Know how far each conversation was read, and read the rest after a gap."""

    def __init__(self, memory: Memory, clock: Clock, away_s: float) -> None:
        self._memory, self._clock, self._away_s = memory, clock, away_s
        self._seen: OrderedDict[str, str] = (
            OrderedDict()
        )  # the last ts by conversation, latest spoken in last
        self._before: dict[str, str] | None = None  # the same when the gap began, while there is one
        self._is_changed = False
        self._gap = asyncio.Event()
        self._since_s = 0.0  # what was said before is no gap

    async def begin(self, alive_until_s: float) -> None:
        """Learn how far an earlier process has read; `alive_until_s` is when it was last alive, 0 where none was."""
        kept = await self._memory.get(SEEN)
        if isinstance(kept, Mapping):
            self._seen.update({name: str(ts) for name, ts in kept.items()})
        now_s = self._clock.now_ms() / 1000
        self._since_s = alive_until_s - MARGIN_S if alive_until_s else now_s
        if alive_until_s:
            self.lose()

    def note(self, event: Event) -> None:
        """Note that an event came."""
        if not isinstance(event, Posted):
            return
        name, ts = event.conversation.id, ids.ts_of(event.id)
        if float(self._seen.get(name, "0")) < float(ts):
            self._seen[name] = ts
            self._is_changed = True
        self._seen.move_to_end(name)

    @property
    def is_behind(self) -> bool:
        """Tell whether something may have been missed that was not read yet."""
        return self._before is not None

    def lose(self) -> None:
        """Say that nobody listens from now on."""
        if self._before is None:
            self._before, self._is_changed = dict(self._seen), True

    def mark(self) -> None:
        """Say that something may have been missed, and that it can be read now."""
        self.lose()
        self._gap.set()

    async def run(self, client: Client, account: Account, accept: Accept) -> None:
        """Read after each gap, until cancelled."""
        failures = 0
        while True:
            await self._gap.wait()
            await self._clock.sleep(SETTLE_S)
            self._gap.clear()
            before = self._before if self._before is not None else self._seen
            try:
                count = await self._read(client, account, accept, before)
            except ServiceError as error:
                failures += 1
                if failures == 1:
                    log.warning("Cannot read what was missed; trying again", extra={"error": error.message})
                self._gap.set()
                await self._clock.sleep(getattr(error, "retry_after_s", None) or RETRY_S)
                continue
            failures = 0
            if not self._gap.is_set():
                self._before, self._is_changed = None, True
            log.info("Read what was missed", extra={"messages": count})

    async def write(self) -> None:
        """Write down how far we have read, again and again."""
        while True:
            await self._clock.sleep(WRITE_S)
            await self.flush()

    async def flush(self) -> None:
        """Write down how far we have read; a gap is not passed over before it is read."""
        if not self._is_changed:
            return
        self._is_changed = False
        threads = [name for name in self._seen if name.count(":") == 3]
        for name in threads[: max(0, len(threads) - MOST_THREADS)]:
            del self._seen[name]
        await self._memory.put(SEEN, dict(self._seen) if self._before is None else self._before)

    async def _read(self, client: Client, account: Account, accept: Accept, before: Mapping[str, str]) -> int:
        """Hand over everything since `before`; returns how many were new."""
        now_s, floor_s = self._clock.now_ms() / 1000, self._floor_s()
        places = [Place(account.team, one) async for one in channels(client)]
        member_of = {place.channel for place in places}
        places += [place for place in self._threads() if place.channel in member_of]
        new = 0
        for place in places:
            name = ids.conversation(place.team, place.channel, place.thread).id
            oldest_s = max(floor_s, float(before.get(name, self._since_s)))
            new += await self._read_place(client, account, accept, place, oldest_s)
        self._since_s = now_s
        return new

    async def _read_place(
        self, client: Client, account: Account, accept: Accept, place: Place, oldest_s: float
    ) -> int:
        since = f"{oldest_s:.6f}"
        messages = await _patiently(self._clock, client, place, since, self._floor_s())
        new = 0
        for message in sorted(messages, key=lambda one: text_of(one, "ts")):
            if text_of(message, "ts") > since:  # older ones came along for their replies
                inner = {**message, "channel": place.channel}
                event = posted(inner, account, team=account.team, at=self._clock.now(), is_late=True)
                if event is not None and await self._handed_over(accept, event):
                    new += 1
            if not place.thread and text_of(message, "latest_reply") > since:
                thread = Place(place.team, place.channel, text_of(message, "ts"))
                new += await self._read_place(client, account, accept, thread, oldest_s)
        return new

    def _floor_s(self) -> float:
        return self._clock.now_ms() / 1000 - self._away_s

    async def _handed_over(self, accept: Accept, event: Posted) -> bool:
        while True:
            try:
                is_new = await accept(event)
            except (Busy, Unavailable):
                await self._clock.sleep(BUSY_S)
            else:
                self.note(event)
                return is_new

    def _threads(self) -> list[Place]:
        found = [name.split(":", 3) for name in self._seen if name.count(":") == 3]
        return [Place(team, channel, thread) for _, team, channel, thread in found]


async def _patiently(
    clock: Clock, client: Client, place: Place, since: str, floor_s: float
) -> list[Mapping[str, Any]]:
    """Return what was said since, at the pace that Slack allows; nothing where it does not let us read.

    Some earlier messages of a channel come along: somebody may have replied to them meanwhile.
    """
    while True:
        found: list[Mapping[str, Any]] = []
        older = 0
        try:
            async for message in history(client, place, oldest_s=float(since) if place.thread else floor_s):
                found.append(message)
                older += text_of(message, "ts") <= since
                if older > OLDER:
                    break
        except RateLimited as error:
            await clock.sleep(error.retry_after_s or RETRY_S)
        except Unavailable:
            raise
        except ServiceError as error:
            log.warning(
                "Not all of a conversation is read", extra={"error": error.message, "hint": error.hint}
            )
            return found
        else:
            return found


async def channels(client: Client) -> AsyncIterator[str]:
    """Yield the channels that the bot is in; a kind of channel that it has no right to list is left out."""
    for kind in KINDS:
        cursor = ""
        while True:
            try:
                answer: Any = (
                    await client.users_conversations(
                        types=kind, limit=PAGE, exclude_archived=True, cursor=cursor or None
                    )
                ).data
            except Gone as error:
                log.info("Channels of a kind are not read", extra={"kind": kind, "error": error.message})
                break
            for channel in items(answer, "channels"):
                yield text_of(channel, "id")
            cursor = text_of(mapping(answer, "response_metadata"), "next_cursor")
            if not cursor:
                break
