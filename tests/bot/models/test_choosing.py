"""Prove that a conversation keeps its own model, and that lists are asked for seldom."""

from __future__ import annotations

from typing import Any

import pytest

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.model import ModelMessage
from quarterdeck.models.choosing import Forgetful
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.testing.clock import FakeClock

HELLO = (ModelMessage(speaker="user", text="Hello?"),)


@pytest.fixture
async def make(kit: Any, vendor: Any) -> Any:
    """Return a maker of registries with two models of one vendor."""
    made: list[ModelRegistry] = []

    def build(kept: Forgetful, clock: FakeClock | None = None) -> ModelRegistry:
        settings = {
            "models": {"discover": False, "roles": {"chat": ["mine/first"]}, "builtin": {"enabled": False}},
            "providers": {"mine": {"base_url": vendor.url}},
        }
        made.append(
            ModelRegistry(
                settings=Settings.model_validate(settings),
                catalog=Catalog.read(config_dir()),
                resolver=Resolver({}, Redactor()),
                clock=clock or FakeClock(),
                record=kit.recorder(),
                kept=kept,
            )
        )
        return made[-1]

    yield build
    for registry in made:
        await registry.close()


def listing(kit: Any) -> Any:
    """Answer with a list of two models."""
    return kit.json_answer({"object": "list", "data": [{"id": "first"}, {"id": "second"}]})


async def test_a_conversation_is_answered_by_what_was_chosen_there(make: Any, kit: Any, vendor: Any) -> None:
    """And only there; and by another process after a restart."""
    kept = Forgetful()
    vendor.answers = [listing(kit), kit.stream_answer(kit.openai_stream("x"))]
    await make(kept).choosing.choose("c1", "mine/second")

    registry = make(kept)
    for conversation in ("c1", "c2"):
        await kit.heard(registry.complete(HELLO, conversation_id=conversation))

    assert ["second", "first"] == [seen.body["model"] for seen in vendor.seen[1:]]


async def test_a_choice_can_be_taken_back(make: Any, kit: Any, vendor: Any) -> None:
    """`/model reset`."""
    vendor.answers = [listing(kit)]
    choosing = make(Forgetful()).choosing
    await choosing.choose("c1", "mine/second")

    await choosing.choose("c1", "")

    assert await choosing.chosen("c1") is None


@pytest.mark.parametrize(
    ("name", "kind"), [("mine/third", NotFound), ("min/first", NotFound), ("openai/gpt-6-luna", SetupError)]
)
async def test_what_cannot_answer_cannot_be_chosen(
    make: Any, kit: Any, vendor: Any, name: str, kind: type[Exception]
) -> None:
    """Told now, not with the next question."""
    vendor.answers = [listing(kit)]
    choosing = make(Forgetful()).choosing

    with pytest.raises(kind):
        await choosing.choose("c1", name)
    assert await choosing.chosen("c1") is None


async def test_lists_are_at_most_fifteen_minutes_old(make: Any, kit: Any, vendor: Any) -> None:
    """Hundreds of models a provider, asked for by everybody who types `/model list`."""
    vendor.answers = [listing(kit)]
    clock = FakeClock()
    choosing = make(Forgetful(), clock).choosing

    first = await choosing.offered()
    await clock.advance(890)
    await choosing.offered()
    await clock.advance(20)
    await choosing.offered()

    assert [("mine", ("first", "second"))] == [(one.provider, one.models) for one in first]
    assert 2 == len(vendor.seen)


async def test_a_list_that_fails_says_why_and_is_asked_for_again(make: Any, kit: Any, vendor: Any) -> None:
    """An outage of a minute must not last fifteen."""
    vendor.answers = [kit.json_answer({"error": {"message": "down"}}, 503), listing(kit)]
    choosing = make(Forgetful()).choosing

    failed, worked = await choosing.offered(), await choosing.offered()

    assert "failed on its side" in failed[0].reason
    assert ("first", "second") == worked[0].models
