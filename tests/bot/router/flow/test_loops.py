"""Prove that two programs do not talk with each other for ever, and that no person is taken for one (T35)."""

from datetime import timedelta

import pytest
from tests.bot.router.conftest import Bot, MakeBot

from quarterdeck.router.flow.loops import DEPTH, SAID
from quarterdeck.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def talk(
    bot: Bot, clock: FakeClock, count: int, *, pause_s: float, text: str = "and then?"
) -> list[str]:
    """Let somebody answer our answers so many times, each so long after ours."""
    answers = []
    for _ in range(count):
        await clock.advance(pause_s)
        answers.append(await bot.ask(text, at=clock.now()))
    return answers


async def test_a_program_that_answers_at_once_is_left_alone(make_bot: MakeBot, clock: FakeClock) -> None:
    """Ten minutes of a tight loop: five answers and one sentence."""
    bot = make_bot(clock=clock)
    async with bot.live():
        answers = await talk(bot, clock, 200, pause_s=0.5)
    assert [*["chat: and then?"] * (DEPTH + 1), SAID] == answers[: DEPTH + 2]
    assert {""} == set(answers[DEPTH + 2 :])


async def test_strangers_who_are_programs_are_left_alone_as_well(make_bot: MakeBot, clock: FakeClock) -> None:
    """Our one sentence to strangers is an answer, too."""
    bot = make_bot(clock=clock)
    async with bot.live():
        for _ in range(50):
            await clock.advance(0.2)
            await bot.ask("hello", user="stranger", at=clock.now())
    assert DEPTH + 2 == len(bot.platform.sent)


async def test_people_who_read_are_answered_every_time(make_bot: MakeBot, clock: FakeClock) -> None:
    """Nobody reads and writes in two seconds, again and again."""
    bot = make_bot(clock=clock)
    async with bot.live():
        answers = await talk(bot, clock, 50, pause_s=3)
    assert ["chat: and then?"] * 50 == answers


async def test_a_burst_that_was_written_before_the_answer_is_no_loop(
    make_bot: MakeBot, clock: FakeClock
) -> None:
    """People send three lines where one would do."""
    bot = make_bot(clock=clock)
    async with bot.live():
        at = clock.now() - timedelta(seconds=1)
        answers = [await bot.ask("line", at=at) for _ in range(20)]
    assert ["chat: line"] * 20 == answers


async def test_commands_are_never_taken_for_a_loop(make_bot: MakeBot, clock: FakeClock) -> None:
    """Who orders something gets it, however fast."""
    bot = make_bot(clock=clock)
    async with bot.live():
        assert ["Pong."] * 50 == await talk(bot, clock, 50, pause_s=0.1, text="/ping")


async def test_new_words_are_never_taken_for_a_loop(make_bot: MakeBot, clock: FakeClock) -> None:
    """Somebody who types ahead, or a test of ours, says something else each time."""
    bot = make_bot(clock=clock)
    async with bot.live():
        for n in range(100):
            await clock.advance(0.1)
            assert f"chat: line {n}" == await bot.ask(f"line {n}", at=clock.now())


async def test_the_silence_ends(make_bot: MakeBot, clock: FakeClock) -> None:
    """After ten minutes everything is as before."""
    bot = make_bot(clock=clock)
    async with bot.live():
        await talk(bot, clock, 10, pause_s=0.5)
        await clock.advance(601)
        assert ["chat: and then?"] == await talk(bot, clock, 1, pause_s=3)
