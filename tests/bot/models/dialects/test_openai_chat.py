"""Hold the OpenAI dialect to the wire: what is sent and what comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quarterdeck.core.errors import Rejected, Unavailable
from quarterdeck.core.model import Delta, ModelMessage, ModelRequest, Usage
from quarterdeck.models.dialects.openai_chat import OpenAIChat


@pytest.fixture
async def open_chat(kit: Any, vendor: Any) -> Any:
    """Return a maker of dialects that are closed afterwards."""
    made: list[OpenAIChat] = []

    def make(**settings: Any) -> OpenAIChat:
        made.append(OpenAIChat(kit.connection_to(vendor, **settings)))
        return made[-1]

    yield make
    for dialect in made:
        await dialect.close()


async def test_an_answer_streams_in_pieces_with_usage_and_finish(
    kit: Any, vendor: Any, open_chat: Any
) -> None:
    """The chunk of usage comes after the finish reason and has no choices."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("Hel", "lo"))]

    deltas = await kit.heard(open_chat().complete(kit.ask()))

    usage = Usage(input_tokens=9, output_tokens=3)
    assert [Delta(text="Hello"), Delta(finish="stop", usage=usage)] == deltas  # one piece: it came at once


async def test_the_request_says_what_the_capability_record_allows(
    kit: Any, vendor: Any, open_chat: Any
) -> None:
    """Reasoning models refuse max_tokens and temperature."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("x"))]
    dialect = open_chat(max_tokens_field="max_completion_tokens", sampling="not-when-reasoning")

    await kit.heard(dialect.complete(kit.ask(temperature=0.5, max_output_tokens=50)))

    sent = vendor.seen[0]
    assert ("POST", "/v1/chat/completions") == (sent.method, sent.path)
    assert "Bearer sk-test-canary" == sent.headers["authorization"]
    assert {
        "model": "gpt-6-luna",
        "stream": True,
        "max_completion_tokens": 50,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "Hello?"}],
    } == sent.body


async def test_refused_fields_are_left_out_and_wanted_ones_added(
    kit: Any, vendor: Any, open_chat: Any
) -> None:
    """Mistral and Groq refuse stream_options; others want a switch of their own."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("x"))]
    dialect = open_chat(drop=("stream_options",), extra_body={"enable_thinking": False})

    await kit.heard(dialect.complete(kit.ask(temperature=0.5)))

    assert "stream_options" not in vendor.seen[0].body
    assert (False, 0.5) == (vendor.seen[0].body["enable_thinking"], vendor.seen[0].body["temperature"])


async def test_instructions_are_joined_and_turns_alternate(kit: Any, vendor: Any, open_chat: Any) -> None:
    """vLLM refuses a second system message, some templates two user turns in a row."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("x"))]
    said = [("system", "A"), ("user", "1"), ("user", "2"), ("system", "B"), ("assistant", "3"), ("user", "4")]
    messages = tuple(ModelMessage(speaker=speaker, text=text) for speaker, text in said)  # type: ignore[arg-type]

    await kit.heard(open_chat().complete(ModelRequest(model="m", messages=messages)))

    assert [
        {"role": "system", "content": "A\n\nB"},
        {"role": "user", "content": "1\n\n2"},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": "4"},
    ] == vendor.seen[0].body["messages"]


@pytest.mark.parametrize(
    ("way", "response_format", "is_told"),
    [
        (
            "schema",
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
            False,
        ),
        ("object", {"type": "json_object"}, True),
        ("none", None, True),
    ],
)
async def test_json_is_asked_for_in_the_way_that_the_provider_has(
    kit: Any, vendor: Any, open_chat: Any, way: str, response_format: object, is_told: bool
) -> None:
    """DeepSeek wants the word json in the prompt, MiniMax knows no response_format."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("{}"))]

    await kit.heard(open_chat(json=way).complete(kit.ask(json_schema={"type": "object"})))

    body = vendor.seen[0].body
    assert response_format == body.get("response_format")
    assert is_told == ("JSON" in json.dumps(body["messages"]))


async def test_no_key_sends_no_authorization(kit: Any, vendor: Any, open_chat: Any, monkeypatch: Any) -> None:
    """A local server must not get the key that happens to be in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody-elses")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-ours")
    vendor.answers = [kit.stream_answer(kit.openai_stream("x"))]

    await kit.heard(open_chat(key="").complete(kit.ask()))

    assert not {"authorization", "openai-organization"} & set(vendor.seen[0].headers)


async def test_a_key_can_travel_in_another_header(kit: Any, vendor: Any) -> None:
    """Azure wants `api-key`."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("x"))]
    connection = kit.connection_to(vendor)
    object.__setattr__(connection, "key_header", "api-key")
    dialect = OpenAIChat(connection)

    await kit.heard(dialect.complete(kit.ask()))
    await dialect.close()

    headers = vendor.seen[0].headers
    assert ("sk-test-canary", None) == (headers["api-key"], headers.get("authorization"))


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thoughts_in_a_field_stay_apart(kit: Any, vendor: Any, open_chat: Any, field: str) -> None:
    """DeepSeek and vLLM name the field differently, and versions differ too."""
    body = kit.sse(kit.chunk({field: "hm"}), kit.chunk({"content": "Yes"}), kit.chunk({}, "stop"), "[DONE]")
    vendor.answers = [kit.stream_answer(body)]

    deltas = await kit.heard(open_chat().complete(kit.ask()))

    assert [Delta(reasoning="hm", text="Yes"), Delta(finish="stop")] == deltas


