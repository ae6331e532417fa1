"""Put simcord, a Discord that others wrote, behind sockets, so that the adapter runs against it as it is.

Its world, its checks of every body, its permissions and its interactions are simcord's; ours are only the two doors.
simcord never enforces our nonce and closes no session: those tests use the simulator.
"""

from __future__ import annotations

import asyncio
import io
import json
from types import SimpleNamespace
from typing import Any, Self

from aiohttp import WSMsgType, web
from simcord import interactions
from simcord.backend import Backend, serializers
from simcord.backend.errors import BackendError
from simcord.http import router, routes

from quarterdeck.testing.simulator.server import LoopbackServer

assert routes  # importing it registers simcord's handlers
API = "/api/v10"


class Judge:
    """Hold one server with one channel and one person, Ann."""

    def __init__(self) -> None:
        self.backend = Backend()
        self.guild = self.backend.create_guild("Harbour")
        self.backend.add_member(self.guild.id, self.backend.bot_user.id)
        self.channel = self.backend.create_channel(self.guild.id, "general")
        self.ann = self.backend.make_user("ann")
        self.backend.add_member(self.guild.id, self.ann.id)
        self.backend.subscribers.append(self._emit)
        self._sockets: list[web.WebSocketResponse] = []
        self._number = 0
        self._writes: set[asyncio.Task[None]] = set()
        self.ready = asyncio.Event()
        self.changed = asyncio.Condition()
        self.server = LoopbackServer(
            [web.get("/gateway", self._gateway), web.route("*", API + "/{path:.*}", self._rest)]
        )

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.server.__aexit__(*error)

    @property
    def api_url(self) -> str:
        return self.server.url + API

    def said(self) -> list[str]:
        """Return what the bot has said, oldest first."""
        return [
            one["content"] for one in self.messages() if one["author"]["id"] == str(self.backend.bot_user.id)
        ]

    def messages(self) -> list[dict[str, Any]]:
        found = self.backend.messages.get(self.channel.id, {})
        return [dict(serializers.message_payload(self.backend, one)) for one in found.values()]

    async def until(self, look: Any, timeout_s: float = 20.0) -> Any:
        """Return what `look()` returns once it is true."""
        async with asyncio.timeout(timeout_s), self.changed:
            while not (found := look()):
                await self.changed.wait()
            return found

    def say(self, text: str) -> str:
        """Let Ann write."""
        return str(self.backend.create_message(self.channel.id, self.ann.id, text).id)

    def interact(self, kind: int, data: dict[str, Any], message: dict[str, Any] | None = None) -> Any:
        """Let Ann use a command, a button or a form; returns simcord's record of it."""
        record, payload = interactions.base_payload(
            self.backend,
            type=kind,
            channel_id=self.channel.id,
            guild_id=self.guild.id,
            user_id=self.ann.id,
            data=data,
        )
        if message is not None:
            payload["message"] = message
            record.source_message_id = int(message["id"])
        self._emit("INTERACTION_CREATE", payload)
        return record

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def _rest(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        if path == "/gateway/bot":
            return self._json(
                {"url": f"{self.server.socket_url}/gateway", "session_start_limit": {"remaining": 9}}
            )
        body, files = await self._body(request)
        try:
            answer = router.dispatch(
                self.backend, request.method, path, json=body, params=dict(request.query), files=files
            )
        except BackendError as error:
            return self._json(error.to_json(), error.status)
        await self._tell()
        return web.Response(status=204) if answer is None else self._json(answer)

    async def _body(self, request: web.Request) -> tuple[Any, list[Any]]:
        if not request.content_type.startswith("multipart/"):
            text = await request.text()
            return (json.loads(text) if text else None), []
        body, files = None, []
        async for part in await request.multipart():
            if part.name == "payload_json":
                body = json.loads(await part.text())
            else:
                content = io.BytesIO(await part.read())
                files.append(SimpleNamespace(fp=content, filename=part.filename, description=None))
        return body, files

    def _json(self, value: Any, status: int = 200) -> web.Response:
        return web.Response(body=json.dumps(value).encode(), content_type="application/json", status=status)

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = await self.server.accept_socket(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            frame = message.json()
            if frame["op"] == 1:
                await socket.send_json({"op": 11, "d": None, "s": None, "t": None})
            elif frame["op"] == 2:
                await self._identify(socket)
        self.server.release_socket(socket)
        return socket

    async def _identify(self, socket: web.WebSocketResponse) -> None:
        self._sockets = [socket]
        self._emit(
            "READY",
            {
                "v": 10,
                "user": dict(serializers.user_payload(self.backend.bot_user)),
                "guilds": [{"id": str(self.guild.id), "unavailable": True}],
                "session_id": "judge",
                "resume_gateway_url": f"{self.server.socket_url}/gateway",
                "application": {"id": str(self.backend.application_id), "flags": 0},
            },
        )
        self._emit("GUILD_CREATE", serializers.guild_create_payload(self.backend, self.guild))
        self.ready.set()

    def _emit(self, event: str, payload: Any) -> None:
        self._number += 1
        frame = json.dumps({"op": 0, "t": event, "s": self._number, "d": payload})
        for socket in self._sockets:
            task = asyncio.get_running_loop().create_task(socket.send_str(frame))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)
