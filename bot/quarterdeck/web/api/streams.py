"""Send what happens in a conversation as server-sent events: nothing lost, nothing doubled, in order.

What stands in the conversation is read from disk after each wake, from the last number on, so a stream that lags or
was cut off goes on where it was. Unfinished answers have no number: a stream that joins late gets all of one at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any

from aiohttp import web

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.ports import Answering
from quarterdeck.core.screen import Chat, Item, Room, Rooms, Watched
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.web.access.caller import Caller, refusal
from quarterdeck.web.api import show
from quarterdeck.web.html import Growing

HEARTBEAT_S = 15.0
TICK_S = 0.3  # how often it is looked whether who watches still may
GRACE_S = 0.3  # how long the last words may take to be sent
COALESCE_S = 0.03
BATCH = 200
MOST_PER_PERSON = 1_000
RETRY_MS = 1000
HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store"}

IsValid = Callable[[Caller], Awaitable[bool]]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Shown:
    """Remember how much of an unfinished answer a stream has sent."""

    length: int = 0
    stable: int = 0
    growing: Growing = field(default_factory=Growing)


class Stream:
    """Be one open stream."""

    def __init__(self, caller: Caller, room: Room, response: web.StreamResponse) -> None:
        self.caller, self.room, self.response = caller, room, response
        self.woken, self.over = asyncio.Event(), ""
        self.transport: asyncio.Transport | None = None
        self._last, self._working, self._is_typing = 0, list[str](), False
        self._shown: dict[str, _Shown] = {}

    def end(self, reason: str) -> None:
        """Close it soon: with its reason if the other side still reads."""
        if not self.over:
            self.over = reason
            self.woken.set()
            asyncio.get_running_loop().call_later(GRACE_S, self._abort)

    async def serve(self, rooms: Rooms, watched: Watched, answering: Answering, after: int) -> None:
        """Send until the other side goes or `end` is called."""
        self._last, is_first = after, True
        await self.response.write(f"retry: {RETRY_MS}\n\n".encode())
        while not self.over:
            self.woken.clear()
            await self._send_items(rooms)
            if is_first:
                await self._send("ready", {"seq": self._last})
            working = [one.key for one in answering.under_way(self.room.id)]
            await self._send_pieces(watched.partials, working)
            await self._send_status(working, watched.is_typing, is_forced=is_first)
            is_first = False
            await self._sleep()
        await self._send("over", {"reason": self.over})

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await self.woken.wait()
            if not self.over:
                await asyncio.sleep(COALESCE_S)  # many pieces come at once: they are sent together
        except TimeoutError:
            await self.response.write(b": still here\n\n")

    async def _send_items(self, rooms: Rooms) -> None:
        while items := await rooms.since(self.room.id, self._last, BATCH):
            shown = await in_thread(lambda found=items: [_event(item) for item in found])  # type: ignore[misc]
            for item, (name, data) in zip(items, shown, strict=True):
                if self.over:
                    return
                await self._send(name, data, seq=item.seq)
                self._last = item.seq
                self._shown.pop(item.cause, None)

    async def _send_pieces(self, partials: Mapping[str, str], working: list[str]) -> None:
        for cause, text in list(partials.items()):
            if cause not in working:
                continue
            shown = self._shown.setdefault(cause, _Shown())
            if len(text) <= shown.length:
                continue
            shown.growing.update(text)
            await self._send(
                "piece",
                {
                    "cause": cause,
                    "at": shown.length,
                    "text": text[shown.length :],
                    "from": shown.stable,
                    "html": shown.growing.blocks[shown.stable :],
                },
            )
            shown.length, shown.stable = len(text), shown.growing.stable

    async def _send_status(self, working: list[str], is_typing: bool, *, is_forced: bool) -> None:
        is_typing = is_typing and bool(working)
        if is_forced or working != self._working or is_typing != self._is_typing:
            self._working, self._is_typing = working, is_typing
            await self._send("status", {"working": working, "typing": is_typing})

    async def _send(self, name: str, data: Mapping[str, Any] | str, *, seq: int | None = None) -> None:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        number = f"id: {seq}\n" if seq is not None else ""
        await self.response.write(f"event: {name}\n{number}data: {text}\n\n".encode("utf-8", "replace"))

    def is_behind(self, answering: Answering) -> bool:
        """Tell whether what is being answered has changed since it was last said."""
        return [one.key for one in answering.under_way(self.room.id)] != self._working

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Streams:
    """Hold every open stream, and close those whose caller may not go on."""

    def __init__(self, rooms: Rooms, chat: Chat, answering: Answering, is_valid: IsValid) -> None:
        self._rooms, self._chat, self._answering = rooms, chat, answering
        self._is_valid = is_valid
        self._open: set[Stream] = set()
        self._looked = asyncio.Event()
        self._is_closed = False

    async def answer(
        self, request: web.Request, caller: Caller, room: Room, after: int
    ) -> web.StreamResponse:
        """Stream a conversation to whoever asked."""
        if request.method == "HEAD":  # it would wait for nothing
            return web.Response(headers=HEADERS)
        mine = sum(1 for one in self._open if one.caller.person.id == caller.person.id)
        if mine >= MOST_PER_PERSON or self._is_closed:
            raise refusal(429, "too many open streams", hint="close some", retry_after_s=1.0)
        response = web.StreamResponse(headers=HEADERS)
        stream = Stream(caller, room, response)
        stream.transport = request.transport
        watched = self._chat.watch(room.id, stream.woken.set)
        self._open.add(stream)
        try:
            await response.prepare(request)
            await stream.serve(self._rooms, watched, self._answering, after)
            await response.write_eof()
        except ConnectionError:
            pass
        except QuarterdeckError as error:
            log.info("Stream ended", extra={"error": error.message})
        finally:
            self._open.discard(stream)
            watched.unwatch()
            stream.transport = None
        return response

    def look(self) -> None:
        """Look at once whether all callers may go on."""
        self._looked.set()

    def close(self, room_id: str) -> None:
        """End the streams of a conversation that was deleted."""
        for stream in list(self._open):
            if stream.room.id == room_id:
                stream.end("deleted")

    async def serve(self) -> None:
        """Look a few times a second whether callers may go on and what is being answered, until cancelled."""
        try:
            while True:
                await self._check()
                try:
                    async with asyncio.timeout(TICK_S):
                        await self._looked.wait()
                except TimeoutError:
                    pass
                self._looked.clear()
        finally:
            self.stop()

    def stop(self) -> None:
        """End every stream: the bot stops."""
        self._is_closed = True
        for stream in list(self._open):
            stream.end("stopping")

    async def _check(self) -> None:
        verdicts: dict[str, bool] = {}
        for stream in list(self._open):
            proof = stream.caller.proof
            if proof not in verdicts:
                verdicts[proof] = await self._may_go_on(stream.caller)
            if not verdicts[proof]:
                stream.end("signed_out")
            elif stream.is_behind(self._answering):
                stream.woken.set()

    async def _may_go_on(self, caller: Caller) -> bool:
        try:
            return await self._is_valid(caller)
        except QuarterdeckError:
            return False


def _event(item: Item) -> tuple[str, str]:
    if item.kind == "rewind":
        return "rewind", json.dumps({"to": item.target})
    shown = show.message(item).model_dump_json()
    return (
        ("edit", f'{{"of": {item.target}, "message": {shown}}}')
        if item.kind == "edit"
        else ("message", shown)
    )
