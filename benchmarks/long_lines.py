"""How long it takes to route a hostile message of 64 KiB: whether it is for the bot, which command, which options.

Sixteen shapes of line that make parsers go back and forth, each to a command with an option of every kind, and through
the real reading of events. Timed are single messages; what counts is the slowest hundredth, which is to stay within
5 ms (T26). Figures are of the processor's time, so that neighbours do not count, with the wall clock's beside them. The
baseline is `shlex.split`, the standard library's reader of command lines, on the same lines; `short lines` is the
bot on the first hundred characters of each.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable
from functools import partial

from measure import Figures, arguments, in_turn, percentile, report

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.reply import Reply
from quarterdeck.router.addressing import wish_of
from quarterdeck.router.command.catalogue import Catalogue, discover
from quarterdeck.router.command.syntax import parse, wants_help
from quarterdeck.testing.platform import FakePlatform

LENGTH = 64 * 1024
EACH = 40


async def _run(call: Call) -> Reply:
    return Reply(text="done")


EVERYTHING = Command(
    name="everything",
    summary="Take an option of every kind",
    handler=_run,
    options=(
        Option(name="name", summary="A name", positional=True, required=True, pattern=r"(\w+\s?)+"),
        Option(name="count", summary="How many", kind="integer", minimum=1, maximum=9, default=1),
        Option(name="part", summary="How much", kind="number"),
        Option(name="sure", summary="Is it", kind="boolean"),
        Option(name="env", summary="Where", kind="choice", choices=("staging", "prod")),
        Option(name="who", summary="Who", kind="user"),
        Option(name="at", summary="When", kind="datetime"),
        Option(name="wait", summary="How long", kind="duration"),
        Option(name="plan", summary="The plan", kind="file"),
        Option(name="note", summary="Anything", kind="text", rest=True, positional=True),
    ),
)
COMMANDS = Catalogue([*discover("quarterdeck.commands").all(), EVERYTHING])
PLATFORM = FakePlatform()
SHAPES = tuple(
    (start + piece * (LENGTH // len(piece)))[:LENGTH]
    for start, piece in (
        ("", "x"),
        ("", "/"),
        ("", "/qd "),
        ("/help ", "schedule "),
        ("/everything ", "x"),
        ("/everything ", "a "),
        ("/everything ", " "),
        ('/everything "', "\\"),
        ('/everything "', "a "),
        ('/everything "', "\\x"),
        ("/everything ", '\\"'),
        ("/everything ", "--env="),
        ("/everything ", "--x --y "),
        ("/everything ", "\N{EM DASH}"),
        ("/everything x --at ", "9:"),
        ("/everything x --wait ", "1h"),
    )
)


def route(text: str) -> None:
    """Take a message as far as the router does before anybody is asked."""
    wish = wish_of(PLATFORM.posted(text, event_id="e"), COMMANDS)
    command = COMMANDS.get(wish.name) if wish else None
    if wish is None or command is None or wants_help(command, wish.rest):
        return
    with contextlib.suppress(UsageError):
        parse(command, wish.rest)


def split(text: str) -> None:
    """Cut it as the standard library does."""
    with contextlib.suppress(ValueError):
        shlex.split(text)


def one(work: Callable[[str], None], length: int) -> Figures:
    """Time every shape, again and again."""
    cpu_ms, wall_ms = [], []
    for _ in range(EACH if work is route else 1):
        for shape in SHAPES:
            text = shape[:length]
            began, at = time.process_time_ns(), time.perf_counter_ns()
            work(text)
            cpu_ms.append((time.process_time_ns() - began) / 1e6)
            wall_ms.append((time.perf_counter_ns() - at) / 1e6)
    return {
        "p50_ms": percentile(cpu_ms, 0.5),
        "p99_ms": percentile(cpu_ms, 0.99),
        "wall_p99_ms": percentile(wall_ms, 0.99),
    }


def main() -> None:
    """Measure the bot, the standard library, and the bot on short lines."""
    chosen = arguments(__doc__ or "", rounds=5).parse_args()
    variants = {
        "quarterdeck": partial(one, route, LENGTH),
        "short lines": partial(one, route, 100),
        "shlex": partial(one, split, LENGTH),
    }
    report(
        "Routing messages of 64 KiB",
        in_turn(variants, chosen.rounds, is_quiet=chosen.only_json),
        baselines=["shlex", "short lines"],
        settings={"length": LENGTH, "shapes": len(SHAPES), "each": EACH},
        is_only_json=chosen.only_json,
    )


if __name__ == "__main__":
    main()
