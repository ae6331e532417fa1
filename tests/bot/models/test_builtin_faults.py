"""Break the built-in model in every way, and look at what comes out of the registry; nothing of llama.cpp runs here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tests.bot.models.wires import TOOL

from quarterdeck.core.errors import Rejected, ServiceError, Unavailable
from quarterdeck.core.model import Enclosed, ModelMessage, Wanted
from quarterdeck.models.calling.fallback import ANSWER_LIMIT
from quarterdeck.models.local.builtin import Builtin
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.testing.clock import FakeClock

HELLO = (ModelMessage(speaker="user", text="Hello?"),)
END = {"finish": "stop", "input_tokens": 3, "output_tokens": 1}


@dataclass
class Part:
    """Hold one part of what the worker says."""

    value: object


class ScriptedWorker:
    """Say what `parts` hold; an exception is raised, None hangs."""

    def __init__(self, parts: Sequence[object]) -> None:
        self.parts, self.orders = parts, list[Any]()

    async def stream(self, method: str, order: Any, **_: Any) -> AsyncGenerator[Part, None]:
        """Play the script."""
        self.orders.append(order)
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            if part is None:
                await asyncio.Event().wait()
            yield Part(part)

    async def stop(self) -> None:
        """Have nothing to stop."""


@pytest.fixture
async def opened(kit: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Return a maker of (registry, worker, usage rows) whose built-in model plays a script."""
    made: list[ModelRegistry] = []

    def make(*parts: object) -> tuple[ModelRegistry, ScriptedWorker, list[Any]]:
        worker, recorder = ScriptedWorker(parts), kit.recorder()
        monkeypatch.setattr(Builtin, "missing", lambda _: [])
        monkeypatch.setattr(Builtin, "worker", lambda *_: worker)
        made.append(
            ModelRegistry(
                settings=Settings.model_validate(
                    {"models": {"roles": {"chat": ["builtin/smollm2-135m-instruct"]}}}
                ),
                catalog=Catalog.read(config_dir()),
                resolver=Resolver({}, Redactor()),
                clock=FakeClock(),
                record=recorder,
                timeouts=Timeouts(total_s=0.5),
            )
        )
        return made[-1], worker, recorder.rows

    yield make
    for registry in made:
        await registry.close()


async def failure_of(
    registry: ModelRegistry, messages: Any = HELLO, wanted: Wanted | None = None
) -> ServiceError:
    """Return what a call raises."""
    try:
        async for delta in registry.complete(messages, wanted=wanted or Wanted()):
            assert not delta.tool_calls
    except ServiceError as error:
        return error
    pytest.fail("it did not fail")


async def test_tools_are_refused_before_the_model_is_asked(opened: Any) -> None:
    """It would answer with prose, and whoever waits for a call would take that for one that was not wanted."""
    registry, worker, _ = opened({"text": "Hi"}, END)

    failure = await failure_of(registry, wanted=Wanted(tools=(TOOL,)))

    assert isinstance(failure, Rejected)
    assert ("cannot use tools" in failure.message, []) == (True, worker.orders)


async def test_pictures_are_refused_before_the_model_is_asked(opened: Any) -> None:
    """It would answer about nothing."""
    registry, worker, _ = opened({"text": "Hi"}, END)
    picture = Enclosed(media_type="image/png", content=b"\x89PNG")

    failure = await failure_of(
        registry, (ModelMessage(speaker="user", text="What is it?", enclosed=(picture,)),)
    )

    assert ("takes no pictures" in failure.message, []) == (True, worker.orders)


async def test_f13_a_model_that_hangs_ends_in_time(opened: Any) -> None:
    """The total time holds here as for any vendor."""
    registry, _, rows = opened({"text": "Hel"}, None)

    failure = await failure_of(registry)

    assert (Unavailable, True) == (type(failure), "did not finish" in failure.message)
    assert ["Unavailable"] == [row.outcome for row in rows]


async def test_f14_an_answer_without_its_end_is_none(opened: Any) -> None:
    """A worker that dies in mid-answer must not pass for a short answer."""
    registry, _, _ = opened({"text": "Hel"})

    failure = await failure_of(registry)

    assert "cut off" in failure.message


async def test_f15_an_answer_without_end_is_stopped_and_counted_once(opened: Any) -> None:
    """Small models like to repeat themselves."""
    registry, worker, rows = opened(*[{"text": "x" * 65_536}] * 80, END)

    failure = await failure_of(registry)

    assert f"more than {ANSWER_LIMIT} characters" in failure.message
    assert (1, 1) == (len(worker.orders), len(rows))
