"""Drive every shipped row against a vendor that refuses what its documentation says that it refuses.

The request asks for everything at once: temperature, effort, a tool that must be used, a past call with its
thoughts. Only the data of the row decides what of it goes out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from quarterdeck.core.model import Delta, ModelMessage, ModelRequest, Thoughts, Tool, ToolCall
from quarterdeck.models.dialects.anthropic import Anthropic
from quarterdeck.models.dialects.gemini import Gemini
from quarterdeck.models.dialects.openai_chat import OpenAIChat
from quarterdeck.models.dialects.openai_responses import OpenAIResponses
from quarterdeck.models.providers.catalog import BUILTIN, Catalog
from quarterdeck.models.providers.connection import Connection
from quarterdeck.runtime.paths import config_dir

CATALOG = Catalog.read(config_dir())
CHAT = [one.id for one in CATALOG.all() if one.row.dialect == "openai_chat"]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = Tool(name="weather", description="Tell the weather", schema=SCHEMA)
DETAILS = ({"type": "reasoning.text", "text": "Hm."},)
PAST = (
    ModelMessage(speaker="user", text="How is the weather?"),
    ModelMessage(
        speaker="assistant",
        text="",
        tool_calls=(ToolCall(id="c1", name="weather", arguments='{"city": "Rome"}'),),
        reasoning="Hm.",
        thoughts=Thoughts(wire="openai_chat", parts=DETAILS),
    ),
    ModelMessage(speaker="tool", text="sunny", call_id="c1"),
)
EVERYTHING = ModelRequest(
    model="", messages=PAST, temperature=0.5, effort="high", tools=(TOOL,), tool_choice="required"
)

Body = Mapping[str, Any]


def has(*names: str) -> Callable[[Body], object]:
    """Find fields that are there."""
    return lambda body: [name for name in names if name in body]


def lacks(*names: str) -> Callable[[Body], object]:
    """Find fields that are not there."""
    return lambda body: [name for name in names if name not in body]


def is_forced(body: Body) -> bool:
    """Tell whether a tool is demanded."""
    return body.get("tool_choice") not in (None, "auto", "none")


def lacks_thoughts(body: Body) -> bool:
    """Tell whether a past call comes without its thoughts."""
    return any(turn.get("tool_calls") and "reasoning_content" not in turn for turn in body["messages"])


def open_schema(body: Body) -> bool:
    """Tell whether an object's schema allows more than its properties."""
    return any(
        tool["function"]["parameters"].get("additionalProperties") is not False for tool in body["tools"]
    )


NOT_OPENAI = has("max_completion_tokens", "user", "logit_bias")
REFUSES: Mapping[str, tuple[Callable[[Body], object], ...]] = {
    "azure": (has("max_tokens", "temperature", "top_p"), lacks("max_completion_tokens")),
    "deepseek": (
        NOT_OPENAI,
        has("n", "seed", "parallel_tool_calls"),
        lambda body: is_forced(body) and body.get("thinking") != {"type": "disabled"},
        lacks_thoughts,
    ),
    "mistral": (
        has("stream_options", "user", "max_completion_tokens"),
        lambda body: body.get("reasoning_effort") not in ("high", "none"),
    ),
    "groq": (has("stream_options"), lambda body: body.get("n", 1) != 1),
    "openrouter": (
        has("reasoning_effort"),
        lambda body: body.get("reasoning") != {"effort": "high"},
        lambda body: body["messages"][2].get("reasoning_details") != list(DETAILS),
    ),
    "zai": (NOT_OPENAI, lambda body: body.get("thinking") != {"type": "enabled"}),
    "zhipu": (NOT_OPENAI, lambda body: body.get("thinking") != {"type": "enabled"}),
    "nano-gpt": (NOT_OPENAI,),
    "chutes": (NOT_OPENAI,),
    "ollama": (NOT_OPENAI, has("tool_choice", "n", "logprobs")),
    "moonshot": (is_forced, lacks_thoughts, has("temperature")),
    "dashscope": (lambda body: body.get("enable_thinking") is not True,),
    "cerebras": (has("logit_bias"), open_schema),
    "together": (
        lambda body: any(turn.get("tool_calls") == [] for turn in body["messages"]),
        lambda body: body.get("stream_options") != {"include_usage": True},
    ),
    "vllm": (lambda body: sum(turn["role"] == "system" for turn in body["messages"]) > 1,),
    "xai": (has("temperature", "reasoning_effort"),),
    "minimax": (has("response_format"),),
}


