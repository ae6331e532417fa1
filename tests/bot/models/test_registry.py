"""Prove which model answers: what the settings name, else a key, else a local server, else the built-in one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.errors import AuthFailed, SetupError, Unavailable
from quarterdeck.core.model import ModelMessage
from quarterdeck.models.local.builtin import Builtin
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.registry import DISCOVERY_LIFE_S, ModelRegistry
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.testing.clock import FakeClock

NOBODY = "http://127.0.0.1:9/v1"  # the discard port: nothing listens there
LOCAL = ("ollama", "lmstudio", "llamacpp", "vllm")
HELLO = (ModelMessage(speaker="user", text="Hello?"),)

Make = Callable[..., ModelRegistry]


@pytest.fixture
def clock() -> FakeClock:
    """Return the clock of the registry."""
    return FakeClock()


@pytest.fixture
def has_builtin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the built-in model is installed."""
    monkeypatch.setattr(Builtin, "missing", lambda _: [])


@pytest.fixture
async def make(
    kit: Any, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Make]:
    """Return a maker of registries on a machine where nothing is connected; addresses of local servers by id."""
    if "has_builtin" not in request.fixturenames:
        monkeypatch.setattr(Builtin, "missing", lambda _: ["llama-cpp-python"])
    made: list[ModelRegistry] = []

    def build(
        settings: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        listening: Mapping[str, str] | None = None,
        record: Any = None,
    ) -> ModelRegistry:
        shipped = Catalog.read(config_dir())
        rows = {one.id: one.row for one in shipped.all()}
        for id_ in LOCAL:
            rows[id_] = rows[id_].model_copy(update={"base_url": (listening or {}).get(id_, NOBODY)})
        made.append(
            ModelRegistry(
                settings=Settings.model_validate(settings or {}),
                catalog=Catalog(rows),
                resolver=Resolver(environ or {}, Redactor()),
                clock=clock,
                record=record or kit.recorder(),
            )
        )
        return made[-1]

    yield build
    for registry in made:
        await registry.close()


async def name_of(registry: ModelRegistry, role: str = "chat") -> str | None:
    """Return what answers."""
    connected = await registry.connected(role)
    return str(connected) if connected else None


async def test_nothing_is_connected_on_a_bare_machine(make: Make) -> None:
    """Then everything works without a model."""
    assert None is await name_of(make())


async def test_a_call_without_a_model_says_so(make: Make, kit: Any) -> None:
    """Commands ask first; this is for those that forget."""
    with pytest.raises(SetupError, match="no language model is connected"):
        await kit.heard(make().complete(HELLO))


async def test_a_key_in_the_environment_switches_its_provider_on(make: Make) -> None:
    """Nothing else needs to be set."""
    registry = make(environ={"ANTHROPIC_API_KEY": "sk-ant-1234567890"})

    assert "anthropic/claude-sonnet-5-5" == await name_of(registry)
    assert "anthropic/claude-haiku-5-5" == await name_of(registry, "fast")


@pytest.mark.parametrize("key", ["", "   ", "changeme", "your-key-here"])
async def test_a_blank_or_placeholder_key_switches_nothing_on(make: Make, key: str) -> None:
    """An empty line in .env is no key."""
    assert None is await name_of(make(environ={"OPENAI_API_KEY": key}))


async def test_the_rank_decides_among_several_keys_and_only_one_answers(make: Make) -> None:
    """What people write goes to one vendor, not to whoever else has a key."""
    registry = make(environ={"GROQ_API_KEY": "gsk-1234567890", "OPENAI_API_KEY": "sk-1234567890"})

    choices = await registry.choices("chat")

    assert ["openai/gpt-6.1-sol"] == [str(choice.connected) for choice in choices]


async def test_what_the_settings_configure_goes_before_a_key(make: Make, vendor: Any) -> None:
    """Somebody wrote it down."""
    settings = {"providers": {"mine": {"base_url": vendor.url, "models": ["m1", "m2"]}}}
    registry = make(settings, {"OPENAI_API_KEY": "sk-1234567890"})

    assert "mine/m1" == await name_of(registry)