async def test_thoughts_in_content_parts_stay_apart(kit: Any, vendor: Any, open_chat: Any) -> None:
    """Mistral sends a list of parts as content."""
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "Yes"},
    ]
    vendor.answers = [kit.stream_answer(kit.sse(kit.chunk({"content": parts}), kit.chunk({}, "stop")))]

    deltas = await kit.heard(open_chat().complete(kit.ask()))

    assert Delta(text="Yes", reasoning="hm") == deltas[0]


async def test_thoughts_between_tags_stay_apart(kit: Any, vendor: Any, open_chat: Any) -> None:
    """MiniMax writes them into the text; tags are torn between chunks."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("<thi", "nk>hm</th", "ink>Yes", " <b"))]

    deltas = await kit.heard(open_chat(reasoning_out="think-tags").complete(kit.ask()))

    assert ("Yes <b", "hm") == (
        "".join(delta.text for delta in deltas),
        "".join(delta.reasoning for delta in deltas),
    )


async def test_usage_is_found_where_groq_puts_it(kit: Any, vendor: Any, open_chat: Any) -> None:
    """It stands in x_groq of the last chunk."""
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    vendor.answers = [
        kit.stream_answer(
            kit.sse(kit.chunk({"content": "x"}), kit.chunk({}, "stop", x_groq={"usage": usage}))
        )
    ]

    deltas = await kit.heard(open_chat().complete(kit.ask()))

    assert Usage(input_tokens=4, output_tokens=2) == deltas[-1].usage


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
    ],
)
async def test_finish_reasons_are_read(
    kit: Any, vendor: Any, open_chat: Any, reason: str, finish: str
) -> None:
    """Servers invent words of their own for an ordinary end."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("x", finish=reason))]

    deltas = await kit.heard(open_chat().complete(kit.ask()))

    assert finish == deltas[-1].finish


async def test_embeddings_come_in_order(kit: Any, vendor: Any, open_chat: Any) -> None:
    """Some servers answer in another order and number the items."""
    data = [
        {"object": "embedding", "index": 1, "embedding": [0.0, 1.0]},
        {"object": "embedding", "index": 0, "embedding": [1.0, 0.0]},
    ]
    vendor.answers = [kit.json_answer({"object": "list", "data": data, "model": "e"})]

    vectors = await open_chat(embeddings=True).embed("e", ["a", "b"])

    assert [[1.0, 0.0], [0.0, 1.0]] == vectors
    assert {"model": "e", "input": ["a", "b"], "encoding_format": "float"} == vendor.seen[0].body


@pytest.mark.parametrize("body", [{"data": []}, {"data": None}, {}, [], "no"])
async def test_what_is_no_embedding_is_said_to_be_none(
    kit: Any, vendor: Any, open_chat: Any, body: object
) -> None:
    """A vector too few would give every document its neighbour's."""
    vendor.answers = [kit.json_answer(body)]

    with pytest.raises(Unavailable, match="Vendor answered with"):
        await open_chat(embeddings=True).embed("e", ["a"])


async def test_a_provider_without_embeddings_is_not_asked(vendor: Any, open_chat: Any) -> None:
    """Groq has none."""
    with pytest.raises(Rejected, match="makes no embeddings"):
        await open_chat().embed("e", ["a"])

    assert [] == vendor.seen


async def test_models_are_listed(kit: Any, vendor: Any, open_chat: Any) -> None:
    """`model test` and local servers need it."""
    vendor.answers = [kit.json_answer({"object": "list", "data": [{"id": "a"}, {"id": "b"}]})]

    assert ["a", "b"] == await open_chat().models()


@pytest.mark.parametrize("body", [{"data": None}, {}, [], "no", {"data": [7]}])
async def test_what_is_no_list_of_models_is_said_to_be_none(
    kit: Any, vendor: Any, open_chat: Any, body: object
) -> None:
    """Something else listens on the well-known port."""
    vendor.answers = [kit.json_answer(body)]

    with pytest.raises(Unavailable):
        await open_chat().models()


async def test_words_gather_but_the_first_ones_come_at_once(kit: Any, vendor: Any, open_chat: Any) -> None:
    """Who waits sees the first words when they are there; what follows comes by the dozen, and whole."""
    words = [f"w{n} " for n in range(60)]
    events = [kit.sse(kit.chunk({"content": word})) for word in words]
    vendor.answers = [kit.stream_answer(b"".join(events) + kit.openai_stream(), pause_s=1e-5)]  # byte by byte

    texts = [delta.text for delta in await kit.heard(open_chat().complete(kit.ask()))]

    assert "".join(words) == "".join(texts)
    assert len(texts) < len(words)