@pytest.mark.parametrize("id_", CHAT)
async def test_nothing_goes_out_that_the_vendor_refuses(kit: Any, vendor: Any, id_: str) -> None:
    """A refused field costs the whole answer."""
    row = CATALOG.get(id_).row  # type: ignore[union-attr]
    vendor.answers = [kit.stream_answer(kit.openai_stream("Hi"))]
    connection = replace(kit.connection_to(vendor), capabilities=row.capabilities, headers=row.headers)
    dialect = OpenAIChat(replace(connection, key_header=row.key.header))
    tools = EVERYTHING.tools if row.capabilities.tools else ()
    system = tuple(ModelMessage(speaker="system", text=text) for text in ("Be brief.", "Be kind."))

    request = replace(EVERYTHING, model="m-1", tools=tools, messages=(*system, *PAST))
    await kit.heard(dialect.complete(request))
    await dialect.close()

    body = vendor.seen[0].body
    assert [] == [refused for check in REFUSES.get(id_, ()) if (refused := check(body))]
    assert "tools" in body or not row.capabilities.tools


@dataclass(frozen=True)
class Says:
    """Hold how a vendor writes an answer with thoughts and usage."""

    id: str
    chunks: tuple[Body, ...]
    text: str = "Hi"
    reasoning: str = "Hm."
    counted: tuple[int | None, int | None] = (9, 3)


def delta(said: Mapping[str, object], finish: str | None = None, **more: object) -> Body:
    """Write one chunk."""
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}], **more}


COUNTS = {"prompt_tokens": 9, "completion_tokens": 3}
SAYINGS = [
    Says(
        "deepseek",
        (
            delta({"reasoning_content": "Hm.", "content": None}),
            delta({"content": "Hi"}),
            delta({}, "stop", usage={**COUNTS, "prompt_cache_hit_tokens": 4}),
        ),
    ),
    Says(
        "mistral",
        (
            delta({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
            delta({"content": "Hi"}),
            delta({"content": ""}, "stop", usage=COUNTS),
        ),
    ),
    Says(
        "groq",
        (
            delta({"reasoning": "Hm."}),
            delta({"content": "Hi"}),
            delta({}, "stop", x_groq={"id": "req_1", "usage": COUNTS}),
        ),
    ),
    Says(
        "minimax",
        (
            delta({"content": "<thi"}),
            delta({"content": "nk>Hm.</think>Hi"}, "stop"),
            {"choices": [{"index": 0, "finish_reason": "stop"}], "usage": COUNTS},
        ),
    ),
    Says(
        "perplexity",
        (
            {
                "object": "chat.completion",
                "citations": ["https://x.example"],
                **delta({"content": "Hi"}, "stop"),
            },
            {"object": "chat.completion.done", "choices": [], "usage": COUNTS},
        ),
        reasoning="",
    ),
    Says(
        "vllm",
        (delta({"reasoning": "Hm."}), delta({"content": "Hi"}, "stop"), {"choices": [], "usage": COUNTS}),
    ),
    Says(
        "vllm",
        (
            delta({"reasoning_content": "Hm."}),
            delta({"content": "Hi"}, "stop"),
            {"choices": [], "usage": COUNTS},
        ),
    ),
    Says(
        "openrouter",
        (
            delta({"content": "", "reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text"}]}),
            delta({"content": "Hi"}, "stop"),
            {"choices": [], "usage": {**COUNTS, "cost": 0.000012}},
        ),
    ),
]


