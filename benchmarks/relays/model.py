"""Write streamed answers as OpenAI's chat completions do, to hundreds of readers at an even pace.

It works below HTTP libraries: a server that takes more of the processor for a token than its readers
would hide what they need.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

TOKENS: Final = 200
EVERY_S: Final = 0.005
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def whole_text() -> str:
    """Return what every answer says."""
    return " ".join(f"w{n}" for n in range(1, TOKENS + 1))


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1795000000,
        "model": "gpt-6-luna",
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": None,
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _chunked(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


PIECES: Final = [_chunked(_event({"content": word + " "})) for word in whole_text().split(" ")]
END: Final = _chunked(_event({}, "stop") + b"data: [DONE]\n\n") + b"0\r\n\r\n"


class _Reader(asyncio.Protocol):
    """Take requests on one connection, each once the answer before it is whole."""

    def __init__(self, model: Model) -> None:
        self._model, self._heard = model, b""
        self.transport: asyncio.Transport | None = None
        self.begun_s, self.written = 0.0, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Begin an answer once a request is whole."""
        self._heard += data
        head, found, body = self._heard.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) < length:
            return
        self._heard = body[length:]
        assert self.transport is not None
        if head.startswith(b"GET"):  # the list of models
            found_ = b'{"object": "list", "data": [{"id": "m", "object": "model"}]}'
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % len(found_)
                + found_
            )
            return
        self.transport.write(HEAD)
        self.begun_s, self.written = asyncio.get_running_loop().time(), 0
        self._model.readers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop writing."""
        self._model.readers.discard(self)

    def write_due(self, now_s: float) -> None:
        """Write every token that is due, each in a chunk of its own."""
        assert self.transport is not None
        due = min(TOKENS, int((now_s - self.begun_s) / EVERY_S) + 1)
        if due > self.written:
            self.transport.write(
                PIECES[self.written] if due == self.written + 1 else b"".join(PIECES[self.written : due])
            )
            self.written = due
        if due == TOKENS:
            self.transport.write(END)
            self._model.readers.discard(self)


class Model:
    """Be a model that writes `TOKENS` words, one every `EVERY_S`, to whoever asks."""

    def __init__(self) -> None:
        self.readers: set[_Reader] = set()
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Model]:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Reader(self), "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        ticking = loop.create_task(self._tick())
        try:
            yield self
        finally:
            ticking.cancel()
            server.close()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now_s = loop.time()
            for reader in [*self.readers]:
                reader.write_due(now_s)
            await asyncio.sleep(max(0.0, now_s + EVERY_S - loop.time()))
