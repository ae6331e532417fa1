"""Prove that what is long past is folded once, behind the answers, and never loses what is new."""

import asyncio

from tests.bot.memory.conftest import HERE, Memory, PlayedModel

from quarterdeck.memory.summaries import FOLD_FROM, KEEP_MESSAGES, Summaries
from quarterdeck.testing.clock import FakeClock


def of(memory: Memory, model: PlayedModel) -> Summaries:
    return Summaries(memory.notes, memory.history, model, FakeClock(), prompt="Sum up.")


async def test_the_newest_stay_as_they_are(memory: Memory) -> None:
    """Only what is older than the newest thirty is summed up, and once."""
    model = PlayedModel()
    for n in range(KEEP_MESSAGES + FOLD_FROM):
        await memory.say(f"message {n:02}")
    folder = of(memory, model)
    assert await folder.fold(HERE)
    assert "Anna decided on Postgres 16." == (await memory.notes.summarised(HERE.id))[0]
    material = model.asked[0][1].text
    assert ["message 00" in material, "message 11" in material, "message 12" in material] == [
        True,
        True,
        False,
    ]
    assert not await folder.fold(HERE)
    assert 1 == len(model.asked)


async def test_a_few_are_not_worth_a_call(memory: Memory) -> None:
    """Money is not spent on a line or two."""
    model = PlayedModel()
    for n in range(KEEP_MESSAGES + FOLD_FROM - 1):
        await memory.say(f"message {n}")
    assert not await of(memory, model).fold(HERE)
    assert [] == model.asked


async def test_without_a_capable_model_nothing_is_folded(memory: Memory) -> None:
    """A small model would make things up."""
    for n in range(60):
        await memory.say(f"message {n}")
    assert not await of(memory, PlayedModel(is_capable=False)).fold(HERE)
    assert not await of(memory, PlayedModel(is_there=False)).fold(HERE)


async def test_a_summary_that_was_forgotten_meanwhile_does_not_come_back(memory: Memory) -> None:
    """`/forget` while the model writes wins."""
    await memory.notes.fold(HERE.id, "old", since_ms=0, up_to_ms=7, now_ms=1)
    await memory.notes.forget_conversation(HERE.id)
    await memory.notes.fold(HERE.id, "written before that", since_ms=7, up_to_ms=9, now_ms=2)
    assert ("", 0) == await memory.notes.summarised(HERE.id)


async def test_asked_for_often_it_is_done_once(memory: Memory) -> None:
    """Every chat asks; one fold answers all."""
    model = PlayedModel()
    for n in range(60):
        await memory.say(f"message {n}")
    folder = of(memory, model)
    for _ in range(5):
        folder.want(HERE)
    task = asyncio.create_task(folder.serve())
    while not (await memory.notes.summarised(HERE.id))[0]:
        await asyncio.sleep(0)
    task.cancel()
    assert 1 == len(model.asked)