@pytest.mark.parametrize("says", SAYINGS, ids=lambda says: says.id)
async def test_what_the_vendor_writes_is_understood(kit: Any, vendor: Any, says: Says) -> None:
    """Thoughts never end up in the answer, and tokens are always counted."""
    row = CATALOG.get(says.id).row  # type: ignore[union-attr]
    vendor.answers = [kit.stream_answer(kit.sse(*says.chunks, "[DONE]"))]
    dialect = OpenAIChat(replace(kit.connection_to(vendor), capabilities=row.capabilities))

    deltas: list[Delta] = await kit.heard(dialect.complete(replace(EVERYTHING, model="m-1", tools=())))
    await dialect.close()

    usage = deltas[-1].usage
    assert (says.text, says.reasoning) == (
        "".join(one.text for one in deltas),
        "".join(one.reasoning for one in deltas),
    )
    assert usage is not None
    assert says.counted == (usage.input_tokens, usage.output_tokens)
    assert (12 if says.id == "openrouter" else None) == usage.microusd


async def test_json_that_cannot_be_streamed_is_asked_for_whole(kit: Any, vendor: Any) -> None:
    """Groq refuses response_format with stream."""
    message = {"role": "assistant", "content": '{"city": "Rome"}', "reasoning": "Hm."}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": COUNTS}
    vendor.answers = [kit.json_answer(whole)]
    row = CATALOG.get("groq").row  # type: ignore[union-attr]
    dialect = OpenAIChat(replace(kit.connection_to(vendor), capabilities=row.capabilities))

    deltas = await kit.heard(dialect.complete(kit.ask(json_schema=SCHEMA)))
    await dialect.close()

    assert '{"city": "Rome"}' == "".join(one.text for one in deltas)
    assert (False, True) == (vendor.seen[0].body["stream"], "response_format" in vendor.seen[0].body)


@pytest.mark.parametrize("id_", ["openai", "anthropic", "google"])
async def test_vendors_with_a_format_of_their_own_get_what_they_take(kit: Any, vendor: Any, id_: str) -> None:
    """Sampling is refused while thinking, thoughts are asked for in each one's words."""
    row = CATALOG.get(id_).row  # type: ignore[union-attr]
    vendor.answers = [kit.json_answer({"error": {"message": "seen enough"}}, 400)]
    maker = {"openai": OpenAIResponses, "anthropic": Anthropic, "google": Gemini}[id_]
    made = replace(kit.connection_to(vendor), capabilities=row.capabilities, key_header=row.key.header)
    dialect: Any = maker(made)

    with pytest.raises(Exception, match="seen enough"):
        await kit.heard(dialect.complete(replace(EVERYTHING, model="m-1", json_schema=SCHEMA)))
    await dialect.close()

    body, headers = vendor.seen[0].body, vendor.seen[0].headers
    sent = json.dumps(body)
    if id_ == "openai":
        assert ("/v1/responses", False, "high") == (
            vendor.seen[0].path,
            body["store"],
            body["reasoning"]["effort"],
        )
        assert ([], "required") == (has("temperature", "max_tokens")(body), body["tool_choice"])
    elif id_ == "anthropic":
        assert ([], "adaptive") == (has("temperature", "tool_choice")(body), body["thinking"]["type"])
        assert {"effort", "format"} == set(body["output_config"])
        assert False is body["output_config"]["format"]["schema"]["additionalProperties"]
    else:
        assert "sk-test-canary" == headers["x-goog-api-key"]
        assert '"mode": "ANY"' in sent
        assert '"thinkingLevel": "high"' in sent


def test_every_row_but_the_builtin_is_driven_here() -> None:
    """A new row is to be thought about."""
    own = {one.id for one in CATALOG.all()} - set(CHAT)

    assert {
        "openai",
        "anthropic",
        "google",
        BUILTIN,
        "comfyui",
    } == own  # which only draws: images/test_comfyui.py
    assert set() == set(REFUSES) - set(CHAT)


def test_a_key_is_never_shown() -> None:
    """Connections are logged by mistake."""
    assert "canary" not in repr(Connection(service="x", base_url="http://127.0.0.1", key="sk-canary"))
