"""How much longer fifty people wait for their answers while one person floods the bot.

Fifty people give one `/echo` a second each, as signed slash commands over HTTP, and wait for the answer in the
acknowledgement. Beside them one person sends 200 a second for as long: in one conversation, in forty at once, commands
that are costly (help, typing errors, wrong options), or questions to a model that takes seconds. The same fifty without
that person are the baseline: the 95th percentile beside the noise is to be twice theirs at most. `a second crowd` is a
yardstick: the same 200 a second, from two hundred people who are nobody's fault.

Bot and load share one process, and its clock is its processor time: while something is to be done, time passes as the
processor works on it, and when nothing is, it jumps to the next command that is due. That is a machine with one core
of its own and a disk that answers at once, so what neighbours do does not count; the load's own work does, for both.
Answers are timed from the moment at which the command was due.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import uvloop
from ack_under_load import ready, slow_model
from doors.load import Answers
from doors.slack import TEAM, SlackDoor
from measure import Figures, arguments, in_turn, percentile, report
from platform_doors import quarterdeck

from quarterdeck.app.app import open_app
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.settings.loading import read_settings

PEOPLE, EACH_PER_S, NOISE_PER_S, LASTS_S = 50, 1, 200, 10.0
NOISY, CROWD = 900, range(1_000, 1_200)  # numbers of people and channels that are not the fifty's
COSTLY = (
    ("help", "deploy and schedule"),
    ("ehco", "typo"),
    ("schedule", "add --nonsense"),
    ("ask", "--help"),
)
LOOK_S = 0.001

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


class Load:
    """Send what is due, by the processor's clock."""

    def __init__(self, door: SlackDoor, noise: Noise | None) -> None:
        self._door, self._noise = door, noise
        self._began_s, self._skipped_s = time.process_time(), 0.0
        self._due = [(n / PEOPLE / EACH_PER_S, 0, n) for n in range(int(PEOPLE * EACH_PER_S * LASTS_S))]
        if noise is not None:
            self._due += [(n / NOISE_PER_S, 1, n) for n in range(int(NOISE_PER_S * LASTS_S))]
        heapq.heapify(self._due)
        self.took_s: list[float] = []
        self.answered = 0

    def now_s(self) -> float:
        """Return how much time has passed."""
        return time.process_time() - self._began_s + self._skipped_s

    async def run(self) -> None:
        """Send everything; return when the fifty have their answers."""
        fifty: set[asyncio.Task[None]] = set()
        noise: set[asyncio.Task[None]] = set()
        while self._due or fifty:
            while self._due and self._due[0][0] <= self.now_s():
                due_s, is_noise, number = heapq.heappop(self._due)
                tasks = noise if is_noise else fifty
                task = asyncio.create_task(self._disturb(number) if is_noise else self._ask(number, due_s))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            if fifty or noise:
                await asyncio.sleep(LOOK_S)
            elif self._due:
                self._skipped_s += max(0.0, self._due[0][0] - self.now_s())
        for task in noise:
            task.cancel()
        await asyncio.gather(*noise, return_exceptions=True)

    async def _ask(self, number: int, due_s: float) -> None:
        word = f"hello{number}q"
        status, body = await self._door.command("echo", word, chat=number % PEOPLE)
        self.took_s.append(self.now_s() - due_s)
        self.answered += status == 200 and word.encode() in body

    async def _disturb(self, number: int) -> None:
        assert self._noise is not None
        with suppress(OSError):  # what becomes of the noise does not count
            await self._noise(self._door, number)


async def measured(name: str, folder: Path) -> Figures:
    """Measure the bot beside one kind of noise."""
    async with slow_model() as model, SlackDoor("ack", Answers()).opened() as door:
        _, environment = quarterdeck(folder, door.environment())
        owners = [f"slack:{TEAM}:U{NOISY:09}"]
        loaded = read_settings(
            environ={
                **environment,
                "QUARTERDECK__PROVIDERS__CUSTOM__BASE_URL": model,
                "QUARTERDECK__MODELS__ROLES__CHAT": '["custom/slow"]',
                "QUARTERDECK__ACCESS__OWNERS": json.dumps(owners),
            },
            folder=folder,
        )
        async with open_app(loaded, Redactor(), verb="run") as app:
            running = asyncio.create_task(app.run())
            await ready(door)
            for _ in range(4):  # what is slow the first time
                await asyncio.gather(*(door.command("echo", "warm", chat=chat) for chat in range(PEOPLE)))
            for word, text in COSTLY:
                await door.command(word, text, chat=NOISY)
            load = Load(door, NOISES[name])
            await load.run()
            app.stop()
            await running
    return {
        "p50_ms": percentile(load.took_s, 0.5) * 1e3,
        "p95_ms": percentile(load.took_s, 0.95) * 1e3,
        "p99_ms": percentile(load.took_s, 0.99) * 1e3,
        "answered": float(load.answered),
    }


def one(name: str) -> Figures:
    """Measure in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="qd-noisy-") as folder:
        os.environ["HOME"] = folder
        return uvloop.run(measured(name, Path(folder)))


def main() -> None:
    """Measure the fifty alone, and beside each kind of noise."""
    parser = arguments(__doc__ or "", rounds=3)
    parser.add_argument(
        "noises", nargs="*", metavar="NOISE", help=f"which: {'; '.join(NOISES)}; all unless said"
    )
    chosen = parser.parse_args()
    names = ["nobody", *(one for one in chosen.noises or NOISES if one != "nobody")]
    found = in_turn({name: partial(one, name) for name in names}, chosen.rounds, is_quiet=chosen.only_json)
    report(
        "One noisy person beside fifty others",
        found,
        baselines=["nobody"],
        settings={"people": PEOPLE, "each_per_s": EACH_PER_S, "noise_per_s": NOISE_PER_S},
        is_only_json=chosen.only_json,
    )


if __name__ == "__main__":
    main()
