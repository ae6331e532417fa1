"""Answers go out at once until the platform says no; from then on nobody is refused again, and nobody starves."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict

import pytest

from quarterdeck.core.adapter import Pace, Rendered
from quarterdeck.core.errors import RateLimited
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Reply
from quarterdeck.router.delivery.pace import QUIET_S, Pacer
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import FakePlatform

A, B = (Conversation(id=f"fake:{name}", platform="fake") for name in "ab")
GROUP = Conversation(id="fake:g", platform="fake", kind="group")


async def times(pacer: Pacer, clock: FakeClock, places, *, is_change: bool = False) -> list[float]:
    """Ask for a turn for each place at once; return when each was given, in seconds."""
    given: dict[int, float] = {}

    async def ask(n: int, place: Conversation) -> None:
        await pacer.turn(place, is_change=is_change)
        given[n] = clock.monotonic()

    async with asyncio.TaskGroup() as group:
        for n, place in enumerate(places):
            group.create_task(ask(n, place))
        await clock.advance(1000)
    return [round(given[n], 3) for n in range(len(places))]


async def test_answers_go_out_at_once_until_one_is_refused() -> None:
    """Vendors allow bursts; a person who asks twice is not made to wait for our caution."""
    clock = FakeClock()
    pacer = Pacer(Pace(conversation_s=1.0, per_second=2, group_per_minute=2), clock)

    assert [0.0] * 6 == await times(pacer, clock, [A, A, B, GROUP, GROUP, GROUP])


async def test_a_refused_conversation_keeps_to_the_pace_and_others_do_not() -> None:
    """Until it was quiet for a while."""
    clock = FakeClock()
    pacer = Pacer(Pace(conversation_s=2.0), clock)
    for _ in range(2):
        pacer.take(A)
    pacer.refused(A, 10.0, is_global=False)

    strict = await times(pacer, clock, [A, A, B, A])
    later = await times(pacer, clock, [A, A])

    assert ([10.0, 12.0, 0.0, 14.0], [1000.0, 1000.0]) == (strict, later)


async def test_a_global_refusal_holds_everybody() -> None:
    """And then the overall limit holds: so many a second, in the order of asking."""
    clock = FakeClock()
    pacer = Pacer(Pace(per_second=2), clock)
    pacer.refused(A, 5.0, is_global=True)
    places = [Conversation(id=f"fake:{n}", platform="fake") for n in range(6)]

    assert [5.0, 5.0, 6.1, 6.1, 7.2, 7.2] == await times(pacer, clock, places)


async def test_who_kept_the_pace_and_was_refused_was_one_of_too_many() -> None:
    """Telegram does not say which limit was passed: the first message to a chat cannot have been too fast for it."""
    clock = FakeClock()
    pacer = Pacer(Pace(conversation_s=1.0, per_second=2), clock)
    places = [Conversation(id=f"fake:{n}", platform="fake") for n in range(5)]
    pacer.take(places[0])
    pacer.refused(places[0], 1.0, is_global=False)

    assert [2.2, 0.0, 1.1, 1.1, 2.2] == await times(pacer, clock, places)


async def test_a_group_takes_so_many_a_minute() -> None:
    """Telegram's third limit."""
    clock = FakeClock()
    pacer = Pacer(Pace(group_per_minute=3), clock)
    pacer.refused(GROUP, 0.0, is_global=False)

    assert [0.0, 0.0, 0.0, 60.0, 60.0] == await times(pacer, clock, [GROUP] * 5)
    assert QUIET_S >= 60.0


async def test_changes_always_keep_to_the_pace() -> None:
    """Progress is ours to leave out; it must not cost somebody an answer."""
    clock = FakeClock()
    pacer = Pacer(Pace(conversation_s=1.0), clock)

    assert [0.0, 1.0, 2.0] == await times(pacer, clock, [A, A, A], is_change=True)


async def test_places_that_share_a_limit_share_turns() -> None:
    """The threads of a Slack channel count as the channel."""
    clock = FakeClock()
    pacer = Pacer(Pace(conversation_s=1.0, place=lambda to: "one"), clock)

    assert [0.0, 1.0, 2.0] == await times(pacer, clock, [A, B, A], is_change=True)


def test_silent_places_are_forgotten() -> None:
    """A year of direct messages must not stay in memory."""
    clock = FakeClock()
    pacer = Pacer(Pace(conversation_s=1.0), clock)
    for n in range(100_000):
        clock._elapsed_s = n / 100
        pacer.take(Conversation(id=f"fake:{n}", platform="fake"))

    assert 20_000 > len(pacer._places)


class Strict(FakePlatform):
    """Refuse what comes faster than one a second to a conversation, or so many a second in all."""

    def __init__(self, clock: FakeClock, per_second: int) -> None:
        super().__init__()
        self.pace = Pace(conversation_s=1.0, per_second=per_second)
        self._clock, self._per_second = clock, per_second
        self.when: dict[str, list[float]] = defaultdict(list)
        self.refused = 0

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Take a message, unless it comes too fast."""
        now_s = self._clock.monotonic()
        everywhere = sum(at_s > now_s - 1.0 for place in self.when.values() for at_s in place[-1:])
        if everywhere >= self._per_second or any(at_s > now_s - 1.0 for at_s in self.when[to.id][-1:]):
            self.refused += 1
            raise RateLimited("too fast", service="fake", retry_after_s=1.0)
        self.when[to.id].append(now_s)
        return await super().send(to, part, key)


@pytest.mark.slow
async def test_ten_thousand_waiting_answers_all_arrive_in_order(make_bot) -> None:
    """F22: a slow platform, a long queue: bounded memory, oldest first in each conversation, nobody starves."""
    clock = FakeClock()
    platform = Strict(clock, 50)
    bot = make_bot(platform=platform, clock=clock)
    places = [platform.conversation(f"c{n}") for n in range(100)]
    async with asyncio.TaskGroup() as group:
        for n in range(10_000):
            place = places[0] if n < 1_550 else places[n % 100]  # one floods, and others follow
            group.create_task(bot.outbox.send(place, Reply(text=str(n)), key=f"k{n}"))
    held = sum(entry.row is not None for lane in bot.outbox.lanes._lanes.values() for entry in lane)
    async with bot.live():
        while lanes := len(bot.outbox.lanes._lanes):
            asleep = sum(not wake.done() for _, _, wake in clock._sleepers)
            await (clock.advance(0.5) if asleep >= lanes else asyncio.sleep(0.0001))
        await bot.settled()

    by_place: dict[str, list[int]] = defaultdict(list)
    for one in platform.sent:
        by_place[one.conversation].append(int(one.text))
    last_of_others = max(when[-1] for place, when in platform.when.items() if place != places[0].id)
    assert 1_000 + 100 >= held
    assert 10_000 == len(platform.sent)
    assert all(numbers == sorted(numbers) for numbers in by_place.values())
    assert Counter({"sent": 10_000}) == Counter(await bot.states())
    assert 600 > last_of_others  # 8,450 answers at 45 a second, whatever the flood before them does
