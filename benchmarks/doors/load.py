"""Put a bot under load and count: until it answers, warm-up, an open loop for latency, a closed one for throughput."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from measure import Figures, percentile

from doors.process import cpu_seconds, resident_mib, running

READY_LIMIT_S = 60.0
ANSWER_LIMIT_S = 30.0
WARM_UP = 500
RATE_PER_S, RATE_S = 200, 3.0
IN_FLIGHT, MOST, LONGEST_S = 64, 6_000, 4.0
CHATS = 50

WORD = re.compile(rb"helloq(\d+)q")


class Door(Protocol):
    """Be one vendor and its users. Enter it to let its servers listen."""

    def environment(self) -> Mapping[str, str]:
        """Return what a bot needs to connect."""

    async def ask(self, number: int) -> None:
        """Let a person send `/echo helloq<number>q`."""


class Answers:
    """Wait for the word of each command in what the bot sends."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[None]] = {}

    def expect(self, number: int) -> asyncio.Future[None]:
        """Return what is done when the answer to command `number` has come."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        return future

    def came(self, body: bytes) -> None:
        """Look for the word in what the bot sent."""
        if (
            (found := WORD.search(body))
            and (future := self._waiting.pop(int(found[1]), None))
            and not future.done()
        ):
            future.set_result(None)

    async def answered(self, number: int, ask: Callable[[int], Awaitable[None]], limit_s: float) -> None:
        """Send a command and return when its answer has come."""
        future = self.expect(number)
        async with asyncio.timeout(limit_s):
            await ask(number)
            await future


async def measured(
    door: AbstractAsyncContextManager[Door],
    answers: Answers,
    bot: Callable[[Mapping[str, str]], tuple[list[str], Mapping[str, str]]],
    log: Path,
) -> Figures:
    """Return the figures of one bot at one door."""
    numbers = itertools.count(1)
    async with door as open_door:
        command, environment = bot(open_door.environment())
        started_s = time.monotonic()
        with running(command, environment, log) as pid:
            ready_s = await _ready(open_door, answers, numbers, started_s)
            for _ in range(WARM_UP // IN_FLIGHT):
                await asyncio.gather(
                    *(
                        answers.answered(next(numbers), open_door.ask, ANSWER_LIMIT_S)
                        for _ in range(IN_FLIGHT)
                    )
                )
            latencies_s = await _at_rate(open_door, answers, numbers)
            before_s = cpu_seconds(pid)
            done, took_s = await _saturated(open_door, answers, numbers)
            used_s = cpu_seconds(pid) - before_s
            return {
                "ready_s": ready_s,
                "p50_ms": percentile(latencies_s, 0.5) * 1e3,
                "p99_ms": percentile(latencies_s, 0.99) * 1e3,
                "commands_per_s": done / took_s,
                "commands_per_cpu_s": done / used_s,
                "loaded_mib": resident_mib(pid),
            }


async def _ready(door: Door, answers: Answers, numbers: itertools.count[int], started_s: float) -> float:
    while time.monotonic() - started_s < READY_LIMIT_S:
        try:
            await answers.answered(next(numbers), door.ask, 0.25)
        except (TimeoutError, OSError, ConnectionError):
            await asyncio.sleep(0.02)
        else:
            return time.monotonic() - started_s
    raise TimeoutError("the bot never answered")


async def _at_rate(door: Door, answers: Answers, numbers: itertools.count[int]) -> list[float]:
    """Send at a steady rate whatever comes back, and count from the moment that each was due."""
    loop = asyncio.get_running_loop()
    begins_s = loop.time()
    took_s: list[float] = []

    async def one(due_s: float) -> None:
        await answers.answered(next(numbers), door.ask, ANSWER_LIMIT_S)
        took_s.append(loop.time() - due_s)

    async with asyncio.TaskGroup() as group:
        for n in range(int(RATE_PER_S * RATE_S)):
            due_s = begins_s + n / RATE_PER_S
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            group.create_task(one(due_s))
    return took_s


async def _saturated(door: Door, answers: Answers, numbers: itertools.count[int]) -> tuple[int, float]:
    """Keep so many commands in flight; returns how many were answered, and in how many seconds."""
    begins_s = time.monotonic()
    done = 0

    async def worker() -> None:
        nonlocal done
        while done < MOST and time.monotonic() - begins_s < LONGEST_S:
            await answers.answered(next(numbers), door.ask, ANSWER_LIMIT_S)
            done += 1

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return done, time.monotonic() - begins_s