async def test_a_server_of_ones_own_is_asked_what_it_has(
    make: Make, vendor: Any, kit: Any, clock: FakeClock
) -> None:
    """Its owner need not know the model's id; and it is not asked for every message."""
    vendor.answers = [kit.json_answer({"data": [{"id": "served"}]})]
    registry = make({"providers": {"mine": {"base_url": vendor.url}}})

    names = [await name_of(registry) for _ in range(3)]

    assert ["mine/served"] * 3 == names
    assert 1 == len(vendor.seen)


async def test_roles_name_the_chain(make: Make) -> None:
    """In the order that is written."""
    roles = {
        "chat": ["anthropic/claude-fable-5-2", "openai/gpt-6-luna"],
        "embed": ["openai/text-embedding-3-large"],
    }
    environ = {"OPENAI_API_KEY": "sk-1234567890"}
    registry = make({"models": {"roles": roles}}, environ)

    assert ["anthropic/claude-fable-5-2", "openai/gpt-6-luna"] == [
        str(choice.connected) for choice in await registry.choices("chat")
    ]
    assert "openai/gpt-6-luna" == await name_of(registry)
    assert "openai/gpt-6-luna" == await name_of(registry, "fast")
    assert "openai/text-embedding-3-large" == await name_of(registry, "embed")
    assert "openai/gpt-6-luna" == await name_of(registry, "vision")


async def test_a_missing_key_of_a_named_model_is_told(make: Make, kit: Any) -> None:
    """The settings want it, so silence would hide a mistake."""
    registry = make({"models": {"roles": {"chat": ["openai/gpt-6-luna"]}}})

    with pytest.raises(SetupError, match="no key for OpenAI") as caught:
        await kit.heard(registry.complete(HELLO))

    assert "set OPENAI_API_KEY" == caught.value.hint


async def test_a_listening_server_is_found(make: Make, vendor: Any, kit: Any) -> None:
    """Start Ollama, and the bot talks."""
    vendor.answers = [
        kit.json_answer({"object": "list", "data": [{"id": "nomic-embed-text"}, {"id": "llama3.2:latest"}]}),
        kit.json_answer({"models": []}),
        kit.stream_answer(kit.openai_stream("Hello")),
    ]
    registry = make(listening={"ollama": vendor.url})

    name = await name_of(registry)
    deltas = await kit.heard(registry.complete(HELLO))

    assert "ollama/llama3.2:latest" == name
    assert "Hello" == deltas[0].text
    assert ["/v1/models", "/api/ps", "/v1/chat/completions"] == [seen.path for seen in vendor.seen]
    assert all("authorization" not in seen.headers for seen in vendor.seen)


async def test_the_model_in_memory_goes_first(make: Make, vendor: Any, kit: Any) -> None:
    """Loading another takes minutes."""
    vendor.answers = [
        kit.json_answer({"data": [{"id": "big"}, {"id": "small"}]}),
        kit.json_answer({"models": [{"name": "small", "model": "small"}]}),
    ]

    assert "ollama/small" == await name_of(make(listening={"ollama": vendor.url}))


async def test_discovery_can_be_switched_off(make: Make, vendor: Any, kit: Any) -> None:
    """On a machine that others share."""
    vendor.answers = [kit.json_answer({"data": [{"id": "m"}]})]
    registry = make({"models": {"discover": False}}, listening={"vllm": vendor.url})

    assert None is await name_of(registry)
    assert [] == vendor.seen


@pytest.mark.parametrize(
    "body", [b"<html>a web page</html>", b"[]", b'{"data": 5}', b"\xff\xfe", b'{"data": ' + b"[" * 5000]
)
async def test_something_else_on_a_well_known_port_is_not_taken(
    make: Make, vendor: Any, kit: Any, body: bytes
) -> None:
    """8000 and 8080 are everybody's favourite ports."""
    vendor.answers = [kit.answer(headers={"Content-Type": "text/html"}, body=body)]

    assert None is await name_of(make(listening={"vllm": vendor.url}))


