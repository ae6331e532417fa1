"""Prove that keys take turns, calls wait their turn, and a retired model says which one answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quarterdeck.core.errors import AuthFailed, ServiceError
from quarterdeck.core.model import ModelMessage
from quarterdeck.models.calling.breaker import RETRIES, RetryBudget
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.testing.clock import FakeClock

HELLO = (ModelMessage(speaker="user", text="Hello?"),)
KEYS = {"KEY_A": "sk-first-1234567890", "KEY_B": "sk-second-1234567890"}


@pytest.fixture
async def make(kit: Any, vendor: Any) -> Any:
    """Return a maker of registries for one vendor with two keys."""
    made: list[ModelRegistry] = []

    def build(model: str = "mine/m", clock: FakeClock | None = None, **more: Any) -> ModelRegistry:
        mine = {"base_url": vendor.url, "key": "env:KEY_A", "keys": ["env:KEY_B"], **more}
        settings = {
            "models": {"discover": False, "roles": {"chat": [model]}, "builtin": {"enabled": False}},
            "providers": {model.partition("/")[0]: mine},
        }
        made.append(
            ModelRegistry(
                settings=Settings.model_validate(settings),
                catalog=Catalog.read(config_dir()),
                resolver=Resolver(KEYS, Redactor()),
                clock=clock or FakeClock(),
                record=kit.recorder(),
            )
        )
        return made[-1]

    yield build
    for registry in made:
        await registry.close()


def used(vendor: Any) -> list[str]:
    """Return which key each call brought."""
    return [
        seen.headers["authorization"].removeprefix("Bearer sk-").partition("-")[0] for seen in vendor.seen
    ]


@pytest.mark.parametrize("status", [401, 429])
async def test_the_next_key_is_used_where_one_is_refused(
    make: Any, kit: Any, vendor: Any, status: int
) -> None:
    """At once, without a pause; and it stays the one that is used."""
    refusal = kit.json_answer({"error": {"message": "no"}}, status, Retry_After="20")
    vendor.answers = [refusal, kit.stream_answer(kit.openai_stream("Hi"))]
    registry = make()

    for _ in range(2):
        deltas = await kit.heard(registry.complete(HELLO))

    assert "Hi" == "".join(delta.text for delta in deltas)
    assert ["first", "second", "second"] == used(vendor)


async def test_a_rested_key_is_used_again(make: Any, kit: Any, vendor: Any) -> None:
    """Its rate is there again after what the vendor asked for."""
    refusal = kit.json_answer({"error": {"message": "no"}}, 429, Retry_After="20")
    vendor.answers = [refusal, kit.stream_answer(kit.openai_stream("Hi"))]
    clock = FakeClock()
    registry = make(clock=clock)

    await kit.heard(registry.complete(HELLO))
    await clock.advance(21)
    await kit.heard(registry.complete(HELLO))

    assert ["first", "second", "first"] == used(vendor)


async def test_when_every_key_is_refused_people_are_told(make: Any, kit: Any, vendor: Any) -> None:
    """Each is tried once."""
    vendor.answers = [kit.json_answer({"error": {"message": "no"}}, 401)]

    with pytest.raises(AuthFailed, match="refused our key"):
        await kit.heard(make().complete(HELLO))
    assert ["first", "second"] == used(vendor)


async def test_no_more_calls_than_allowed_are_under_way(make: Any, kit: Any, vendor: Any) -> None:
    """A local server answers one at a time; the others wait instead of failing."""
    vendor.answers = [kit.stream_answer(kit.sse(kit.chunk({"content": "x"})), hangs=True)]
    registry = make(concurrency=1)
    first = registry.complete(HELLO)
    await anext(first)

    second = asyncio.ensure_future(anext(registry.complete(HELLO)))
    await asyncio.wait([second], timeout=0.2)

    assert (False, 1) == (second.done(), len(vendor.seen))
    await first.aclose()
    assert "x" == (await second).text


async def test_a_retired_model_is_replaced_and_the_first_answer_says_so(
    make: Any, kit: Any, vendor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Never silently, and not under every answer either."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("Hi"))]
    registry = make("deepseek/deepseek-reasoner")

    answers = [await kit.heard(registry.complete(HELLO)) for _ in range(2)]

    labels = [deltas[-1].answered_by.label for deltas in answers]
    assert ["deepseek has retired deepseek-reasoner; deepseek-flash answers in its place", ""] == labels
    assert ["deepseek-flash"] * 2 == [seen.body["model"] for seen in vendor.seen]
    assert 1 == len([record for record in caplog.records if "retired" in record.message])


def test_repeated_calls_have_a_budget() -> None:
    """A provider in trouble is not called three times as often."""
    budget = RetryBudget()

    taken = [budget.take() for _ in range(int(RETRIES) + 2)]
    for _ in range(5):
        budget.called()

    assert [True] * int(RETRIES) + [False] * 2 == taken
    assert [True, False] == [budget.take(), budget.take()]


async def test_the_responses_endpoint_gives_way_to_chat_completions(make: Any, kit: Any, vendor: Any) -> None:
    """OpenAI's own key and name, but a server that knows only the older format."""
    missing = kit.json_answer({"error": {"message": "no such address"}}, 404)
    vendor.answers = [missing, kit.stream_answer(kit.openai_stream("Hi"))]
    registry = make("openai/gpt-6-luna")

    for _ in range(2):
        await kit.heard(registry.complete(HELLO))

    paths = ["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]
    assert paths == [seen.path for seen in vendor.seen]
    assert "max_completion_tokens" in vendor.seen[1].body


async def test_a_model_that_is_really_unknown_is_said_to_be(make: Any, kit: Any, vendor: Any) -> None:
    """Both formats say 404."""
    vendor.answers = [kit.json_answer({"error": {"message": "no such model"}}, 404)]

    with pytest.raises(ServiceError, match="does not know this model"):
        await kit.heard(make("openai/gpt-9").complete(HELLO))
