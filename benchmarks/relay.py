"""Measure what it costs to relay a model's answers into Telegram, and how soon and how completely people see them.

1, 50 or 500 people write at the same moment; a model writes 200 words to each, one every 5 ms. Counted: the processor
time of the bot's process tree from the question to the last whole answer, for each word relayed; when the first words
stand in the chat, and when the last; how many answers were whole; calls a reply. `--strict` lets Telegram refuse, with
429, more than 30 calls a second in all or one to a chat. Ours is the whole program: everything on disk, rights, audit,
tools offered. Beside it in the same rounds: a relay of sixty lines on aiohttp; python-telegram-bot with OpenAI's SDK.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

import uvloop
from doors.process import LOAD_CPU, cpu_seconds, free_port, resident_mib, running
from measure import ROOT, Figures, arguments, in_turn, percentile, report
from relays.model import TOKENS, Model
from relays.people import TOKEN, Telegram

CHATS = (1, 50, 500)
FIRST_ID = 1_000
RELAYS = Path(__file__).resolve().parent / "relays"
PROGRAMS = {"aiohttp": "minimal.py", "ptb-openai": "ptb_openai.py"}
READY_LIMIT_S, LIMIT_S, STRICT_LIMIT_S = 30.0, 45.0, 90.0


async def one(bot: str, chats: int, is_strict: bool, log: Path) -> Figures:
    """Measure one bot."""
    async with Model().serving() as model, Telegram(is_strict=is_strict).serving() as telegram:
        environment = {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "BENCH_API": f"http://127.0.0.1:{telegram.port}",
            "BENCH_MODEL": f"http://127.0.0.1:{model.port}/v1",
        }
        with tempfile.TemporaryDirectory(dir=log.parent) as folder:
            ids = range(FIRST_ID, FIRST_ID + chats)
            if bot == "quarterdeck":
                command, environment = _quarterdeck(
                    Path(folder), environment, range(FIRST_ID - 1, FIRST_ID + chats)
                )
            else:
                command = [str(RELAYS / PROGRAMS[bot])]
            with running(command, environment, log) as pid:
                (warm,) = await telegram.asked([FIRST_ID - 1], READY_LIMIT_S)
                if warm.last_s is None:
                    raise TimeoutError(f"{bot} never answered")
                await asyncio.sleep(1.2)  # the pause that a chat is owed
                before_s = cpu_seconds(pid)
                seen = await telegram.asked(ids, STRICT_LIMIT_S if is_strict else LIMIT_S)
                used_s = cpu_seconds(pid) - before_s
                firsts_ms = [(one.first_s - one.asked_s) * 1e3 for one in seen if one.first_s is not None]
                lasts_ms = [(one.last_s - one.asked_s) * 1e3 for one in seen if one.last_s is not None]
                whole = sum(one.last_s is not None for one in seen)
                return {
                    "whole": whole / chats,
                    "cpu_us_per_token": used_s * 1e6 / (TOKENS * chats),
                    "first_text_p50_ms": statistics.median(firsts_ms) if firsts_ms else 0.0,
                    "first_text_p95_ms": percentile(firsts_ms, 0.95) if firsts_ms else 0.0,
                    "last_text_p50_ms": statistics.median(lasts_ms) if lasts_ms else 0.0,
                    "last_text_max_ms": max(lasts_ms, default=0.0),
                    "calls_per_reply": sum(one.calls for one in seen) / chats,
                    "refused": telegram.refused,
                    "loaded_mib": resident_mib(pid),
                }


def _round(bot: str, chats: int, is_strict: bool, log: Path) -> Figures:
    try:
        return uvloop.run(one(bot, chats, is_strict, log))
    except TimeoutError:
        print(log.read_text()[-2000:], file=sys.stderr)
        raise


def _quarterdeck(folder: Path, environment: dict[str, str], ids: range) -> tuple[list[str], dict[str, str]]:
    own = {
        "QUARTERDECK__DATA_DIR": str(folder / "data"),
        "QUARTERDECK__HTTP__PORT": str(free_port()),
        "QUARTERDECK__ACCESS__OWNERS": json.dumps([f"telegram::{id_}" for id_ in ids]),
        "QUARTERDECK__PLATFORMS__TELEGRAM__API_URL": environment["BENCH_API"],
        "QUARTERDECK__PLATFORMS__TELEGRAM__FILE_URL": f"{environment['BENCH_API']}/file",
        "QUARTERDECK__MODELS__ROLES__CHAT": '["fake/m"]',
        "QUARTERDECK__MODELS__DISCOVER": "false",
        "QUARTERDECK__PROVIDERS__FAKE__BASE_URL": environment["BENCH_MODEL"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT / "bot"),
    }
    return ["-m", "quarterdeck", "run"], {**environment, **own}


def main() -> None:
    """Measure all bots at all numbers of chats, in turn."""
    parser = arguments(__doc__ or "", rounds=3)
    parser.add_argument("--chats", type=int, nargs="*", default=CHATS, help="how many people ask at once")
    parser.add_argument("--strict", action="store_true", help="let Telegram refuse what comes too fast")
    parser.add_argument("--bots", nargs="*", default=["quarterdeck", *PROGRAMS], help="which bots")
    asked = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {LOAD_CPU})
    with tempfile.TemporaryDirectory(prefix="qd-relay-") as logs:
        for chats in asked.chats:
            variants = {
                bot: partial(_round, bot, chats, asked.strict, Path(logs) / f"{bot}.log")
                for bot in asked.bots
            }
            found = in_turn(variants, asked.rounds, is_quiet=asked.only_json)
            report(
                f"Relaying answers to {chats} chats{', strict' if asked.strict else ''}",
                found,
                baselines=[bot for bot in asked.bots if bot != "quarterdeck"],
                settings={"chats": chats, "tokens": TOKENS, "strict": asked.strict},
                is_only_json=asked.only_json,
            )


if __name__ == "__main__":
    main()
