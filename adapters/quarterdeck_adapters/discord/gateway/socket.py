"""Speak the gateway over one connection: discord.py's socket, without the objects that it builds of each event.

What is taken over: transport, decompression, the limit of 120 sends a minute, close codes. What is ours: events go
out raw, heartbeats run on the event loop, and a missing answer to one ends the connection.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

import orjson
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.utils import _ActiveDecompressionContext

from quarterdeck_adapters.discord.api.rest import Rest

VERSION: Final = 10
HELLO_S: Final = 20.0
ACK_S: Final = (
    10.0  # a heartbeat unanswered for so long means a dead line; Discord's docs say: by the next one
)
SILENCE_S: Final = 90.0  # two heartbeats of Discord's usual 41 s
RESUMABLE_CLOSE: Final = 4000  # anything but 1000 and 1001, which end the session

Dispatch = Callable[[str, int, Mapping[str, Any]], None]
"""Take an event: its name, its number in the session, its data."""

log = logging.getLogger(__name__)


class Socket(DiscordWebSocket):
    """Hold one connection. `session_id` and `sequence` say where the session stands."""

    @classmethod
    async def connect(cls, rest: Rest, url: str, *, token: str, dispatch: Dispatch) -> Self:
        """Connect and take Discord's greeting; then `identify` or `resume`.

        Raises:
            Exception: what aiohttp or discord.py raise; see `errors.failure_of`.
        """
        async with asyncio.timeout(HELLO_S):
            gateway = yarl.URL(url)
            address = gateway.with_query(
                v=VERSION, encoding="json", compress=_ActiveDecompressionContext.COMPRESSION_TYPE
            )
            socket = cls(await rest.socket(str(address)), loop=asyncio.get_running_loop())
            socket.token, socket.gateway, socket.shard_id = token, gateway, None
            socket._max_heartbeat_timeout = SILENCE_S
            socket._take = dispatch
            try:
                while socket._beats is None:
                    await socket.poll_event()
            except BaseException:
                await socket.end()
                raise
        return socket

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._take: Dispatch = lambda name, number, data: None
        self._beats: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()
        self.is_held = False  # we read nothing just now, so answers cannot come

    async def identify(self, intents: int = 0) -> None:
        """Begin a new session; Discord allows 1,000 a day."""
        await self.send_as_json(
            {
                "op": self.IDENTIFY,
                "d": {
                    "token": self.token,
                    "intents": intents,
                    "properties": {"os": "linux", "browser": "quarterdeck", "device": "quarterdeck"},
                    "large_threshold": 50,
                },
            }
        )

    async def received_message(self, msg: Any, /) -> None:
        """Take one frame."""
        if type(msg) is bytes:
            msg = self._decompressor.decompress(msg)
            if msg is None:  # more of it is to come
                return
        frame = read(msg)
        if frame.get("s") is not None:
            self.sequence = frame["s"]
        if frame["op"] == self.DISPATCH:
            data: Any = frame["d"]
            if frame["t"] == "READY":
                self.session_id = data["session_id"]
                self.gateway = yarl.URL(data.get("resume_gateway_url") or str(self.gateway))
            self._take(frame["t"], frame["s"], data)
            return
        await self._control(frame["op"], frame.get("d"))

    async def _control(self, op: int, data: Any) -> None:
        match op:
            case self.HEARTBEAT_ACK:
                self._answered.set()
            case self.HEARTBEAT:
                await self.send_heartbeat({"op": self.HEARTBEAT, "d": self.sequence})
            case self.HELLO:
                interval_s = data["heartbeat_interval"] / 1000.0
                self._beats = asyncio.get_running_loop().create_task(self._beat(interval_s), name="heartbeat")
            case self.RECONNECT:
                raise ReconnectWebSocket(None)
            case self.INVALIDATE_SESSION:
                raise ReconnectWebSocket(None, resume=data is True)
            case _:
                log.debug("Unknown gateway operation", extra={"op": op})

    async def _beat(self, interval_s: float) -> None:
        """Ask for a sign of life at once and at each interval; end the connection when none comes."""
        try:
            while not self.socket.closed:
                self._answered.clear()
                await self.send_heartbeat({"op": self.HEARTBEAT, "d": self.sequence})
                limit_s = min(ACK_S, interval_s)
                try:
                    async with asyncio.timeout(limit_s):
                        await self._answered.wait()
                except TimeoutError:
                    if not self.is_held:
                        log.warning("Discord's gateway is silent; connecting anew")
                        await self.socket.close(code=RESUMABLE_CLOSE)
                        return
                await asyncio.sleep(max(0.0, interval_s - limit_s) if self.is_held else interval_s)
        except (ConnectionError, RuntimeError) as error:
            log.debug("Heartbeat not sent", extra={"error": repr(error)})
            await self.socket.close(code=RESUMABLE_CLOSE)

    async def end(self) -> None:
        """Close so that the session can be resumed."""
        if self._beats is not None and self._beats is not asyncio.current_task():
            self._beats.cancel()
            await asyncio.gather(self._beats, return_exceptions=True)
        await self.socket.close(code=RESUMABLE_CLOSE)


def read(text: str) -> dict[str, Any]:
    """Return a frame's JSON, also where somebody wrote half a character."""
    try:
        frame: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError:
        frame = json.loads(text)
    return frame
