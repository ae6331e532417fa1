"""Commands through each platform's door: Slack, Telegram and Discord as they speak, against the bare SDKs.

Each bot runs alone on core 0, the load and the fake vendor on core 1. Every command carries a word of its own and is
done when that word is seen in what the bot sends. Quarterdeck runs as it ships, `quarterdeck run`, with signatures,
de-duplication, rights, audit and outbox on disk; the others keep nothing.

  minimal   a bare aiohttp handler on uvloop: the least that any bot must do
  sdk       slack-bolt, python-telegram-bot, discord.py as their documentation shows them, on uvloop

Four phases: until the first answer; warm-up; 200 commands a second, latency from the moment each was due; 64 in flight.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import uvloop
from doors.discord import DiscordDoor
from doors.load import Answers, measured
from doors.process import LOAD_CPU
from doors.slack import SlackDoor
from doors.telegram import TelegramDoor
from measure import ROOT, Figures, arguments, in_turn, report

BOTS = Path(__file__).resolve().parent / "doors" / "bots"
MAKE: Mapping[str, Callable[[Answers], SlackDoor | TelegramDoor | DiscordDoor]] = {
    "slack-ack": partial(SlackDoor, "ack"),
    "slack-api": partial(SlackDoor, "api"),
    "slack-sock": partial(SlackDoor, "sock"),
    "telegram-hook": partial(TelegramDoor, "hook"),
    "telegram-poll": partial(TelegramDoor, "poll"),
    "discord-msg": partial(DiscordDoor, "msg"),
    "discord-http": partial(DiscordDoor, "http"),
}
PROGRAMS = {
    "slack": {"minimal": "slack_minimal.py", "sdk": "slack_bolt_bot.py"},
    "telegram": {"minimal": "telegram_minimal.py", "sdk": "telegram_ptb.py"},
    "discord": {"minimal": "discord_minimal.py", "sdk": "discord_py.py"},
}
WITHOUT_SDK = {"discord-http"}  # discord.py has no interactions over HTTP


def quarterdeck(folder: Path, environment: Mapping[str, str]) -> tuple[list[str], Mapping[str, str]]:
    """Return how the bot is started; strangers are viewers here, so that each may say /echo."""
    own = {"QUARTERDECK__DATA_DIR": str(folder / "data"), "QUARTERDECK__ACCESS__DEFAULT_ROLE": "viewer"}
    return ["-m", "quarterdeck", "run"], {
        **environment,
        **own,
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT / "bot"),
    }


def baseline(program: str, environment: Mapping[str, str]) -> tuple[list[str], Mapping[str, str]]:
    """Return how a baseline bot is started."""
    return [str(BOTS / program)], environment


def one(door: str, variant: str, logs: Path) -> Figures:
    """Measure one bot at one door."""
    with tempfile.TemporaryDirectory(dir=logs) as folder:
        program = PROGRAMS[door.split("-")[0]].get(variant)
        bot = partial(baseline, program) if program else partial(quarterdeck, Path(folder))
        answers = Answers()
        opened = MAKE[door](answers).opened()
        return uvloop.run(measured(opened, answers, bot, logs / f"{door}.{variant}.log"))


def main() -> None:
    """Measure every door that was asked for."""
    parser = arguments(__doc__ or "", rounds=3)
    parser.add_argument(
        "doors", nargs="*", metavar="DOOR", help=f"which doors: {', '.join(MAKE)}; all unless said"
    )
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {LOAD_CPU})
    with tempfile.TemporaryDirectory(prefix="qd-doors-") as logs:
        for door in chosen.doors or MAKE:
            names = ["quarterdeck", "minimal", *([] if door in WITHOUT_SDK else ["sdk"])]
            variants = {name: partial(one, door, name, Path(logs)) for name in names}
            found = in_turn(variants, chosen.rounds, is_quiet=chosen.only_json)
            report(door, found, baselines=names[1:], settings={"door": door}, is_only_json=chosen.only_json)


if __name__ == "__main__":
    main()
