"""Answers and messages that break bots, through the real program, on all three platforms at once (F23, F24, T19).

`QUARTERDECK_HOSTILE_MESSAGES=1000` says how many on each platform; a run for every change has fewer.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.e2e.platforms.hostile import answer, faults, typed, words
from tests.e2e.platforms.model import Model

from quarterdeck.testing.simulator.bot import ChildBot
from quarterdeck.testing.simulator.platform import SeenMessage, SimulatedPlatform
from quarterdeck.testing.simulator.simulation import make
from quarterdeck.testing.simulator.transcript import PLATFORMS

MESSAGES = int(os.environ.get("QUARTERDECK_HOSTILE_MESSAGES", "50"))
EACH = 5  # messages of one person: who answers every answer at once is soon taken for a program
AT_ONCE = 10  # people who write at the same time on one platform, each in their own conversation
ANSWER_S = 120.0


def is_echo(number: int) -> bool:
    """Tell whether this one is typed by a person and said back, rather than answered by the model."""
    return number % 5 == 0


def meant(number: int) -> str:
    """Return what is to be seen."""
    return typed(number) if is_echo(number) else answer(number)


async def converse(platform: SimulatedPlatform, person: str, numbers: range, room: asyncio.Semaphore) -> None:
    """Say one after the other, each as soon as the last word of the answer before it is there."""
    async with room:
        for number in numbers:
            text = f"/echo {typed(number)}" if is_echo(number) else f"tell me #{number}"
            await platform.say(person, text, where="direct")
            last = words(meant(number))[-1]
            await platform.wait_for(person, last, where="direct", timeout_s=ANSWER_S)


async def answers(platform: SimulatedPlatform, person: str) -> list[list[SeenMessage]]:
    """Return what the bot said to each message of a person."""
    found: list[list[SeenMessage]] = []
    for one in await platform.seen(person, where="direct"):
        if one.author != "bot":
            found.append([])
        else:
            found[-1].append(one)
    return found


@pytest.mark.slow
@pytest.mark.timeout(60 + MESSAGES * 4)
async def test_no_message_breaks_a_platform_pings_anybody_or_is_lost(tmp_path: Path) -> None:
    """Nothing is refused, cut, doubled, or out of order; and nobody is notified."""
    count = -(-MESSAGES // EACH)
    people = {f"person{n}": range(n, MESSAGES, count) for n in range(count)}
    problems = []
    async with AsyncExitStack() as stack:
        platforms = [await stack.enter_async_context(make(name)) for name in PLATFORMS]
        model = await stack.enter_async_context(Model({n: answer(n) for n in range(MESSAGES)}))
        environment = {name: value for one in platforms for name, value in one.environment().items()}
        bot = ChildBot(tmp_path, environment | model.environment(), {})
        await stack.enter_async_context(bot)
        await bot.grant({one.identity(person): "operator" for one in platforms for person in people})
        async with asyncio.TaskGroup() as group:
            for one in platforms:
                await one.ready()
                room = asyncio.Semaphore(AT_ONCE)
                for person, numbers in people.items():
                    group.create_task(converse(one, person, numbers, room))
        await bot.stop()

        for one in platforms:
            problems += [f"{one.platform} refused {refused}" for refused in one.refusals()]
            for person, numbers in people.items():
                found = await answers(one, person)
                if len(found) != len(numbers):
                    said = [f"{m.author}: {m.text[:60]!r}" for m in await one.seen(person, where="direct")]
                    problems.append(f"{one.platform} {person}: {len(numbers)} messages, seen are {said}")
                for number, seen in zip(numbers, found, strict=False):
                    problems += [f"{one.platform} {number}: {what}" for what in faults(meant(number), seen)]

    assert not problems, "\n".join(problems[:20])
    assert "Traceback" not in (tmp_path / "bot.log").read_text("utf-8")
