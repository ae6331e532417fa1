"""What a person sees of an answer while it is being written, on each platform, by the real program."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from tests.e2e.platforms.conftest import scene

from quarterdeck.testing.simulator.transcript import PLATFORMS, PlatformName

pytestmark = pytest.mark.slow
FIRST_S = 1.0  # from the model's first words to the person's screen
PACE_S = 0.9  # between two changes; the declared paces are 1.0 and 1.2 s


@pytest.mark.parametrize("name", PLATFORMS)
async def test_words_appear_at_once_grow_at_the_platforms_pace_and_end_exact(
    name: PlatformName, tmp_path: Path
) -> None:
    """Markup is closed at each moment, and the last form is what the model wrote."""
    async with scene(name, tmp_path) as here:
        await here.say("tell me")
        _, pen = await here.model.asked.get()
        began = time.monotonic()
        await pen.write("All **bold words and `code ")
        first = await here.sees("bold words")
        shown = [time.monotonic()]
        looks = [first.text]
        for number in range(3):
            for piece in range(40):
                await pen.write(f"n{number}p{piece} ")
            grown = await here.sees(f"n{number}p39")
            shown.append(time.monotonic())
            looks.append(grown.text)
        await pen.write("x`** end.")
        await pen.finish()
        here.model.let_go(pen)
        last = await here.sees("end.")
        (only,) = await here.said()

    pieces = " ".join(f"n{number}p{piece}" for number in range(3) for piece in range(40))
    assert FIRST_S > shown[0] - began
    assert all(PACE_S <= later - earlier for earlier, later in pairwise(shown))
    assert [] == [text for text in looks if "*" in text or "`" in text]
    assert f"All bold words and code {pieces} x end." == only.text
    assert ({first.id}, 4) == ({first.id, last.id, only.id}, only.edits)
    assert () == here.platform.refusals()


@pytest.mark.parametrize("name", PLATFORMS)
async def test_an_answer_that_is_cancelled_says_so_in_place(name: PlatformName, tmp_path: Path) -> None:
    """The model is hung up on, and what was written stays."""
    async with scene(name, tmp_path) as here:
        await here.say("tell me")
        _, pen = await here.model.asked.get()
        await pen.write("The first *words ")
        first = await here.sees("first words")
        await here.say("/cancel")
        await here.sees("Stopped")
        last = await here.sees("words\n\nStopped.")
        here.model.let_go(pen)

    assert first.id == last.id
    assert last.text.startswith("The first words\n")
    assert () == here.platform.refusals()


@pytest.mark.parametrize("name", PLATFORMS)
async def test_an_answer_that_breaks_off_says_so_in_place(name: PlatformName, tmp_path: Path) -> None:
    """A model's server that dies in the middle of a sentence."""
    async with scene(name, tmp_path) as here:
        await here.say("tell me")
        _, pen = await here.model.asked.get()
        await pen.write("The first *words ")
        first = await here.sees("first words")
        pen.fail()
        here.model.let_go(pen)
        last = await here.sees("\n\n")
        (only,) = await here.said()

    assert (first.id, last.text) == (only.id, only.text)
    assert only.text.startswith("The first words\n\n")
    assert () == here.platform.refusals()


async def test_in_a_thread_of_slack_the_words_grow_natively_and_end_exact(tmp_path: Path) -> None:
    """One edit, the last: until then Slack's own stream showed the words."""
    async with scene("slack", tmp_path) as here:
        first = await here.say("/ping")
        await here.sees("Pong.")
        await here.platform.say("ada", "tell me", where="direct", thread=first)
        _, pen = await here.model.asked.get()
        await pen.write("All the words ")
        begun = await here.sees("All the words")
        await pen.write("come one by one ")
        grown = await here.sees("come one by one")
        await pen.write("and **end**.")
        await pen.finish()
        here.model.let_go(pen)
        last = await here.sees("and end.")

    assert [0, 0, 1] == [begun.edits, grown.edits, last.edits]
    assert "All the words come one by one and end." == last.text
    assert {begun.id} == {grown.id, last.id}
    assert () == here.platform.refusals()
