"""Be Telegram for a load: updates by webhook or by long poll, answers by sendMessage."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
from aiohttp import web

from doors.load import CHATS, Answers
from doors.process import free_port

TOKEN = "123456789:AAFbenchbenchbenchbenchbenchbenchbe"
SECRET = "bench-secret-bench-secret"
BATCH = 64
POLL_S = 10.0


class TelegramDoor:
    """Send commands by webhook (`hook`) or leave them to be fetched (`poll`)."""

    def __init__(self, way: Literal["hook", "poll"], answers: Answers) -> None:
        self._way, self._answers = way, answers
        self._port, self._bot_port = 0, free_port()
        self._session: aiohttp.ClientSession | None = None
        self._waiting: deque[dict[str, object]] = deque()
        self._comes = asyncio.Event()

    def environment(self) -> Mapping[str, str]:
        """Return what a bot needs to connect."""
        root = f"http://127.0.0.1:{self._port}"
        hook = {
            "QUARTERDECK__PLATFORMS__TELEGRAM__MODE": "webhook",
            "BENCH_SECRET": SECRET,
            "QUARTERDECK__PLATFORMS__TELEGRAM__WEBHOOK_SECRET": "env:BENCH_SECRET",
        }
        return {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            **(hook if self._way == "hook" else {}),
            "BENCH_WAY": self._way,
            "BENCH_API": root,
            "BENCH_PORT": str(self._bot_port),
            "QUARTERDECK__PLATFORMS__TELEGRAM__API_URL": root,
            "QUARTERDECK__PLATFORMS__TELEGRAM__FILE_URL": f"{root}/file",
            "QUARTERDECK__HTTP__PORT": str(self._bot_port),
        }

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[TelegramDoor]:
        """Listen, with a client for webhooks."""
        app = web.Application(client_max_size=2**22)
        app.router.add_route("*", f"/bot{TOKEN}/{{method}}", self._api)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._port = free_port()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self._session:
            try:
                yield self
            finally:
                self._comes.set()
                await runner.cleanup()

    async def ask(self, number: int) -> None:
        """Let a person send a command."""
        chat = 1_000 + number % CHATS
        message = {
            "message_id": number,
            "from": {"id": chat, "is_bot": False, "first_name": "Anna", "language_code": "en"},
            "chat": {"id": chat, "first_name": "Anna", "type": "private"},
            "date": int(time.time()),
            "text": f"/echo helloq{number}q",
            "entities": [{"offset": 0, "length": 5, "type": "bot_command"}],
        }
        update = {"update_id": 900_000_000 + number, "message": message}
        if self._way == "poll":
            self._waiting.append(update)
            self._comes.set()
            return
        assert self._session is not None
        url, headers = (
            f"http://127.0.0.1:{self._bot_port}/telegram/webhook",
            {"X-Telegram-Bot-Api-Secret-Token": SECRET},
        )
        async with self._session.post(url, json=update, headers=headers) as answer:
            await answer.read()
            if answer.status != 200:
                raise ConnectionError(f"the webhook answers {answer.status}")

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        if method == "getUpdates":
            return await self._updates()
        body = await request.read()
        if method == "sendMessage":
            self._answers.came(body)
            return _result(
                {
                    "message_id": 1,
                    "date": int(time.time()),
                    "chat": {"id": 1, "type": "private", "first_name": "A"},
                    "text": "x",
                    "from": {"id": 123456789, "is_bot": True, "first_name": "Bot"},
                }
            )
        if method == "getMe":
            return _result(
                {
                    "id": 123456789,
                    "is_bot": True,
                    "first_name": "Bot",
                    "username": "bench_bot",
                    "can_join_groups": True,
                    "can_read_all_group_messages": False,
                    "supports_inline_queries": False,
                }
            )
        if method == "getWebhookInfo":
            return _result({"url": "", "has_custom_certificate": False, "pending_update_count": 0})
        return _result([] if method.startswith("get") else True)

    async def _updates(self) -> web.Response:
        if not self._waiting:
            self._comes.clear()
            try:
                await asyncio.wait_for(self._comes.wait(), POLL_S)
            except TimeoutError:
                return _result([])
        return _result([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])


def _result(value: object) -> web.Response:
    return web.Response(text=json.dumps({"ok": True, "result": value}), content_type="application/json")
