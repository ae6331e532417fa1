"""Play model vendors on loopback, byte for byte as they write, with the mistakes that they make."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from quarterdeck.core.model import Delta, ModelMessage, ModelRequest, UsageRow
from quarterdeck.models.providers.capabilities import Capabilities
from quarterdeck.models.providers.connection import Connection, Timeouts


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Hold one request as it came over the wire; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Say what to write back: `cut` bytes of it at most, then close or hang; a `pause_s` before each byte."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    hangs: bool = False
    pause_s: float = 0.0
    is_silent: bool = False
    is_chunked: bool = False

    def head(self) -> bytes:
        """Return status line and headers."""
        lines = [f"HTTP/1.1 {self.status} Because", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.is_chunked:
            lines.append("Transfer-Encoding: chunked")
        return "\r\n".join([*lines, "", ""]).encode()

    def wire_body(self) -> bytes:
        """Return the body as it travels."""
        if not self.is_chunked:
            return self.body
        return f"{len(self.body):x}\r\n".encode() + self.body + b"\r\n0\r\n\r\n"


class Vendor:
    """Be a server that answers by script, the last answer again and again."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answers: list[Answer] = []
        self.port = 0
        self._over = asyncio.Event()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Return the address of the API."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """Listen on any free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, and let go of whoever hangs."""
        self._over.set()
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.seen.append(await self._read(reader))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await self._write(writer, answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = first.split(" ")
        return Seen(method=method, path=path, headers=headers, body=json.loads(body) if body else None)

    async def _write(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        if answer.is_silent:
            await self._over.wait()
            return
        writer.write(answer.head())
        body = answer.wire_body()[: answer.cut]
        for n in range(0, len(body), 1 if answer.pause_s else max(1, len(body))):
            writer.write(body[n : n + 1] if answer.pause_s else body)
            await writer.drain()
            if answer.pause_s:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), answer.pause_s)
        if answer.hangs:
            await self._over.wait()


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """Return a vendor that listens."""
    vendor = Vendor()
    await vendor.start()
    yield vendor
    await vendor.stop()


@pytest.fixture
async def other_vendor() -> AsyncIterator[Vendor]:
    """Return a second vendor."""
    vendor = Vendor()
    await vendor.start()
    yield vendor
    await vendor.stop()


def sse(*events: object, event_names: bool = False) -> bytes:
    """Write server-sent events."""
    out = b""
    for event in events:
        if isinstance(event, str):
            out += f"data: {event}\n\n".encode()
            continue
        if event_names:
            out += f"event: {event['type']}\n".encode()  # type: ignore[index]
        out += b"data: " + json.dumps(event).encode() + b"\n\n"
    return out


def chunk(delta: object = None, finish: str | None = None, **more: object) -> dict[str, object]:
    """Write one chunk as OpenAI does."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1795000000,
        "model": "gpt-6-luna",
        "choices": choices,
        **more,
    }


def openai_stream(*pieces: str, finish: str = "stop", usage: tuple[int, int] | None = (9, 3)) -> bytes:
    """Write a whole streamed answer as OpenAI does, with the chunk of usage that has no choices."""
    chunks: list[object] = [chunk({"role": "assistant", "content": ""})]
    chunks += [chunk({"content": piece}) for piece in pieces]
    chunks.append(chunk({}, finish))
    if usage:
        chunks.append(
            chunk(
                usage={"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
            )
        )
    return sse(*chunks, "[DONE]")


def anthropic_events(*pieces: str, stop: str = "end_turn", thoughts: str = "") -> list[dict[str, object]]:
    """Return the events of a whole streamed answer as Anthropic writes them."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-haiku-5-5",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1},
    }
    events: list[dict[str, object]] = [{"type": "message_start", "message": message}]
    n = 0
    if thoughts:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        said = {"type": "thinking_delta", "thinking": thoughts}
        signed = {"type": "signature_delta", "signature": "c2ln"}
        events += [
            {"type": "content_block_start", "index": n, "content_block": block},
            {"type": "content_block_delta", "index": n, "delta": said},
            {"type": "content_block_delta", "index": n, "delta": signed},
            {"type": "content_block_stop", "index": n},
        ]
        n += 1
    events.append({"type": "content_block_start", "index": n, "content_block": {"type": "text", "text": ""}})
    events.append({"type": "ping"})
    events += [
        {"type": "content_block_delta", "index": n, "delta": {"type": "text_delta", "text": piece}}
        for piece in pieces
    ]
    events.append({"type": "content_block_stop", "index": n})
    events.append(
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 5},
        }
    )
    events.append({"type": "message_stop"})
    return events


def anthropic_stream(*pieces: str, stop: str = "end_turn", thoughts: str = "") -> bytes:
    """Write a whole streamed answer as Anthropic does."""
    return sse(*anthropic_events(*pieces, stop=stop, thoughts=thoughts), event_names=True)


def stream_answer(body: bytes, **more: Any) -> Answer:
    """Answer with a stream of events."""
    return Answer(headers={"Content-Type": "text/event-stream; charset=utf-8"}, body=body, **more)


def json_answer(body: object, status: int = 200, **headers: str) -> Answer:
    """Answer with a JSON document."""
    raw = json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status=status,
        headers={"Content-Type": "application/json", "Content-Length": str(len(raw)), **named},
        body=raw,
    )


def connection_to(
    vendor: Vendor, *, key: str = "sk-test-canary", idle_s: float = 20.0, **ways: Any
) -> Connection:
    """Return a connection to `vendor`."""
    return Connection(
        service="Vendor",
        base_url=vendor.url,
        key=key,
        capabilities=Capabilities(**ways),
        timeouts=Timeouts(connect_s=5.0, idle_s=idle_s),
    )


def ask(text: str = "Hello?", **more: Any) -> ModelRequest:
    """Make a request."""
    return ModelRequest(model="gpt-6-luna", messages=(ModelMessage(speaker="user", text=text),), **more)


async def heard(deltas: AsyncIterator[Delta]) -> list[Delta]:
    """Return everything that streams."""
    return [delta async for delta in deltas]


class Recorder:
    """Keep usage rows."""

    def __init__(self) -> None:
        self.rows: list[UsageRow] = []

    async def __call__(self, row: UsageRow) -> None:
        self.rows.append(row)


@dataclass(frozen=True)
class Kit:
    """Hand the helpers above to tests."""

    sse: Callable[..., bytes] = sse
    chunk: Callable[..., dict[str, object]] = chunk
    openai_stream: Callable[..., bytes] = openai_stream
    anthropic_events: Callable[..., list[dict[str, object]]] = anthropic_events
    anthropic_stream: Callable[..., bytes] = anthropic_stream
    stream_answer: Callable[..., Answer] = stream_answer
    json_answer: Callable[..., Answer] = json_answer
    connection_to: Callable[..., Connection] = connection_to
    ask: Callable[..., ModelRequest] = ask
    heard: Callable[..., Any] = heard
    answer: type[Answer] = Answer
    recorder: type[Recorder] = Recorder


@pytest.fixture
def kit() -> Kit:
    """Return the helpers: test files cannot import one another."""
    return Kit()
