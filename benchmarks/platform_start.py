"""What a bot on chat platforms needs to its first answer, at rest, and after it was talked to (W4).

  slack, discord, telegram  `quarterdeck run` on one simulated platform
  all                       on all three at once
  aiohttp                   a baseline: the smallest aiohttp server, its start and its memory at rest
  bolt                      a baseline: slack_bolt's AsyncApp imported and built, the least that a bot on it holds

Each start is a process of its own on a data folder that was used once before; `ready` is the first answer that a person
sees, on every platform. The load is so many `/ping`s by people of their own. Linux only.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from measure import Figures, arguments, in_turn, report, resident_mib
from start import cpu_s, quarterdeck, smallest_server

from quarterdeck.testing.simulator.platform import SimulatedPlatform
from quarterdeck.testing.simulator.simulation import make
from quarterdeck.testing.simulator.transcript import PLATFORMS, PlatformName

PATIENCE_S = 60.0
AT_ONCE = 8
BOLT = """
import asyncio, resource, sys
from slack_bolt.async_app import AsyncApp
async def build():
    AsyncApp(token="xoxb-1", signing_secret="s")
asyncio.run(build())
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, int(open("/proc/self/statm").read().split()[1]) * 4 / 1024)
"""


async def bot_on(names: Sequence[PlatformName], messages: int, rest_s: float) -> Figures:
    """Measure a bot on these platforms."""
    with tempfile.TemporaryDirectory() as home:
        await life(names, home, 0, 0.0)  # makes the tables, and declares the commands
        return await life(names, home, messages, rest_s)


async def life(names: Sequence[PlatformName], home: str, messages: int, rest_s: float) -> Figures:
    """Start the bot, talk to it and stop it."""
    async with AsyncExitStack() as stack:
        platforms = [await stack.enter_async_context(make(name)) for name in names]
        environment = {
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ},
            "HOME": home,
            "QUARTERDECK__ACCESS__DEFAULT_ROLE": "viewer",
            "QUARTERDECK__DATA_DIR": f"{home}/data",
            "QUARTERDECK__HTTP__PORT": "0",
            "QUARTERDECK__LOG__LEVEL": "warning",
            **{name: value for one in platforms for name, value in one.environment().items()},
        }
        began_s = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *quarterdeck("run"), env=environment, cwd=home, stderr=subprocess.DEVNULL
        )
        try:
            who = f"ada{began_s:.6f}".replace(".", "")  # somebody new: a bot answers no message twice
            await asyncio.gather(*(first_answer(one, who) for one in platforms))
            figures = {"ready_s": time.perf_counter() - began_s, "ready_cpu_s": cpu_s(process.pid)}
            await asyncio.sleep(rest_s)
            figures["rest_mib"] = resident_mib(process.pid)
            if messages:
                await asyncio.gather(*(load(one, messages) for one in platforms))
                figures["loaded_mib"] = resident_mib(process.pid)
            return figures
        finally:
            process.terminate()
            await process.wait()


async def first_answer(platform: SimulatedPlatform, who: str) -> None:
    """Ask as soon as the bot listens, and wait for the answer."""
    await platform.ready(PATIENCE_S)
    await platform.say(who, "/ping", where="direct")
    await platform.wait_for(who, "Pong.", where="direct", timeout_s=PATIENCE_S)


async def load(platform: SimulatedPlatform, messages: int) -> None:
    """Let people ask, some at once."""
    room = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int) -> None:
        async with room:
            await platform.say(f"person{number}", "/ping", where="direct")
            await platform.wait_for(f"person{number}", "Pong.", where="direct", timeout_s=PATIENCE_S)

    await asyncio.gather(*map(ask, range(messages)))


def bolt() -> Figures:
    """Measure the SDK of one platform by itself."""
    said = subprocess.run([sys.executable, "-c", BOLT], capture_output=True, text=True, check=True).stdout
    used_s, held_mib = map(float, said.split())
    return {"ready_cpu_s": used_s, "rest_mib": held_mib}


def aiohttp() -> Figures:
    """Measure the smallest server."""
    found = smallest_server(0.5)
    return {
        "ready_s": found["first_answer_s"],
        "ready_cpu_s": found["cpu_to_answer_s"],
        "rest_mib": found["rss_mib"],
    }


def main() -> None:
    """Measure and report."""
    parser = arguments((__doc__ or "").splitlines()[0], rounds=3)
    parser.add_argument("--messages", type=int, default=200, help="messages on each platform (200)")
    parser.add_argument("--rest-s", type=float, default=5.0, help="seconds of rest before memory is read (5)")
    parser.add_argument("only", nargs="*", help="slack, discord, telegram, all: those alone")
    chosen = parser.parse_args()
    bots: dict[str, Sequence[PlatformName]] = {name: (name,) for name in PLATFORMS} | {"all": PLATFORMS}
    wanted = {name: on for name, on in bots.items() if not chosen.only or name in chosen.only}
    measures = {
        name: partial(lambda on: asyncio.run(bot_on(on, chosen.messages, chosen.rest_s)), on)
        for name, on in wanted.items()
    }
    found = in_turn({"aiohttp": aiohttp, "bolt": bolt, **measures}, chosen.rounds, is_quiet=chosen.only_json)
    report(
        "Start on platforms",
        found,
        baselines=["aiohttp", "bolt"],
        settings=vars(chosen),
        is_only_json=chosen.only_json,
    )


if __name__ == "__main__":
    main()
