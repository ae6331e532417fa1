"""Be a language model on loopback that says, piece by piece, what a test tells it to; no dialect of ours is used."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from aiohttp import web

NAME: Final = "scripted"


class Pen:
    """Write one answer: `write` pieces, then `finish` it, or let it `fail`."""

    def __init__(self, response: web.StreamResponse, broken: Callable[[], None]) -> None:
        self._response, self._break = response, broken
        self.is_gone = asyncio.Event()  # the bot has hung up

    async def write(self, text: str) -> None:
        """Send a piece."""
        await self._send(
            [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]
        )

    async def finish(self) -> None:
        """End the answer as a model does."""
        await self._send([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        await self._response.write(b"data: [DONE]\n\n")

    def fail(self) -> None:
        """Break the connection in the middle."""
        self._break()

    async def _send(self, choices: list[dict[str, Any]]) -> None:
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": NAME,
            "choices": choices,
        }
        try:
            await self._response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        except ConnectionError:
            self.is_gone.set()


class Model:
    """Answer `/v1/chat/completions`: a question that names `#7` gets `answers[7]`, others go to `asked`."""

    def __init__(self, answers: Mapping[int, str] = {}, *, piece: int = 400) -> None:
        self._answers, self._piece = answers, piece
        self.asked: asyncio.Queue[tuple[str, Pen]] = asyncio.Queue()
        self._over: dict[Pen, asyncio.Event] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes([web.post("/v1/chat/completions", self._complete), web.get("/v1/models", self._list)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for over in self._over.values():
            over.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        """Return the environment that lets a bot use this model and no other."""
        return {
            "QUARTERDECK__PROVIDERS__CUSTOM__BASE_URL": f"http://127.0.0.1:{self._port}/v1",
            "QUARTERDECK__PROVIDERS__CUSTOM__MODELS": json.dumps([NAME]),
            "QUARTERDECK__MODELS__ROLES__CHAT": json.dumps([f"custom/{NAME}"]),
        }

    def let_go(self, pen: Pen) -> None:
        """End the request of an answer."""
        self._over[pen].set()

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": NAME, "object": "model"}]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        question = _question((await request.json())["messages"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        pen = Pen(response, lambda: request.transport.abort() if request.transport else None)
        named = re.search(r"#(\d+)", question)
        if named and int(named[1]) in self._answers:
            text = self._answers[int(named[1])]
            for at in range(0, len(text), self._piece):
                await pen.write(text[at : at + self._piece])
            await pen.finish()
            return response
        over = self._over[pen] = asyncio.Event()
        self.asked.put_nowait((question, pen))
        try:
            await over.wait()
        except asyncio.CancelledError:
            pen.is_gone.set()
            raise
        finally:
            del self._over[pen]
        return response


def _question(messages: list[dict[str, Any]]) -> str:
    """Return what the person asked last."""
    content = next(one["content"] for one in reversed(messages) if one["role"] == "user")
    return content if isinstance(content, str) else " ".join(str(one.get("text", "")) for one in content)
