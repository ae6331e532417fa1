"""Run the real built-in model in its worker process. Its words are never asserted on: it is small and often wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from quarterdeck.core.errors import Rejected, Unavailable
from quarterdeck.core.model import Delta, ModelMessage, ModelRequest
from quarterdeck.models.dialects.llama_cpp import WAITING_LIMIT, LlamaCpp
from quarterdeck.models.local.builtin import Builtin, default_threads
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.runtime.settings.sections import BuiltinModelSettings
from quarterdeck.runtime.workers.worker import Worker

pytestmark = [pytest.mark.needs("llama_cpp"), pytest.mark.slow]

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "count": {"type": "integer"}},
    "required": ["city", "count"],
}


def request(text: str, **more: Any) -> ModelRequest:
    """Ask the model."""
    return ModelRequest(model="m", messages=(ModelMessage(speaker="user", text=text),), **more)


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    """Return the worker as the bot starts it."""
    worker = Builtin(BuiltinModelSettings(threads=1, context_tokens=512)).worker(Timeouts())
    yield worker
    await worker.stop()


@pytest.fixture
def model(worker: Worker) -> LlamaCpp:
    """Return the dialect over the worker."""
    return LlamaCpp(worker, "smollm2")


async def test_an_answer_streams_and_is_counted(model: LlamaCpp, kit: Any) -> None:
    """Word by word, as from any vendor."""
    deltas = await kit.heard(model.complete(request("Count to five.", max_output_tokens=16)))

    usage = deltas[-1].usage
    assert len(deltas) > 4
    assert deltas[-1].finish in ("stop", "length")
    assert usage.input_tokens > 5
    assert 1 <= usage.output_tokens <= 16
    assert "llama_cpp" not in sys.modules


async def test_the_limit_of_the_answer_holds(model: LlamaCpp, kit: Any) -> None:
    """A small model likes to go on for ever."""
    deltas = await kit.heard(model.complete(request("Write a long story.", max_output_tokens=5)))

    assert ("length", 5) == (deltas[-1].finish, deltas[-1].usage.output_tokens)


async def test_json_follows_its_schema(model: LlamaCpp, kit: Any) -> None:
    """The grammar holds even a small model to it."""
    deltas = await kit.heard(
        model.complete(request("Name a city.", json_schema=SCHEMA, max_output_tokens=100))
    )

    answer = json.loads("".join(delta.text for delta in deltas))
    assert (str, int) == (type(answer["city"]), type(answer["count"]))


async def test_leaving_in_mid_answer_frees_the_model(model: LlamaCpp, worker: Worker, kit: Any) -> None:
    """`/cancel` must not leave the one model busy with nobody's answer."""
    async with aclosing(model.complete(request("Write a long story.", max_output_tokens=400))) as deltas:
        await anext(deltas)
    pid = worker.pid

    async with asyncio.timeout(5):
        after = await kit.heard(model.complete(request("Hi", max_output_tokens=2)))

    assert after[-1].finish
    assert pid == worker.pid


async def test_leaving_while_the_prompt_is_read_frees_the_model(worker: Worker, kit: Any) -> None:
    """Reading a long prompt takes many seconds and yields nothing; it is stopped all the same."""
    builtin = Builtin(BuiltinModelSettings(threads=1, context_tokens=2048))
    long_worker = builtin.worker(Timeouts())
    model = LlamaCpp(long_worker, "smollm2")
    await kit.heard(model.complete(request("Hi", max_output_tokens=1)))
    loop = asyncio.get_running_loop()

    reading = asyncio.create_task(kit.heard(model.complete(request("word " * 1900, max_output_tokens=2))))
    while long_worker.open_requests == 0:
        await asyncio.sleep(0)
    started_s = loop.time()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    after = await kit.heard(model.complete(request("Hi", max_output_tokens=1)))
    took_s = loop.time() - started_s
    await long_worker.stop()

    assert after[-1].finish
    assert took_s < 3.0


async def test_old_turns_are_left_out_when_the_context_is_full(model: LlamaCpp, kit: Any) -> None:
    """A long conversation goes on instead of failing."""
    turns = [ModelMessage(speaker="system", text="Be brief.")]
    for n in range(40):
        turns.append(ModelMessage(speaker="user", text=f"Question {n}: " + "word " * 20))
        turns.append(ModelMessage(speaker="assistant", text=f"Answer {n}."))
    turns.append(ModelMessage(speaker="user", text="And now?"))

    deltas = await kit.heard(
        model.complete(ModelRequest(model="m", messages=tuple(turns), max_output_tokens=8))
    )

    assert deltas[-1].usage.input_tokens <= 512


async def test_a_question_that_is_too_long_is_refused_with_a_hint(model: LlamaCpp, kit: Any) -> None:
    """Honest, and the worker lives on."""
    with pytest.raises(Rejected, match="too long for the built-in model") as caught:
        await kit.heard(model.complete(request("word " * 3000)))

    assert "context_tokens" in caught.value.hint
    assert (await kit.heard(model.complete(request("Hi", max_output_tokens=2))))[-1].finish


async def test_calls_take_turns(model: LlamaCpp, kit: Any) -> None:
    """One model has one context: answers must not mix."""
    answers = await asyncio.gather(
        *(kit.heard(model.complete(request(f"Say {n}.", max_output_tokens=4))) for n in range(4))
    )

    assert [True] * 4 == [bool(deltas[-1].finish) for deltas in answers]


async def test_too_many_in_the_queue_are_told_at_once(model: LlamaCpp, kit: Any) -> None:
    """The tenth in line would wait for minutes."""
    waiting = [
        asyncio.create_task(kit.heard(model.complete(request("Story!", max_output_tokens=200))))
        for _ in range(WAITING_LIMIT)
    ]
    await asyncio.sleep(0)

    with pytest.raises(Unavailable, match="has 8 answers to write"):
        await kit.heard(model.complete(request("Hi")))

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_crash_in_mid_answer_is_a_failure_and_the_next_question_is_answered(
    model: LlamaCpp, worker: Worker, kit: Any
) -> None:
    """llama.cpp is known to crash on some machines; the bot must not."""
    deltas = model.complete(request("Write a long story.", max_output_tokens=400))
    first = await anext(deltas)
    assert worker.pid is not None

    os.kill(worker.pid, signal.SIGKILL)

    assert isinstance(first, Delta)
    with pytest.raises(Unavailable, match="signal 9"):
        await kit.heard(deltas)
    assert (await kit.heard(model.complete(request("Hi", max_output_tokens=2))))[-1].finish


async def test_there_are_no_embeddings_and_one_model(model: LlamaCpp) -> None:
    """Embeddings have a model of their own."""
    assert ["smollm2"] == await model.models()
    with pytest.raises(Rejected):
        await model.embed("m", ["a"])


def test_one_core_stays_for_the_bot() -> None:
    """Threads that share a core spin: two on two busy cores wrote a sixth of what one writes."""
    cores = len(os.sched_getaffinity(0))

    assert max(1, min(cores - 1, 8)) == default_threads()