async def test_a_port_that_says_nothing_is_waited_for_a_second(make: Make, vendor: Any, kit: Any) -> None:
    """A hanging server must not hang `/status`."""
    vendor.answers = [kit.answer(is_silent=True)]

    assert None is await name_of(make(listening={"llamacpp": vendor.url}))


async def test_it_is_looked_again_after_a_while(make: Make, vendor: Any, kit: Any, clock: FakeClock) -> None:
    """Whoever starts a server need not start the bot again."""
    vendor.answers = [kit.json_answer({"error": "starting"}, 503), kit.json_answer({"data": [{"id": "m"}]})]
    registry = make(listening={"vllm": vendor.url})

    before = [await name_of(registry) for _ in range(3)]
    await clock.advance(DISCOVERY_LIFE_S + 1)

    assert [None] * 3 == before
    assert "vllm/m" == await name_of(registry)


async def test_a_server_that_went_away_is_told_and_looked_for_again(
    make: Make, vendor: Any, kit: Any, clock: FakeClock
) -> None:
    """The next message finds what is there now."""
    vendor.answers = [kit.json_answer({"data": [{"id": "m"}]})]
    registry = make(listening={"vllm": vendor.url})
    assert "vllm/m" == await name_of(registry)
    await vendor.stop()

    asking = asyncio.create_task(kit.heard(registry.complete(HELLO)))
    while not asking.done():
        await clock.advance(0.1)

    with pytest.raises(Unavailable, match="cannot be reached"):
        await asking
    assert None is await name_of(registry)


@pytest.mark.usefixtures("has_builtin")
async def test_the_built_in_model_is_last_and_marked(make: Make) -> None:
    """It is often wrong; whoever reads its answer must know."""
    connected = await make().connected("chat")

    assert connected is not None
    assert "builtin" == connected.provider
    assert (False, "built-in small model: may be wrong") == (connected.is_capable, connected.label)
    assert "openai/gpt-6.1-sol" == await name_of(make(environ={"OPENAI_API_KEY": "sk-1234567890"}))


@pytest.mark.usefixtures("has_builtin")
async def test_the_built_in_model_can_be_switched_off(make: Make) -> None:
    """Some prefer no answer to a wrong one."""
    assert None is await name_of(make({"models": {"builtin": {"enabled": False}}}))


async def test_a_rotated_key_is_used_from_then_on(make: Make, vendor: Any, kit: Any) -> None:
    """`secret rotate` needs no restart."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("x"))]
    environ = {"OPENAI_API_KEY": "sk-old-1234567890"}
    registry = make({"providers": {"openai": {"base_url": vendor.url, "dialect": "openai_chat"}}}, environ)

    await kit.heard(registry.complete(HELLO))
    environ["OPENAI_API_KEY"] = "sk-new-1234567890"
    await kit.heard(registry.complete(HELLO))

    assert ["Bearer sk-old-1234567890", "Bearer sk-new-1234567890"] == [
        seen.headers["authorization"] for seen in vendor.seen
    ]


async def test_headers_of_the_settings_are_sent_with_their_secrets(make: Make, vendor: Any, kit: Any) -> None:
    """A gateway in front may want its own."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("x"))]
    headers = {"X-Team": "blue", "X-Gateway-Key": "env:GATEWAY_KEY"}
    registry = make(
        {"providers": {"mine": {"base_url": vendor.url, "headers": headers, "models": ["m"]}}},
        {"GATEWAY_KEY": "gw-1234567890"},
    )

    await kit.heard(registry.complete(HELLO))

    sent = vendor.seen[0].headers
    assert ("blue", "gw-1234567890") == (sent["x-team"], sent["x-gateway-key"])


async def test_another_dialect_can_be_chosen(make: Make, vendor: Any, kit: Any) -> None:
    """Several vendors offer both formats."""
    vendor.answers = [kit.stream_answer(kit.anthropic_stream("Hi"))]
    provider = {"base_url": vendor.url, "dialect": "anthropic", "models": ["m"]}
    registry = make({"providers": {"mine": provider}})

    deltas = await kit.heard(registry.complete(HELLO))

    assert ("Hi", "/v1/v1/messages") == (deltas[0].text, vendor.seen[0].path)


