"""Every provider with an endpoint for embeddings is asked as its documentation says, and what comes back is checked."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from quarterdeck.core.errors import AuthFailed, Rejected, SetupError, Unavailable
from quarterdeck.models.calling.meter import Meter
from quarterdeck.models.calling.prices import Prices
from quarterdeck.models.embeddings.batches import batches
from quarterdeck.models.embeddings.role import RoleEmbeddings
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.testing.clock import FakeClock

KEY = "sk-canary-embed"


class Hurried(FakeClock):
    """Pass the time that somebody sleeps at once."""

    async def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self._move_to(self._elapsed_s + seconds)


Make = Callable[..., tuple[RoleEmbeddings, Any]]


@pytest.fixture
async def make(kit: Any) -> AsyncIterator[Make]:
    """Return a maker: settings of providers, and the role's list."""
    made: list[tuple[RoleEmbeddings, ModelRegistry]] = []

    def build(
        providers: Mapping[str, Any], embed: list[str], environ: Any = None
    ) -> tuple[RoleEmbeddings, Any]:
        settings = Settings.model_validate(
            {"providers": providers, "models": {"roles": {"embed": embed}, "discover": False}}
        )
        clock, recorder = Hurried(), kit.recorder()
        registry = ModelRegistry(
            settings=settings,
            catalog=Catalog.read(config_dir()),
            resolver=Resolver(environ or {"EMBED_KEY": KEY}, Redactor()),
            clock=clock,
            record=recorder,
        )
        embeddings = RoleEmbeddings(registry, Meter(None, Prices({}), registry.catalog.get), recorder, clock)
        made.append((embeddings, registry))
        return embeddings, recorder

    yield build
    for embeddings, registry in made:
        await embeddings.close()
        await registry.close()


def openai(*vectors: Any, tokens: int = 5) -> dict[str, Any]:
    """Answer as OpenAI does; the order of the list is not that of the texts."""
    data = [{"object": "embedding", "index": n, "embedding": one} for n, one in enumerate(vectors)]
    return {"object": "list", "data": data[::-1], "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def packed(*numbers: float) -> str:
    """Write a vector as float32 in base 64."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


ROWS: dict[str, tuple[str, Any, str, dict[str, Any]]] = {
    "openai": ("/v1", openai(packed(3, 4), packed(0, 2)), "/v1/embeddings", {"encoding_format": "base64"}),
    "azure": ("/v1", openai(packed(3, 4), packed(0, 2)), "/v1/embeddings", {"encoding_format": "base64"}),
    "mistral": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "together": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "fireworks": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "dashscope": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "openrouter": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "zhipu": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "lmstudio": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "vllm": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "llamacpp": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "ollama": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "nvidia": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {"input_type": "passage"}),
    "mine": ("/v1", openai([3, 4], [0, 2]), "/v1/embeddings", {}),
    "google": (
        "/v1beta",
        {"embeddings": [{"values": [3, 4]}, {"values": [0, 2]}]},
        "/v1beta/models/some-model:batchEmbedContents",
        {},
    ),
}


@pytest.mark.parametrize("id_", ROWS)
async def test_a_provider_embeds(id_: str, kit: Any, vendor: Any, make: Make) -> None:
    """Vectors come in the order of the texts, of length 1, whatever the vendor's form."""
    root, answer, path, sent = ROWS[id_]
    vendor.answers = [kit.json_answer(answer)]
    base_url = vendor.url.removesuffix("/v1") + root
    embeddings, recorder = make({id_: {"base_url": base_url, "key": "env:EMBED_KEY"}}, [f"{id_}/some-model"])

    found = await embeddings.embed(f"{id_}/some-model", ["one", "two"])

    assert [(0.6, 0.8), (0.0, 1.0)] == [
        tuple(round(one, 3) for one in struct.unpack("<2f", vector)) for vector in found
    ]
    [seen] = vendor.seen
    assert path == seen.path
    assert sent.items() <= seen.body.items()
    assert ("encoding_format" in sent) or id_ == "nvidia" or "encoding_format" not in seen.body
    assert [("embed", "ok")] == [(row.role, row.outcome) for row in recorder.rows]


async def test_a_question_is_told_from_a_passage(kit: Any, vendor: Any, make: Make) -> None:
    """Google and NVIDIA embed them in different ways."""
    vendor.answers = [kit.json_answer({"embeddings": [{"values": [1, 0]}]})]
    setting = {"base_url": vendor.url, "key": "env:EMBED_KEY"}
    embeddings, _ = make({"google": setting}, ["google/m"])

    await embeddings.embed("google/m", ["where?"], is_question=True)
    await embeddings.embed("google/m", ["there"])

    kinds = [seen.body["requests"][0]["taskType"] for seen in vendor.seen]
    assert ["RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT"] == kinds
    assert KEY == vendor.seen[0].headers["x-goog-api-key"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (openai([1, 0, 0]), "3 dimensions in place of 2"),
        (openai([0, 0]), "without direction"),
        (openai([math.nan, 1]), "without direction"),
        (openai([1, 0], [0, 1]), "2 vectors for 1 texts"),
        (openai(["1", 0]), "no vector"),
        (openai("!!!"), "cannot be read"),
        ({"data": "no"}, "no list of vectors"),
    ],
)
async def test_what_is_no_vector_is_refused(
    answer: Any, says: str, kit: Any, vendor: Any, make: Make
) -> None:
    """Another model under the same name would spoil the index in silence."""
    vendor.answers = [kit.json_answer(openai([1, 0])), kit.json_answer(answer)]
    embeddings, _ = make({"mine": {"base_url": vendor.url}}, ["mine/m"])
    await embeddings.embed("mine/m", ["probe"])

    with pytest.raises((Rejected, Unavailable), match=says):
        await embeddings.embed("mine/m", ["one"])


