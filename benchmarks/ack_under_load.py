"""How long Slack waits for its acknowledgements while a slow model keeps people waiting.

200 slash commands a second come in over HTTP, signed, for 15 s: `/echo`, answered in the acknowledgement, and every
twentieth a `/chat` to a model that takes 10 s for its first word. An acknowledgement is timed from the moment at which
its command was due, so that a bot that falls behind shows it. Slack gives up after 3 s; ours is to be within 300 ms for
99 of 100. The same load without the model, and a bare aiohttp handler that only says the words back, are beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import uvloop
from aiohttp import web
from doors.load import Answers
from doors.process import LOAD_CPU, free_port, running
from doors.slack import TEAM, SlackDoor
from measure import Figures, arguments, in_turn, percentile, report
from platform_doors import baseline, quarterdeck

RATE_PER_S, LASTS_S = 200, 15.0
QUESTION_EVERY = 20
THINKS_S = 10.0
PEOPLE = 50
READY_S = 60.0


@asynccontextmanager
async def slow_model() -> AsyncIterator[str]:
    """Be a model behind an OpenAI-compatible address that thinks for long and then says one word."""

    async def complete(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(THINKS_S)
        with suppress(ConnectionError):  # the bot was stopped meanwhile
            for delta, finish in (({"content": "Yes."}, None), ({}, "stop")):
                choice = {"index": 0, "delta": delta, "finish_reason": finish}
                chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "slow"}
                await response.write(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode())
            await response.write(b"data: [DONE]\n\n")
        return response

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "slow", "object": "model"}]})

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", complete), web.get("/v1/models", models)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


async def load(door: SlackDoor, *, is_asking: bool) -> Figures:
    """Send the commands; return the figures of their acknowledgements."""
    loop = asyncio.get_running_loop()
    took_s: list[float] = []
    acknowledged = 0

    async def one(number: int, due_s: float) -> None:
        nonlocal acknowledged
        name = "chat" if is_asking and number % QUESTION_EVERY == 0 else "echo"
        status, _ = await door.command(name, f"word{number}", chat=number % PEOPLE)
        took_s.append(loop.time() - due_s)
        acknowledged += status == 200

    begins_s = loop.time()
    async with asyncio.TaskGroup() as group:
        for n in range(int(RATE_PER_S * LASTS_S)):
            due_s = begins_s + n / RATE_PER_S
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            group.create_task(one(n, due_s))
    return {
        "ack_p50_ms": percentile(took_s, 0.5) * 1e3,
        "ack_p99_ms": percentile(took_s, 0.99) * 1e3,
        "ack_worst_ms": max(took_s) * 1e3,
        "acknowledged": float(acknowledged),
    }


async def measured(variant: str, folder: Path, log: Path) -> Figures:
    """Measure one bot."""
    async with slow_model() as model, SlackDoor("ack", Answers()).opened() as door:
        owners = json.dumps([f"slack:{TEAM}:U{chat:09}" for chat in range(PEOPLE)])
        environment: Mapping[str, str] = {
            **door.environment(),
            "QUARTERDECK__PROVIDERS__CUSTOM__BASE_URL": model,
            "QUARTERDECK__MODELS__ROLES__CHAT": '["custom/slow"]',
            "QUARTERDECK__ACCESS__OWNERS": owners,
        }
        is_ours = variant != "minimal"
        command, environment = (
            quarterdeck(folder, environment) if is_ours else baseline("slack_minimal.py", environment)
        )
        with running(command, environment, log):
            await ready(door)
            return await load(door, is_asking=variant == "quarterdeck")


async def ready(door: SlackDoor) -> None:
    """Return once the bot answers."""
    async with asyncio.timeout(READY_S):
        while True:
            try:
                status, body = await door.command("echo", "ready", chat=1)
                if status == 200 and b"ready" in body:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.05)


def one(variant: str, logs: Path) -> Figures:
    """Measure one bot in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=logs) as folder:
        return uvloop.run(measured(variant, Path(folder), logs / f"{variant}.log"))


def main() -> None:
    """Measure the bot with the slow model, without it, and the bare handler."""
    chosen = arguments(__doc__ or "", rounds=3).parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {LOAD_CPU})
    with tempfile.TemporaryDirectory(prefix="qd-acks-") as logs:
        names = ["quarterdeck", "quarterdeck, nobody asks", "minimal"]
        variants = {name: partial(one, name, Path(logs)) for name in names}
        found = in_turn(variants, chosen.rounds, is_quiet=chosen.only_json)
        report(
            "Acknowledgements under load",
            found,
            baselines=names[1:],
            settings={"per_s": RATE_PER_S, "question_every": QUESTION_EVERY, "model_s": THINKS_S},
            is_only_json=chosen.only_json,
        )


if __name__ == "__main__":
    main()
