"""Be a Telegram to which many people write at the same moment, and that sees when each has their answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from relays.model import whole_text

TOKEN: Final = "123456789:AAFbenchbenchbenchbenchbenchbenchbe"
POLL_S: Final = 10.0
IN_ALL, TO_A_CHAT = (
    30,
    1,
)  # calls a second that `is_strict` allows: https://core.telegram.org/bots/faq (2026-11-21)
WINDOW_S: Final = 1.0
FIRST, LAST = "w1 ", whole_text()


@dataclass(slots=True)
class Chat:
    """Hold what one person sees, and when."""

    asked_s: float
    first_s: float | None = None
    last_s: float | None = None
    calls: int = 0
    recent: deque[float] = field(default_factory=deque)


class Telegram:
    """Hand out questions, take answers; where `is_strict`, refuse what comes faster than published."""

    def __init__(self, *, is_strict: bool) -> None:
        self._is_strict = is_strict
        self.chats: dict[int, Chat] = {}
        self.refused = 0
        self.port = 0
        self._recent: deque[float] = deque()
        self._waiting: deque[dict[str, object]] = deque()
        self._comes, self._is_whole = asyncio.Event(), asyncio.Event()
        self._updates = self._messages = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Telegram]:
        """Listen on a free port."""
        app = web.Application(client_max_size=2**22)
        app.router.add_route("*", f"/bot{TOKEN}/{{method}}", self._api)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            self._comes.set()
            await runner.cleanup()

    async def asked(self, ids: Iterable[int], limit_s: float) -> list[Chat]:
        """Let these people ask at once; returns what they saw when all have the whole answer, or after `limit_s`."""
        ids = list(ids)
        now_s = time.monotonic()
        self.chats = {id_: Chat(asked_s=now_s) for id_ in ids}
        self._is_whole.clear()
        self._waiting.extend(self._question(id_) for id_ in ids)
        self._comes.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_whole.wait(), limit_s)
        return [*self.chats.values()]

    def _question(self, id_: int) -> dict[str, object]:
        self._updates += 1
        message = {
            "message_id": self._updates,
            "from": {"id": id_, "is_bot": False, "first_name": "Anna", "language_code": "en"},
            "chat": {"id": id_, "first_name": "Anna", "type": "private"},
            "date": int(time.time()),
            "text": "How is the weather?",
        }
        return {"update_id": 900_000_000 + self._updates, "message": message}

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        if method.lower() == "getupdates":
            return await self._get_updates()
        body = await request.read()
        if method in ("sendMessage", "editMessageText"):
            return self._spoken(
                json.loads(body)
                if body.startswith(b"{")
                else {k: v[0] for k, v in parse_qs(body.decode()).items()}
            )
        if method == "getMe":
            return _result({"id": 123456789, "is_bot": True, "first_name": "Bot", "username": "bench_bot"})
        if method == "getWebhookInfo":
            return _result({"url": "", "has_custom_certificate": False, "pending_update_count": 0})
        return _result([] if method.startswith("get") else True)

    def _spoken(self, said: dict[str, object]) -> web.Response:
        now_s, id_ = time.monotonic(), int(str(said["chat_id"]))
        chat, text = self.chats.get(id_), str(said["text"])
        if chat is not None:
            chat.calls += 1
            if self._is_strict and (pause_s := self._pause_s(chat, now_s)):
                self.refused += 1
                words = f"Too Many Requests: retry after {pause_s}"
                told = {
                    "ok": False,
                    "error_code": 429,
                    "description": words,
                    "parameters": {"retry_after": pause_s},
                }
                return web.json_response(told, status=429)
            if chat.first_s is None and text.startswith(FIRST.strip()):
                chat.first_s = now_s
            if chat.last_s is None and text.strip() == LAST:
                chat.last_s = now_s
                if all(one.last_s is not None for one in self.chats.values()):
                    self._is_whole.set()
        self._messages += 1
        return _result(
            {
                "message_id": int(str(said.get("message_id") or self._messages)),
                "date": int(time.time()),
                "chat": {"id": id_, "type": "private", "first_name": "Anna"},
                "from": {"id": 123456789, "is_bot": True, "first_name": "Bot"},
                "text": text,
            }
        )

    def _pause_s(self, chat: Chat, now_s: float) -> int:
        for recent, most in ((chat.recent, TO_A_CHAT), (self._recent, IN_ALL)):
            while recent and recent[0] <= now_s - WINDOW_S:
                recent.popleft()
            if len(recent) >= most:
                return 1
        chat.recent.append(now_s)
        self._recent.append(now_s)
        return 0

    async def _get_updates(self) -> web.Response:
        if not self._waiting:
            self._comes.clear()
            try:
                await asyncio.wait_for(self._comes.wait(), POLL_S)
            except TimeoutError:
                return _result([])
        return _result([self._waiting.popleft() for _ in range(min(100, len(self._waiting)))])


def _result(value: object) -> web.Response:
    return web.Response(text=json.dumps({"ok": True, "result": value}), content_type="application/json")