async def test_a_busy_provider_is_asked_again_and_a_refused_key_is_not(
    kit: Any, vendor: Any, make: Make
) -> None:
    """`Retry-After` is honoured by a re-index that nobody waits for."""
    vendor.answers = [
        kit.json_answer({"error": {"message": "slow"}}, 429, Retry_After="20"),
        kit.json_answer(openai([1, 0])),
        kit.json_answer({"error": {"message": "no"}}, 401),
    ]
    embeddings, recorder = make({"mine": {"base_url": vendor.url, "key": "env:EMBED_KEY"}}, ["mine/m"])

    assert 1 == len(await embeddings.embed("mine/m", ["one"]))
    with pytest.raises(AuthFailed):
        await embeddings.embed("mine/m", ["one"])

    assert ["RateLimited", "ok", "AuthFailed"] == [row.outcome for row in recorder.rows]


async def test_the_same_model_elsewhere_stands_in(
    kit: Any, vendor: Any, other_vendor: Any, make: Make
) -> None:
    """Another model would be another space: it is never asked."""
    vendor.answers = [kit.json_answer({"error": {"message": "no"}}, 400)]
    other_vendor.answers = [kit.json_answer(openai([1, 0]))]
    providers = {"one": {"base_url": vendor.url}, "two": {"base_url": other_vendor.url}}
    embeddings, _ = make(providers, ["one/m", "two/another", "two/m"])

    await embeddings.embed("one/m", ["text"])

    assert ["m"] == [seen.body["model"] for seen in other_vendor.seen]


@pytest.mark.parametrize("name", ["nobody/m", "anthropic/claude"])
async def test_who_cannot_embed_is_named(name: str, make: Make) -> None:
    """The setting is named, so that it can be mended."""
    embeddings, _ = make({}, [name])

    with pytest.raises(SetupError) as caught:
        await embeddings.embed(name, ["text"])

    assert "models.roles.embed" == caught.value.key


def test_texts_are_cut_into_calls_by_number_and_by_tokens() -> None:
    """Nothing is lost, nothing is empty, and no call is larger than it may be."""
    texts = ["a" * 30, "", "b" * 300, "c"]

    found = list(batches(texts, count=2, tokens=50, text_tokens=20))

    assert [["a" * 30, " "], ["b" * 60, "c"]] == found
