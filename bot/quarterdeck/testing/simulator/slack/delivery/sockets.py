"""Speak Socket Mode: hello, envelopes and acknowledgements, disconnects; each event goes to one connection.

docs.slack.dev/apis/events-api/using-socket-mode, 2026-11-21, and what slack_sdk reads.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import uuid
from typing import Any, Final, Literal

from aiohttp import WSMsgType, web

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.faults import ON_ANSWER, Faults
from quarterdeck.testing.simulator.server import LoopbackServer, break_socket
from quarterdeck.testing.simulator.slack.delivery.deliveries import DEADLINE_S, Delivery, NotTaken, within
from quarterdeck.testing.simulator.slack.workspace import Payload, Workspace

MOST_CONNECTIONS: Final = 10
DRAIN_S: Final = 10.0  # from a `disconnect` to the end of its connection
Reason = Literal["warning", "refresh_requested", "link_disabled", "too_many_websockets"]


@dataclass(eq=False, slots=True, kw_only=True)
class Connection:
    """Be one socket of the app; `is_leaving` once it was told to go."""

    socket: web.WebSocketResponse
    request: web.Request
    is_leaving: bool = False


class SocketDoor:
    """Hold the app's connections and bring deliveries over them, in turn."""

    def __init__(
        self,
        workspace: Workspace,
        clock: Clock,
        faults: Faults,
        server: LoopbackServer,
        refusals: list[str],
    ) -> None:
        self._workspace, self._clock, self._faults = workspace, clock, faults
        self._server, self._refusals = server, refusals
        self._tickets: set[str] = set()
        self._acks: dict[str, tuple[asyncio.Future[Any], Delivery]] = {}
        self._turn = itertools.count()
        self.connections: list[Connection] = []
        self.connected_in_all = 0

    def ticket(self) -> str:
        """Return the address of a new socket, good once."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return f"{self._server.socket_url}/link/?ticket={ticket}&app_id={self._workspace.app_id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold one connection until either side ends it."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="the ticket is used or unknown")
        self._tickets.discard(ticket)
        socket = await self._server.accept_socket(request)
        try:
            if len(self.connections) >= MOST_CONNECTIONS:
                self._refusals.append(f"socket: more than {MOST_CONNECTIONS} connections")
                await socket.send_json(self._disconnect("too_many_websockets"))
                await socket.close()
                return socket
            await self._hold(Connection(socket=socket, request=request))
        finally:
            self._server.release_socket(socket)
        return socket

    async def _hold(self, connection: Connection) -> None:
        self.connections.append(connection)
        self.connected_in_all += 1
        try:
            await connection.socket.send_json(self._hello())
            self._workspace.tell()
            async for message in connection.socket:
                if message.type is WSMsgType.TEXT:
                    self._take(message.data)
        except ConnectionError:
            pass  # it broke under the hello: the app connects anew
        finally:
            self.connections.remove(connection)
            self._workspace.tell()

    def _hello(self) -> Payload:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": {**self._debug(), "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._workspace.app_id},
        }

    def _disconnect(self, reason: Reason) -> Payload:
        return {"type": "disconnect", "reason": reason, "debug_info": self._debug()}

    def _debug(self) -> Payload:
        return {"host": "applink-simulate"}

    def _take(self, text: str) -> None:
        """Take an acknowledgement; one that comes late or twice is nothing."""
        try:
            message = json.loads(text)
            envelope_id = message["envelope_id"]
        except (ValueError, TypeError, KeyError):
            self._refusals.append("socket: a message that is no acknowledgement")
            return
        found = self._acks.get(str(envelope_id))
        if found is None:
            return
        waiting, delivery = found
        payload = message.get("payload")
        if payload and not delivery.accepts_answer:
            self._refusals.append(f"socket: {delivery.name} takes no answer in its acknowledgement")
        if self._faults.take(delivery.name, ON_ANSWER) is None and not waiting.done():
            waiting.set_result(payload)

    async def bring(self, delivery: Delivery, retry: int, reason: str) -> Any:
        """Bring a delivery over one connection.

        Raises:
            NotTaken: there is no connection, or no acknowledgement in 3 s.
        """
        if not self._open() and delivery.kind != "events_api":
            raise NotTaken("connection_failed")
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        names: list[str] = []

        async def send() -> None:
            names.append(str(uuid.uuid4()))
            self._acks[names[-1]] = (waiting, delivery)
            connection = await self._next()
            await self._send(connection, _envelope(delivery, names[-1], retry, reason))

        async def disconnect() -> None:
            connection = await self._next()
            break_socket(connection.request)

        async def exchange() -> Any:
            await self._faults.pass_on(delivery.name, send, disconnect)
            return await waiting

        try:
            return await within(self._clock, DEADLINE_S, exchange())
        finally:
            for name in names:
                del self._acks[name]

    def _open(self) -> list[Connection]:
        return [one for one in self.connections if not one.is_leaving] or list(self.connections)

    async def _next(self) -> Connection:
        """Return the connection whose turn it is; waits for one where there is none."""
        while not (connections := self._open()):
            await self._workspace.changes.until(self._open, timeout_s=3600, what="a connection")
        return connections[next(self._turn) % len(connections)]

    async def _send(self, connection: Connection, envelope: Payload) -> None:
        try:
            await connection.socket.send_json(envelope)
        except ConnectionError:
            break_socket(connection.request)  # gone with the envelope: it comes again

    async def disconnect(self, reason: Reason, *, count: int | None = None) -> None:
        """Tell connections to go; they take no more events, and end after 10 s unless it is only a warning."""
        leaving = [one for one in self.connections if not one.is_leaving][:count]
        for connection in leaving:
            connection.is_leaving = True
            await connection.socket.send_json(self._disconnect(reason))
        if reason != "warning":
            self._server.spawn(self._end(leaving), failed=lambda error: None)

    async def _end(self, connections: list[Connection]) -> None:
        await self._clock.sleep(DRAIN_S)
        for connection in connections:
            await connection.socket.close(drain=False)

    def break_all(self) -> None:
        """Break every connection without a word, as a network does."""
        for connection in list(self.connections):
            break_socket(connection.request)


def _envelope(delivery: Delivery, envelope_id: str, retry: int, reason: str) -> Payload:
    envelope: Payload = {
        "envelope_id": envelope_id,
        "payload": delivery.payload,
        "type": delivery.kind,
        "accepts_response_payload": delivery.accepts_answer,
    }
    if delivery.kind == "events_api":
        envelope |= {"retry_attempt": retry, "retry_reason": reason}
    return envelope
