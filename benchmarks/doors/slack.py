"""Be Slack for a load: signed slash commands in, the acknowledgement's body or the Web API out; or Socket Mode."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import quote_plus

import aiohttp
from aiohttp import web

from doors.load import CHATS, Answers
from doors.process import free_port

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TEAM, BOT = "T0123456789", "U0BOT000001"
FIELDS = (
    "token=gIkuvaNzQIHg97ATvDxqgjtO&team_id=T0123456789&team_domain=example&enterprise_id=&enterprise_name=&channel_id=C{channel:09}"
    "&channel_name=general&user_id=U{chat:09}&user_name=anna&command=%2F{command}&text={text}&api_app_id=A0123456&is_enterprise_install=false"
    "&response_url={response}&trigger_id={trigger}&context_team_id=T0123456789&context_channel_id=C1&locale=en-US"
)


class SlackDoor:
    """Send slash commands over HTTP (`ack`: answered in the body, `api`: by a call), or messages by socket (`sock`)."""

    def __init__(self, way: Literal["ack", "api", "sock"], answers: Answers) -> None:
        self._way, self._answers = way, answers
        self._port, self._bot_port = 0, free_port()
        self._triggers = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None
        self._sockets: list[web.WebSocketResponse] = []

    def environment(self) -> Mapping[str, str]:
        """Return what a bot needs to connect."""
        way = (
            {"SLACK_APP_TOKEN": "xapp-1-A0123456-bench"}
            if self._way == "sock"
            else {"SLACK_SIGNING_SECRET": SECRET}
        )
        return {
            "SLACK_BOT_TOKEN": "xoxb-1234567890-bench",
            **way,
            "BENCH_API": f"http://127.0.0.1:{self._port}/api/",
            "BENCH_PORT": str(self._bot_port),
            "BENCH_IN_ACK": "1" if self._way == "ack" else "",
            "QUARTERDECK__PLATFORMS__SLACK__API_URL": f"http://127.0.0.1:{self._port}/api/",
            "QUARTERDECK__PLATFORMS__SLACK__REPLY_IN_ACK": "true" if self._way == "ack" else "false",
            "QUARTERDECK__HTTP__PORT": str(self._bot_port),
        }

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[SlackDoor]:
        """Listen, with a client for the users."""
        app = web.Application(client_max_size=2**22)
        app.router.add_get("/link", self._socket)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/response/{n}", self._response)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._port = free_port()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self._session:
            try:
                yield self
            finally:
                for socket in self._sockets:
                    await socket.close()
                await runner.cleanup()

    async def ask(self, number: int) -> None:
        """Let a person send a command."""
        if self._way == "sock":
            return await self._ask_by_socket(number)
        _, body = await self.command("echo", f"helloq{number}q", chat=number % CHATS)
        self._answers.came(body)
        return None

    async def command(
        self, name: str, text: str, *, chat: int, channel: int | None = None
    ) -> tuple[int, bytes]:
        """Let person `chat` use a slash command, in a channel of their own unless said; returns the answer."""
        trigger = next(self._triggers)
        response = quote_plus(f"http://127.0.0.1:{self._port}/response/{trigger}")
        body = FIELDS.format(
            command=name,
            chat=chat,
            channel=chat if channel is None else channel,
            text=quote_plus(text),
            response=response,
            trigger=f"13345224609.{trigger}.8fb2",
        ).encode()
        now = str(int(time.time()))
        signature = hmac.new(SECRET.encode(), b"v0:" + now.encode() + b":" + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": f"v0={signature}",
        }
        assert self._session is not None
        async with self._session.post(
            f"http://127.0.0.1:{self._bot_port}/slack/events", data=body, headers=headers
        ) as answer:
            return answer.status, await answer.read()

    async def _ask_by_socket(self, number: int) -> None:
        if not self._sockets:
            raise ConnectionError("no bot is connected yet")
        stamp = f"{time.time():.6f}{number % 10}"
        event = {
            "type": "message",
            "channel": f"C{number % CHATS:09}",
            "user": f"U{number % CHATS:09}",
            "text": f"/echo helloq{number}q",
            "ts": stamp,
            "event_ts": stamp,
            "channel_type": "channel",
            "client_msg_id": f"c{number}",
            "team": TEAM,
        }
        payload = {
            "token": "t",
            "team_id": TEAM,
            "api_app_id": "A0123456",
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{number:09}",
            "event_time": int(time.time()),
            "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
        }
        envelope = {
            "envelope_id": f"e{number}",
            "type": "events_api",
            "accepts_response_payload": False,
            "payload": payload,
        }
        await self._sockets[number % len(self._sockets)].send_str(json.dumps(envelope))

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json(
            {"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0123456"}}
        )
        self._sockets.append(socket)
        async for _ in socket:
            pass
        self._sockets.remove(socket)
        return socket

    async def _api(self, request: web.Request) -> web.Response:
        body = await request.read()
        method = request.match_info["method"]
        if method == "chat.postMessage":
            self._answers.came(body)
            return _json(
                {
                    "ok": True,
                    "channel": "C1",
                    "ts": f"{time.time():.6f}",
                    "message": {"type": "message", "text": "x"},
                }
            )
        if method == "auth.test":
            return _json(
                {
                    "ok": True,
                    "team_id": TEAM,
                    "team": "example",
                    "user_id": BOT,
                    "user": "bot",
                    "bot_id": "B1",
                    "url": "http://x/",
                }
            )
        if method == "apps.connections.open":
            return _json({"ok": True, "url": f"ws://127.0.0.1:{self._port}/link"})
        return _json(
            {
                "ok": True,
                "channels": [],
                "members": [],
                "messages": [],
                "usergroups": [],
                "response_metadata": {"next_cursor": ""},
            }
        )

    async def _response(self, request: web.Request) -> web.Response:
        self._answers.came(await request.read())
        return web.Response(text="ok")


def _json(value: object) -> web.Response:
    return web.Response(text=json.dumps(value), content_type="application/json")
