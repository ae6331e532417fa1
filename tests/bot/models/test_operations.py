"""Prove what `quarterdeck model` shows and measures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from quarterdeck.core.errors import NotFound, QuarterdeckError, Rejected, SetupError
from quarterdeck.core.ports import Json
from quarterdeck.models.local.builtin import Builtin
from quarterdeck.models.operations import operations
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings

Run = Callable[..., Any]


CALL = {"index": 0, "id": "c1", "function": {"name": "report_colour", "arguments": '{"colour": "blue"}'}}


@pytest.fixture
async def run(kit: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """Return what runs an operation with settings of the test's choice; nothing is installed or listens."""
    monkeypatch.setattr(Builtin, "missing", lambda _: ["llama-cpp-python"])
    made: list[ModelRegistry] = []

    async def run_(
        name: str,
        settings: Mapping[str, Any] | None = None,
        said: list[str] | None = None,
        **parameters: Json,
    ) -> Any:
        whole = Settings.model_validate({"models": {"discover": False}, **(settings or {})})
        clock = SystemClock()
        registry = ModelRegistry(
            settings=whole,
            catalog=Catalog.read(config_dir()),
            resolver=Resolver({}, Redactor()),
            clock=clock,
            record=kit.recorder(),
        )
        made.append(registry)

        async def progress(sentence: str) -> None:
            (said if said is not None else []).append(sentence)

        handlers = {one.name: one.handler for one in operations(registry, clock, {})}
        return await handlers[name](parameters, progress)

    yield run_
    for registry in made:
        await registry.close()


def mine(vendor: Any, **more: Any) -> dict[str, Any]:
    """Return settings with a provider of one's own."""
    return {"providers": {"mine": {"base_url": vendor.url, "models": ["m"], **more}}}


async def test_the_list_names_roles_and_every_provider(run: Run, vendor: Any) -> None:
    """What is on, and what would switch the others on."""
    listed = await run("model.list", mine(vendor))

    by_id = {one["id"]: one for one in listed["providers"]}
    assert {"chat": "mine/m", "fast": "mine/m", "vision": "mine/m", "embed": None, "image": None} == listed[
        "roles"
    ]
    assert ("on", "m") == (by_id["mine"]["state"], by_id["mine"]["model"])
    assert ("off", "set OPENAI_API_KEY") == (by_id["openai"]["state"], by_id["openai"]["fix"])


async def test_a_test_measures_what_comes(run: Run, vendor: Any, kit: Any) -> None:
    """List, stream, JSON: each for real."""
    said: list[str] = []
    vendor.answers = [
        kit.json_answer({"data": [{"id": "m"}, {"id": "n"}]}),
        kit.stream_answer(kit.openai_stream("Hel", "lo.")),
        kit.stream_answer(kit.sse(kit.chunk({"tool_calls": [CALL]}), kit.chunk({}, "tool_calls"))),
        kit.stream_answer(kit.openai_stream('{"colour": ', '"blue"}')),
    ]

    tested = await run("model.test", mine(vendor), said)

    assert ("mine/m", {"ok": True, "count": 2, "has_this_one": True}) == (tested["model"], tested["models"])
    assert ("Hello.", 9, 3, False) == tuple(
        tested["chat"][key] for key in ("text", "input_tokens", "output_tokens", "reasons")
    )
    assert [True] * 3 == [tested[key]["ok"] for key in ("usage", "tools", "json")]
    assert 4 == len(said)


async def test_what_a_server_lacks_is_said_and_the_rest_measured(run: Run, vendor: Any, kit: Any) -> None:
    """Many servers list no models, and write JSON as they please."""
    vendor.answers = [
        kit.json_answer({"error": {"message": "no"}}, 405),
        kit.stream_answer(kit.openai_stream("Hello.")),
        kit.stream_answer(kit.openai_stream("It is blue.")),
        kit.stream_answer(kit.openai_stream("It is blue.")),
    ]

    tested = await run("model.test", mine(vendor), model="mine/other")

    assert (False, "it did not use the tool") == (tested["tools"]["ok"], tested["tools"]["reason"])
    assert ("mine/other", False, False) == (tested["model"], tested["models"]["ok"], tested["json"]["ok"])
    assert ("Hello.", "not JSON") == (tested["chat"]["text"], tested["json"]["reason"])


async def test_a_model_that_does_not_answer_fails_the_test(run: Run, vendor: Any, kit: Any) -> None:
    """The verb's exit status says so."""
    vendor.answers = [
        kit.json_answer({"data": []}),
        kit.json_answer({"error": {"message": "no such model"}}, 404),
    ]

    with pytest.raises(Rejected, match="no such model"):
        await run("model.test", mine(vendor))


@pytest.mark.parametrize(
    ("model", "kind", "hint"),
    [
        ("", SetupError, "model list"),
        ("opnai/x", NotFound, "did you mean 'openai'?"),
        ("nvidia", NotFound, "write nvidia/MODEL"),
        ("openai/gpt-6-luna", SetupError, "set OPENAI_API_KEY"),
        ("builtin", SetupError, "quarterdeck model build"),
    ],
)
async def test_what_cannot_be_tested_says_why(
    run: Run, model: str, kind: type[QuarterdeckError], hint: str
) -> None:
    """Each with the next step."""
    with pytest.raises(kind) as caught:
        await run("model.test", model=model)

    assert hint in caught.value.hint


async def test_a_build_is_refused_where_the_model_is_switched_off(run: Run) -> None:
    """Seven minutes for something that would not be used."""
    settings = {"models": {"builtin": {"enabled": False}}}

    with pytest.raises(SetupError, match="switched off"):
        await run("model.build", settings)


@pytest.mark.needs("llama_cpp")
@pytest.mark.slow
async def test_a_build_ends_with_a_real_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled is not yet working: some builds crash at the first prompt."""
    monkeypatch.setattr(Builtin, "missing", lambda _: [])

    built = await run("model.build")

    assert (False, True) == (built["built"], built["test"]["chat"]["ok"])
    assert "may be wrong" in built["test"]["label"]