async def test_a_refused_key_falls_back_where_the_settings_say_so(
    make: Make, vendor: Any, other_vendor: Any, kit: Any
) -> None:
    """And only there."""
    recorder = kit.recorder()
    vendor.answers = [kit.json_answer({"error": {"message": "no"}}, 401)]
    other_vendor.answers = [kit.stream_answer(kit.openai_stream("second"))]
    providers = {"one": {"base_url": vendor.url}, "two": {"base_url": other_vendor.url}}
    settings = {"providers": providers, "models": {"roles": {"chat": ["one/m", "two/n"]}}}

    deltas = await kit.heard(make(settings, record=recorder).complete(HELLO, person_id="p"))
    alone = {"providers": providers, "models": {"roles": {"chat": ["one/m"]}}}

    assert "second" == deltas[0].text
    assert [("one", "AuthFailed", "p"), ("two", "ok", "p")] == [
        (row.provider, row.outcome, row.person_id) for row in recorder.rows
    ]
    with pytest.raises(AuthFailed):
        await kit.heard(make(alone).complete(HELLO))


async def test_how_to_connect_names_the_three_ways(make: Make) -> None:
    """One card, by which a newcomer gets a model in a minute."""
    text = await make().how_to_connect()

    for word in ("`OPENAI_API_KEY`", "`ANTHROPIC_API_KEY`", "Ollama", "`quarterdeck model build`"):
        assert word in text


async def test_how_to_connect_names_the_server_that_listens_now(make: Make, vendor: Any, kit: Any) -> None:
    """Also one that was started a second ago, and one that may not be used by itself."""
    vendor.answers = [kit.json_answer({"data": [{"id": "qwen3"}]})]
    registry = make({"models": {"discover": False}}, listening={"lmstudio": vendor.url})

    text = await registry.how_to_connect()

    assert f"LM Studio is listening at `{vendor.url}`" in text
    assert "`models.roles.chat: [lmstudio/qwen3]`" in text


async def test_how_to_connect_sees_a_server_without_models(make: Make, vendor: Any, kit: Any) -> None:
    """A fresh Ollama has none."""
    vendor.answers = [kit.json_answer({"data": []})]

    assert "load one there" in await make(listening={"ollama": vendor.url}).how_to_connect()


LOADED = """
import sys
import quarterdeck.models.registry, quarterdeck.models.operations, quarterdeck.models.findings
import quarterdeck.models.dialects.llama_cpp, quarterdeck.commands.chat
heavy = {"openai", "anthropic", "llama_cpp", "httpx2", "httpx", "aiohttp", "numpy"}
print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
"""


def test_no_sdk_is_imported_before_its_first_use() -> None:
    """Each takes a second and 50 MB, and most installations use one at most."""
    path = str(Path(__file__).parents[3] / "bot")

    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )

    assert "[]" == done.stdout.strip()


async def test_one_providers_sdk_is_imported_for_one_provider(make: Make, vendor: Any, kit: Any) -> None:
    """The built-in model never loads into this process."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("x"))]

    await kit.heard(make({"providers": {"mine": {"base_url": vendor.url, "models": ["m"]}}}).complete(HELLO))

    assert "openai" in sys.modules
    assert "llama_cpp" not in sys.modules


async def test_pictures_are_looked_at_on_this_machine_first(make: Make, vendor: Any, kit: Any) -> None:
    """By LM Studio where it listens, else by whoever chats, unless the settings name somebody."""
    vendor.answers = [kit.json_answer({"data": [{"id": "seer"}]})]
    key = {"OPENAI_API_KEY": "sk-1234567890"}

    assert "lmstudio/seer" == await name_of(make({}, key, {"lmstudio": vendor.url}), "vision")
    assert "openai/gpt-6.1-sol" == await name_of(make({}, key), "vision")
