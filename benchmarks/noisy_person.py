"""How much longer fifty people wait for their answers while one person floods the bot.

Fifty people give one `/echo` a second each, as signed slash commands over HTTP, and wait for the answer in the
acknowledgement. Beside them one person sends 200 a second for as long: in one conversation, in forty at once, commands
that are costly (help, typing errors, wrong options), or questions to a model that takes seconds. Answers are timed
from the moment at which the command was due. The same fifty without that person are the baseline: the 95th
percentile beside the noise is to be twice theirs at most. `a second crowd` is a yardstick: the same 200 a second, from
two hundred people who are nobody's fault.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import uvloop
from ack_under_load import ready, slow_model
from doors.load import Answers
from doors.process import LOAD_CPU, cpu_seconds, running
from doors.slack import TEAM, SlackDoor
from measure import Figures, arguments, in_turn, percentile, report
from platform_doors import quarterdeck

PEOPLE, EACH_PER_S, NOISE_PER_S, LASTS_S = 50, 1, 200, 10.0
NOISY, CROWD = 900, range(1_000, 1_200)  # numbers of people and channels that are not the fifty's
COSTLY = (
    ("help", "deploy and schedule"),
    ("ehco", "typo"),
    ("schedule", "add --nonsense"),
    ("ask", "--help"),
)
ANSWER_LIMIT_S = 30.0

Noise = Callable[[SlackDoor, int], Awaitable[object]]


async def one_place(door: SlackDoor, number: int) -> None:
    """Say words back in one conversation."""
    await door.command("echo", f"noise{number}", chat=NOISY)


async def many_places(door: SlackDoor, number: int) -> None:
    """Say words back in forty conversations, as one person."""
    await door.command("echo", f"noise{number}", chat=NOISY, channel=NOISY + number % 40)


async def costly(door: SlackDoor, number: int) -> None:
    """Ask for what takes long to say."""
    name, text = COSTLY[number % len(COSTLY)]
    await door.command(name, text, chat=NOISY, channel=NOISY + number % 40)


async def questions(door: SlackDoor, number: int) -> None:
    """Ask a model that takes seconds."""
    await door.command("chat", f"what about {number}", chat=NOISY, channel=NOISY + number % 40)


async def crowd(door: SlackDoor, number: int) -> None:
    """Say words back, each somebody else in a conversation of their own."""
    await door.command("echo", f"noise{number}", chat=CROWD[number % len(CROWD)])


NOISES: Mapping[str, Noise | None] = {
    "nobody": None,
    "one person, one conversation": one_place,
    "one person, forty conversations": many_places,
    "one person, costly commands": costly,
    "one person, questions to a model": questions,
    "a second crowd": crowd,
}


async def load(door: SlackDoor, noise: Noise | None, pid: int) -> Figures:
    """Let the fifty ask beside the noise; return how long they waited."""
    loop = asyncio.get_running_loop()
    took_s: list[float] = []
    answered = 0
    numbers = itertools.count()

    async def person(chat: int, due_s: float) -> None:
        nonlocal answered
        word = f"hello{next(numbers)}q"
        try:
            status, body = await door.command("echo", word, chat=chat)
        except OSError:  # the machine was so busy that the kernel gave the connection up
            status, body = 0, b""
        took_s.append(loop.time() - due_s)
        answered += status == 200 and word.encode() in body

    async def disturb(noise: Noise, number: int) -> None:
        with suppress(OSError):  # what becomes of the noise does not count
            await noise(door, number)

    async def at_rate(group: asyncio.TaskGroup, per_s: float, send: Callable[[int, float], object]) -> None:
        begins_s = loop.time()
        for n in range(int(per_s * LASTS_S)):
            due_s = begins_s + n / per_s
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            send(n, due_s)

    before_s = cpu_seconds(pid)
    async with asyncio.timeout(LASTS_S + ANSWER_LIMIT_S), asyncio.TaskGroup() as group:
        if noise is not None:
            group.create_task(at_rate(group, NOISE_PER_S, lambda n, _: group.create_task(disturb(noise, n))))
        await at_rate(
            group, PEOPLE * EACH_PER_S, lambda n, due_s: group.create_task(person(n % PEOPLE, due_s))
        )
    return {
        "p50_ms": percentile(took_s, 0.5) * 1e3,
        "p95_ms": percentile(took_s, 0.95) * 1e3,
        "p99_ms": percentile(took_s, 0.99) * 1e3,
        "answered": float(answered),
        "cpu_s": cpu_seconds(pid) - before_s,
    }


async def measured(name: str, folder: Path, log: Path) -> Figures:
    """Measure one bot beside one kind of noise."""
    async with slow_model() as model, SlackDoor("ack", Answers()).opened() as door:
        environment = {
            **door.environment(),
            "QUARTERDECK__PROVIDERS__CUSTOM__BASE_URL": model,
            "QUARTERDECK__MODELS__ROLES__CHAT": '["custom/slow"]',
            "QUARTERDECK__ACCESS__OWNERS": json.dumps([f"slack:{TEAM}:U{NOISY:09}"]),
        }
        command, environment = quarterdeck(folder, environment)
        with running(command, environment, log) as pid:
            await ready(door)
            for _ in range(4):  # what is slow the first time
                await asyncio.gather(*(door.command("echo", "warm", chat=chat) for chat in range(PEOPLE)))
            return await load(door, NOISES[name], pid)


def one(name: str, logs: Path) -> Figures:
    """Measure in a folder of its own."""
    with tempfile.TemporaryDirectory(dir=logs) as folder:
        return uvloop.run(measured(name, Path(folder), logs / f"{name}.log"))


def main() -> None:
    """Measure the fifty alone, and beside each kind of noise."""
    parser = arguments(__doc__ or "", rounds=3)
    parser.add_argument(
        "noises", nargs="*", metavar="NOISE", help=f"which: {'; '.join(NOISES)}; all unless said"
    )
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {LOAD_CPU})
    with tempfile.TemporaryDirectory(prefix="qd-noisy-") as logs:
        names = ["nobody", *(one for one in chosen.noises or NOISES if one != "nobody")]
        variants = {name: partial(one, name, Path(logs)) for name in names}
        found = in_turn(variants, chosen.rounds, is_quiet=chosen.only_json)
        report(
            "One noisy person beside fifty others",
            found,
            baselines=["nobody"],
            settings={"people": PEOPLE, "each_per_s": EACH_PER_S, "noise_per_s": NOISE_PER_S},
            is_only_json=chosen.only_json,
        )


if __name__ == "__main__":
    main()
