"""Measure what it costs to read streamed answers: processor time for each token, and the wait for the first text.

A server in a process of its own writes chat completions as OpenAI does, one token every 5 ms, to 1, 50 and 500 chats
at once. What counts is the processor time of the reading process, less that of starting it, for each token; and how
long after asking the first text came. `dialect` reads the wire; `quarterdeck` is what commands call, with fallback,
limits, retries and the record of usage. Baselines: aiohttp with a JSON parser and nothing else, and the SDK with its
own decoder.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import measure

TOKENS = 200
EVERY_S = 0.005
CHATS = (1, 50, 500)
READERS = ("aiohttp", "openai-sdk", "dialect", "quarterdeck")

Read = Callable[[], AsyncIterator[str]]


def serve() -> None:
    """Write answers until standard input ends; the port is the first line of standard output."""
    from aiohttp import web

    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {
            "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
            "object": "chat.completion.chunk",
            "created": 1795000000,
            "model": "gpt-6-luna",
            "service_tier": "default",
            "system_fingerprint": "fp_44709d6fcb",
            "choices": [choice],
            "usage": None,
        }
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        loop = asyncio.get_running_loop()
        begin_s = loop.time()
        token = event({"content": "word "})
        for n in range(TOKENS):
            await asyncio.sleep(max(0.0, begin_s + n * EVERY_S - loop.time()))
            await response.write(token)
        await response.write(event({}, "stop") + b"data: [DONE]\n\n")
        return response

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await runner.cleanup()

    _run(run())


def _run(work: Awaitable[None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)  # type: ignore[arg-type]
    else:
        uvloop.run(work)  # type: ignore[arg-type]


async def _aiohttp(url: str) -> tuple[Read, Callable[[], Awaitable[None]]]:
    import aiohttp
    import orjson

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "?"}]}

    async def read() -> AsyncIterator[str]:
        async with session.post(f"{url}/chat/completions", json=body) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    chunk = orjson.loads(line[6:])
                    if text := chunk["choices"][0]["delta"].get("content"):
                        yield text

    return read, session.close


async def _sdk(url: str) -> tuple[Read, Callable[[], Awaitable[None]]]:
    import httpx2
    from openai import AsyncOpenAI

    http = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=1000), trust_env=False, timeout=60)
    client = AsyncOpenAI(api_key="x", base_url=url, max_retries=0, http_client=http)

    async def read() -> AsyncIterator[str]:
        stream = await client.chat.completions.create(
            model="m", stream=True, messages=[{"role": "user", "content": "?"}]
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    return read, client.close


async def _dialect(url: str) -> tuple[Read, Callable[[], Awaitable[None]]]:
    from quarterdeck.core.model import ModelMessage, ModelRequest
    from quarterdeck.models.dialects.openai_chat import OpenAIChat
    from quarterdeck.models.providers.connection import Connection

    dialect = OpenAIChat(Connection(service="fake", base_url=url, key="x"))
    request = ModelRequest(model="m", messages=(ModelMessage(speaker="user", text="?"),))

    async def read() -> AsyncIterator[str]:
        async for delta in dialect.complete(request):
            if delta.text:
                yield delta.text

    return read, dialect.close


async def _quarterdeck(url: str) -> tuple[Read, Callable[[], Awaitable[None]]]:
    from quarterdeck.core.model import ModelMessage, UsageRow
    from quarterdeck.models.providers.catalog import Catalog
    from quarterdeck.models.registry import ModelRegistry
    from quarterdeck.runtime.clock import SystemClock
    from quarterdeck.runtime.observability.redaction import Redactor
    from quarterdeck.runtime.paths import config_dir
    from quarterdeck.runtime.secrets import Resolver
    from quarterdeck.runtime.settings import Settings

    async def record(_: UsageRow) -> None:
        """Keep nothing."""

    settings = {"models": {"roles": {"chat": ["fake/m"]}}, "providers": {"fake": {"base_url": url}}}
    registry = ModelRegistry(
        settings=Settings.model_validate(settings),
        catalog=Catalog.read(config_dir()),
        resolver=Resolver({}, Redactor()),
        clock=SystemClock(),
        record=record,
    )

    async def read() -> AsyncIterator[str]:
        async for delta in registry.complete((ModelMessage(speaker="user", text="?"),)):
            if delta.text:
                yield delta.text

    return read, registry.close


async def _measured(reader: str, url: str, chats: int) -> dict[str, float]:
    makers = {"aiohttp": _aiohttp, "openai-sdk": _sdk, "dialect": _dialect, "quarterdeck": _quarterdeck}
    read, close = await makers[reader](url)
    async for _ in read():  # imports, the first connection
        pass
    firsts_ms: list[float] = []

    async def chat() -> int:
        began_s, tokens = time.monotonic(), 0
        async for text in read():  # words that came together may be one piece
            if not tokens:
                firsts_ms.append((time.monotonic() - began_s) * 1000)
            tokens += text.count("word ")
        return tokens

    began_cpu_s = time.process_time()
    counts = await asyncio.gather(*(chat() for _ in range(chats)))
    used_s = time.process_time() - began_cpu_s
    await close()
    complete = sum(count == TOKENS for count in counts)
    return {
        "cpu_us_per_token": used_s * 1e6 / (TOKENS * chats),
        "first_text_p50_ms": statistics.median(firsts_ms),
        "complete": complete / chats,
    }


def child(reader: str, url: str, chats: int) -> None:
    """Read, and print the figures as JSON."""

    async def run() -> None:
        print(json.dumps(await _measured(reader, url, chats)), flush=True)

    _run(run())


def _variant(reader: str, url: str, chats: int) -> Callable[[], measure.Figures]:
    command = [sys.executable, __file__, "--child", reader, url, str(chats)]

    def run() -> measure.Figures:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ})
        figures: measure.Figures = json.loads(done.stdout)
        return figures

    return run


def main() -> None:
    """Measure all readers at all numbers of chats, in turn."""
    if sys.argv[1:2] == ["--serve"]:
        serve()
        return
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    parser: argparse.ArgumentParser = measure.arguments(__doc__.partition("\n")[0], rounds=3)
    parser.add_argument("--chats", type=int, nargs="*", default=CHATS, help="how many at once")
    asked = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
    try:
        for chats in asked.chats:
            variants = {f"{reader}, {chats} chats": _variant(reader, url, chats) for reader in READERS}
            found = measure.in_turn(variants, asked.rounds, is_quiet=asked.only_json)
            measure.report(
                f"Reading streamed answers, {chats} at once",
                found,
                baselines=[f"aiohttp, {chats} chats"],
                settings={"tokens": TOKENS, "every_s": EVERY_S, "chats": chats},
                is_only_json=asked.only_json,
            )
    finally:
        server.communicate("")


if __name__ == "__main__":
    main()
