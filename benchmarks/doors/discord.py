"""Be Discord for a load: messages over the gateway, or signed interactions over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doors.load import CHATS, Answers
from doors.process import free_port

APP, GUILD, FIRST_CHANNEL = "100000000000000001", "200000000000000001", 300000000000000000
ME = {"id": APP, "username": "bench", "discriminator": "0", "global_name": None, "avatar": None, "bot": True}
ANNA = {
    "id": "400000000000000001",
    "username": "anna",
    "discriminator": "0",
    "global_name": "Anna",
    "avatar": None,
}
EPOCH_MS = 1_420_070_400_000  # snowflakes count from here


class DiscordDoor:
    """Send messages over the gateway (`msg`) or interactions over HTTP (`http`)."""

    def __init__(self, way: Literal["msg", "http"], answers: Answers) -> None:
        self._way, self._answers = way, answers
        self._port, self._bot_port, self._sequence = 0, free_port(), 0
        self._key = Ed25519PrivateKey.generate()
        self._session: aiohttp.ClientSession | None = None
        self._sockets: list[web.WebSocketResponse] = []

    def environment(self) -> Mapping[str, str]:
        """Return what a bot needs to connect."""
        api, gateway = f"http://127.0.0.1:{self._port}/api/v10", f"ws://127.0.0.1:{self._port}/gateway"
        public = self._key.public_key().public_bytes_raw().hex()
        return {
            "DISCORD_TOKEN": "MTAwMDAwMDAwMDAwMDAwMDAx.bench1.bench-bench-bench-bench-bench-bench",
            "BENCH_API": api,
            "BENCH_GATEWAY": gateway,
            "BENCH_PUBLIC_KEY": public,
            "BENCH_PORT": str(self._bot_port),
            "QUARTERDECK__PLATFORMS__DISCORD__API_URL": api,
            "QUARTERDECK__PLATFORMS__DISCORD__GATEWAY_URL": gateway,
            "QUARTERDECK__PLATFORMS__DISCORD__PUBLIC_KEY": public,
            "QUARTERDECK__HTTP__PORT": str(self._bot_port),
        }

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[DiscordDoor]:
        """Listen, with a client for interactions."""
        app = web.Application(client_max_size=2**22)
        app.router.add_get("/gateway", self._gateway)
        app.router.add_route("*", "/api/v10/{path:.*}", self._api)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
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
        channel = str(FIRST_CHANNEL + number % CHATS)
        if self._way == "msg":
            return await self._say(number, channel)
        data = {
            "id": "500000000000000001",
            "name": "echo",
            "type": 1,
            "options": [{"name": "text", "type": 3, "value": f"helloq{number}q"}],
        }
        member = {
            "user": ANNA,
            "roles": [],
            "joined_at": "2026-01-01T00:00:00+00:00",
            "permissions": "0",
            "deaf": False,
            "mute": False,
            "flags": 0,
        }
        interaction = {
            "id": _snowflake(number),
            "application_id": APP,
            "type": 2,
            "data": data,
            "guild_id": GUILD,
            "channel_id": channel,
            "channel": {"id": channel, "type": 0, "name": "general"},
            "member": member,
            "token": f"token{number}",
            "version": 1,
            "locale": "en-US",
            "app_permissions": "0",
            "entitlements": [],
            "authorizing_integration_owners": {},
            "context": 0,
        }
        body, now = json.dumps(interaction).encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Signature-Timestamp": now,
            "X-Signature-Ed25519": self._key.sign(now.encode() + body).hex(),
        }
        assert self._session is not None
        async with self._session.post(
            f"http://127.0.0.1:{self._bot_port}/discord/interactions", data=body, headers=headers
        ) as answer:
            self._answers.came(await answer.read())
        return None

    async def _say(self, number: int, channel: str) -> None:
        if not self._sockets:
            raise ConnectionError("no bot is connected yet")
        self._sequence += 1
        message = {
            "id": _snowflake(number),
            "channel_id": channel,
            "guild_id": GUILD,
            "author": ANNA,
            "content": f"/echo helloq{number}q",
            "timestamp": "2026-11-21T09:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "components": [],
            "flags": 0,
            "member": {
                "roles": [],
                "joined_at": "2026-01-01T00:00:00+00:00",
                "deaf": False,
                "mute": False,
                "flags": 0,
            },
        }
        await self._sockets[-1].send_str(
            json.dumps({"op": 0, "s": self._sequence, "t": "MESSAGE_CREATE", "d": message})
        )

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None})
        async for frame in socket:
            said = json.loads(frame.data)
            if said["op"] == 1:
                await socket.send_json({"op": 11})
            elif said["op"] in (2, 6):
                await self._greet(socket)
                self._sockets.append(socket)
        if socket in self._sockets:
            self._sockets.remove(socket)
        return socket

    async def _greet(self, socket: web.WebSocketResponse) -> None:
        ready = {
            "v": 10,
            "user": ME,
            "guilds": [{"id": GUILD, "unavailable": True}],
            "session_id": "bench",
            "application": {"id": APP, "flags": 0},
            "resume_gateway_url": f"ws://127.0.0.1:{self._port}/gateway",
        }
        channels = [
            {
                "id": str(FIRST_CHANNEL + n),
                "type": 0,
                "name": f"c{n}",
                "position": n,
                "permission_overwrites": [],
                "guild_id": GUILD,
                "nsfw": False,
                "parent_id": None,
                "topic": None,
                "rate_limit_per_user": 0,
            }
            for n in range(CHATS)
        ]
        role = {
            "id": GUILD,
            "name": "@everyone",
            "permissions": "0",
            "position": 0,
            "color": 0,
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        guild = {
            "id": GUILD,
            "name": "bench",
            "owner_id": ANNA["id"],
            "channels": channels,
            "roles": [role],
            "members": [],
            "member_count": 2,
            "emojis": [],
            "stickers": [],
            "threads": [],
            "presences": [],
            "voice_states": [],
            "features": [],
            "large": False,
            "unavailable": False,
            "joined_at": "2026-01-01T00:00:00+00:00",
            "stage_instances": [],
            "guild_scheduled_events": [],
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "premium_tier": 0,
            "nsfw_level": 0,
            "preferred_locale": "en-US",
            "system_channel_flags": 0,
            "afk_timeout": 300,
            "icon": None,
            "premium_progress_bar_enabled": False,
        }
        for name, data in (("READY", ready), ("GUILD_CREATE", guild)):
            self._sequence += 1
            await socket.send_json({"op": 0, "s": self._sequence, "t": name, "d": data})

    async def _api(self, request: web.Request) -> web.Response:
        body, path = await request.read(), request.match_info["path"]
        self._answers.came(body)
        if path.endswith("/messages") and request.method == "POST":
            return _json(
                {
                    "id": _snowflake(1),
                    "channel_id": path.split("/")[1],
                    "author": ME,
                    "content": "x",
                    "timestamp": "2026-11-21T09:00:00+00:00",
                    "edited_timestamp": None,
                    "tts": False,
                    "mention_everyone": False,
                    "mentions": [],
                    "mention_roles": [],
                    "attachments": [],
                    "embeds": [],
                    "pinned": False,
                    "type": 0,
                    "components": [],
                    "flags": 0,
                }
            )
        if path.endswith("gateway/bot"):
            limit = {"total": 1000, "remaining": 999, "reset_after": 1, "max_concurrency": 1}
            return _json(
                {"url": f"ws://127.0.0.1:{self._port}/gateway", "shards": 1, "session_start_limit": limit}
            )
        if path.endswith("users/@me"):
            return _json(ME)
        if "applications/@me" in path:
            return _json(
                {
                    "id": APP,
                    "name": "bench",
                    "icon": None,
                    "description": "",
                    "bot_public": True,
                    "bot_require_code_grant": False,
                    "verify_key": "0" * 64,
                    "flags": 0,
                    "team": None,
                    "owner": ANNA,
                }
            )
        if "/callback" in path or request.method == "DELETE":
            return web.Response(status=204)
        return _json(json.loads(body) if request.method == "PUT" and body else [])


def _snowflake(number: int) -> str:
    return str(((int(time.time() * 1000) - EPOCH_MS) << 22) + number % (1 << 22))


def _json(value: object) -> web.Response:
    return web.Response(body=json.dumps(value).encode(), headers={"Content-Type": "application/json"})
