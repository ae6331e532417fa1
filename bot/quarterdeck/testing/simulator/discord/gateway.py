"""Be the gateway: sessions that outlive their sockets, events in order, a budget of identifies.

Docs "Gateway" and "Opcodes and Status Codes" (discord/discord-api-docs, 2026-11-21).
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final

from aiohttp import WSMsgType, web

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.discord.bodies import bot_body, guild_body, member_body
from quarterdeck.testing.simulator.discord.world import APPLICATION_ID, GUILD_ID, World
from quarterdeck.testing.simulator.faults import Faults
from quarterdeck.testing.simulator.server import LoopbackServer, break_socket

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, RECONNECT = 0, 1, 2, 3, 4, 6, 7
MEMBERS, INVALID, HELLO, ACK = 8, 9, 10, 11
GUILDS, GUILD_MEMBERS, PRESENCES, GUILD_MESSAGES, CONTENT = 1, 1 << 1, 1 << 8, 1 << 9, 1 << 15
KNOWN_INTENTS: Final = (1 << 26) - 1
SENDS, SENDS_S = 120, 60.0
PAYLOAD_BYTES: Final = 4096
SESSION_S: Final = 180.0  # "timeout after a few minutes"
IDENTIFY_EVERY_S: Final = 5.0
DAY_S: Final = 86_400.0
# from events of a server to the intent that brings them, then the same of direct conversations
INTENTS: Final = {
    "MESSAGE": (1 << 9, 1 << 12),
    "MESSAGE_REACTION": (1 << 10, 1 << 13),
    "GUILD_MEMBER": (GUILD_MEMBERS, GUILD_MEMBERS),
    "CHANNEL": (GUILDS, 0),
    "THREAD": (GUILDS, GUILDS),
    "INTERACTION": (0, 0),
}
BodyFor = Callable[["Session"], dict[str, Any]]


@dataclass
class Wire:
    """Be one connection; a deaf one hears and says nothing, as a half-open one."""

    request: web.Request
    socket: web.WebSocketResponse
    packer: Any = None
    session: Session | None = None
    is_deaf: bool = False
    sends: deque[float] = field(default_factory=deque)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send(self, payload: dict[str, Any]) -> None:
        """Send one payload, packed where the client asked for it."""
        if self.is_deaf or self.socket.closed:
            return
        text = json.dumps(payload, separators=(",", ":"))
        async with self.lock:
            try:
                if self.packer is None:
                    await self.socket.send_str(text)
                else:
                    packed = self.packer.compress(text.encode()) + self.packer.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(packed)
            except (ConnectionError, RuntimeError):
                return  # it broke meanwhile; what was not sent is in the session's log


@dataclass
class Session:
    """Be what a client identified; `log` holds every event, for a resume."""

    id: str
    intents: int
    seq: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    wire: Wire | None = None
    left_at: float = 0.0
    is_over: bool = False


class Gateway:
    """Hold sessions. `privileged` are the privileged intents that the application was given."""

    def __init__(
        self,
        world: World,
        clock: Clock,
        faults: Faults,
        server: Callable[[], LoopbackServer],
        *,
        privileged: int,
        identify_limit: int,
        heartbeat_s: float,
        is_strict: bool,
        changed: Callable[[], None],
    ) -> None:
        self._world, self._clock, self._faults, self._server = world, clock, faults, server
        self._privileged, self._limit, self._heartbeat_s = privileged, identify_limit, heartbeat_s
        self._is_strict, self._changed = is_strict, changed
        self._sessions: dict[str, Session] = {}
        self._numbers = 0
        self.token = ""
        self.identifies: deque[float] = deque()
        self.resumes = 0
        self.closes: list[int] = []
        self.wires: list[Wire] = []

    def routes(self) -> list[web.RouteDef]:
        """Return where sockets come in."""
        return [web.get(path, self._meet) for path in ("/gateway", "/gateway/", "/resume", "/resume/")]

    @property
    def is_connected(self) -> bool:
        """Say whether a session has a socket."""
        return any(session.wire is not None for session in self._live())

    def describe(self) -> dict[str, Any]:
        """Answer GET /gateway/bot."""
        self._forget_old()
        return {
            "url": f"{self._server().socket_url}/gateway",
            "shards": 1,
            "session_start_limit": {
                "total": self._limit,
                "remaining": max(0, self._limit - len(self.identifies)),
                "reset_after": int(DAY_S * 1000),
                "max_concurrency": 1,
            },
        }

    async def tell(self, event: str, body_for: BodyFor, *, is_direct: bool = False) -> None:
        """Bring an event to every session that asked for its kind, or let it go wrong as ordered."""
        kind = event.rpartition("_")[0]
        intent = INTENTS[kind][1 if is_direct else 0]
        for session in self._live():
            if intent and not session.intents & intent:
                continue
            body = body_for(session)

            async def send(session: Session = session, body: dict[str, Any] = body) -> None:
                await self._dispatch(session, event, body)

            async def disconnect(session: Session = session) -> None:
                self.break_off(session)

            if not await self._faults.pass_on(event, send, disconnect):
                # It is in the log of the session: who resumes gets it.
                self.break_off(session)
                await send()

    def break_off(self, session: Session) -> None:
        """Break the connection of a session, without a closing frame; the session lives on."""
        if session.wire is not None:
            break_socket(session.wire.request)
            session.wire.is_deaf = True
            self._leave(session)

    async def order_reconnect(self) -> None:
        """Ask every client to connect again and resume."""
        await self._to_all({"op": RECONNECT, "d": None})

    async def invalidate(self, *, is_resumable: bool = False) -> None:
        """Tell every client that its session is invalid; over, unless it may be resumed."""
        for session in self._live():
            session.is_over = not is_resumable
        await self._to_all({"op": INVALID, "d": is_resumable})

    def make_zombies(self) -> None:
        """Let every open connection hear and say nothing any more, while it stays open."""
        for wire in self.wires:
            wire.is_deaf = True
            if wire.session is not None and wire.session.wire is wire:
                self._leave(wire.session)

    async def close_all(self, code: int) -> None:
        """Close every connection with a code."""
        for wire in list(self.wires):
            await wire.socket.close(code=code)

    async def _to_all(self, payload: dict[str, Any]) -> None:
        for wire in list(self.wires):
            await wire.send(payload)

    async def _meet(self, request: web.Request) -> web.StreamResponse:
        socket = await self._server().accept_socket(request)
        wire = Wire(request, socket)
        if request.query.get("compress") == "zlib-stream":
            wire.packer = zlib.compressobj()
        elif request.query.get("compress") or request.query.get("encoding", "json") != "json":
            await socket.close(
                code=4002, message=b"this gateway speaks JSON, packed by zlib-stream or not at all"
            )
            return socket
        if request.query.get("v", "10") != "10":
            await socket.close(code=4012, message=b"Invalid API version")
            return socket
        self.wires.append(wire)
        try:
            await wire.send({"op": HELLO, "d": {"heartbeat_interval": int(self._heartbeat_s * 1000)}})
            await self._listen(wire)
        finally:
            self._part(wire)
        return socket

    async def _listen(self, wire: Wire) -> None:
        async for message in wire.socket:
            if wire.is_deaf:
                continue
            code = self._too_much(wire, message.data)
            if message.type is not WSMsgType.TEXT or code:
                await self._close(wire, code or 4002)
                return
            try:
                payload = json.loads(message.data)
                op, data = payload["op"], payload.get("d")
            except (ValueError, KeyError, TypeError):
                await self._close(wire, 4002)
                return
            code = await self._take(wire, op, data)
            if code:
                await self._close(wire, code)
                return

    def _too_much(self, wire: Wire, text: Any) -> int:
        now = self._clock.monotonic()
        wire.sends.append(now)
        while wire.sends[0] <= now - SENDS_S:
            wire.sends.popleft()
        if len(wire.sends) > SENDS:
            return 4008
        return 4002 if isinstance(text, str) and len(text.encode()) > PAYLOAD_BYTES else 0

    async def _take(self, wire: Wire, op: object, data: Any) -> int:
        """Take one payload; returns the code to close with, 0 to go on."""
        if op == HEARTBEAT:
            await wire.send({"op": ACK, "d": None})
            return 0
        if op == IDENTIFY:
            return await self._identify(wire, data if isinstance(data, dict) else {})
        if op == RESUME:
            return await self._resume(wire, data if isinstance(data, dict) else {})
        if wire.session is None:
            return 4003
        if op == MEMBERS:
            await self._send_members(wire.session, data)
            return 0
        return 0 if op in (PRESENCE, VOICE, 31, 43) else 4001

    async def _identify(self, wire: Wire, data: dict[str, Any]) -> int:
        if wire.session is not None:
            return 4005
        self._forget_old()
        now = self._clock.monotonic()
        if self._is_strict and self.identifies and now - self.identifies[-1] < IDENTIFY_EVERY_S:
            await wire.send({"op": INVALID, "d": False})
            return 0
        self.identifies.append(now)
        if len(self.identifies) > self._limit:
            # Discord ends all sessions and resets the token; its owner gets a mail.
            for session in self._live():
                session.is_over = True
            self.token = ""
        if not self.token or str(data.get("token", "")).removeprefix("Bot ") != self.token:
            return 4004
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~KNOWN_INTENTS or "properties" not in data:
            return 4013 if isinstance(intents, int) else 4002
        if intents & (GUILD_MEMBERS | PRESENCES | CONTENT) & ~self._privileged:
            return 4014
        if data.get("shard", [0, 1]) != [0, 1]:
            return 4010
        await self._start(wire, intents)
        return 0

    async def _start(self, wire: Wire, intents: int) -> None:
        self._numbers += 1
        session = Session(f"session{self._numbers}", intents)
        session.wire, wire.session = wire, session
        self._sessions[session.id] = session
        ready = {
            "v": 10,
            "user": bot_body() | {"verified": True, "mfa_enabled": False, "email": None, "flags": 0},
            "guilds": [{"id": str(GUILD_ID), "unavailable": True}],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": f"{self._server().socket_url}/resume",
            "shard": [0, 1],
            "application": {"id": str(APPLICATION_ID), "flags": 0},
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "user_settings": {},
        }
        await self._dispatch(session, "READY", ready)
        if intents & GUILDS:
            await self._dispatch(session, "GUILD_CREATE", guild_body(self._world, whole=True))
        self._changed()

    async def _resume(self, wire: Wire, data: dict[str, Any]) -> int:
        if wire.session is not None:
            return 4005
        if not self.token or str(data.get("token", "")).removeprefix("Bot ") != self.token:
            return 4004
        session = self._sessions.get(str(data.get("session_id")))
        if session is None or session not in self._live():
            await wire.send({"op": INVALID, "d": False})
            return 0
        seq = data.get("seq")
        if not isinstance(seq, int) or seq > session.seq:
            session.is_over = True
            return 4007
        if session.wire is not None:
            old = session.wire
            self._leave(session)
            await old.socket.close(code=4000)
        self.resumes += 1
        while missed := [one for one in session.log if one["s"] > seq]:  # more may come meanwhile
            for payload in missed:
                await wire.send(payload)
            seq = missed[-1]["s"]
        session.wire, wire.session = wire, session
        await self._dispatch(session, "RESUMED", {"_trace": []})
        self._changed()
        return 0

    async def _send_members(self, session: Session, data: Any) -> None:
        asked = data if isinstance(data, dict) else {}
        people = list(self._world.people.values())
        if asked.get("user_ids"):
            wanted = {
                str(one) for one in [asked["user_ids"]] for one in (one if isinstance(one, list) else [one])
            }
            people = [person for person in people if str(person.id) in wanted]
        elif not session.intents & GUILD_MEMBERS and not asked.get("query"):
            people = []
        chunk = {
            "guild_id": str(GUILD_ID),
            "members": [member_body(self._world, person) for person in people],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [],
        }
        await self._dispatch(session, "GUILD_MEMBERS_CHUNK", chunk | {"nonce": asked.get("nonce")})

    async def _dispatch(self, session: Session, event: str, body: dict[str, Any]) -> None:
        session.seq += 1
        payload = {"op": DISPATCH, "t": event, "s": session.seq, "d": body}
        session.log.append(payload)
        if session.wire is not None:
            await session.wire.send(payload)

    async def _close(self, wire: Wire, code: int) -> None:
        self.closes.append(code)
        if code in (4007, 4009) and wire.session is not None:
            wire.session.is_over = True
        await wire.socket.close(code=code)

    def _part(self, wire: Wire) -> None:
        """Let go of a connection that ended; a client that closes with 1000 or 1001 ends its session."""
        self.wires.remove(wire)
        self._server().release_socket(wire.socket)
        session = wire.session
        if session is not None and session.wire is wire:
            self._leave(session)
            session.is_over = session.is_over or wire.socket.close_code in (1000, 1001)
        self._changed()

    def _leave(self, session: Session) -> None:
        session.wire, session.left_at = None, self._clock.monotonic()

    def _live(self) -> list[Session]:
        oldest = self._clock.monotonic() - SESSION_S
        kept = self._sessions.values()
        return [one for one in kept if not one.is_over and (one.wire is not None or one.left_at > oldest)]

    def _forget_old(self) -> None:
        oldest = self._clock.monotonic() - DAY_S
        while self.identifies and self.identifies[0] <= oldest:
            self.identifies.popleft()
