"""Be every vendor at once, each below its own path: what it takes, what it refuses, how it writes.

What stands here is from the vendors' documentation, not from our rows: a row that says otherwise fails.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

ANSWER, THOUGHT = "Answer of {}.", "Hidden thought of {}."
EVERYBODY: Final = {"model", "messages", "stream", "max_tokens", "tools", "stream_options"}
TAKES: Final[Mapping[str, set[str]]] = {
    "azure": EVERYBODY - {"max_tokens"} | {"max_completion_tokens"},
    "groq": EVERYBODY - {"stream_options"},
    "mistral": EVERYBODY - {"stream_options"},
    "perplexity": EVERYBODY - {"stream_options", "tools"},
}
"""The fields that chat completions of a vendor know; anything else is refused with 400."""
THINKS_IN: Final[Mapping[str, str]] = {
    "cerebras": "reasoning",
    "dashscope": "reasoning_content",
    "deepseek": "reasoning_content",
    "groq": "reasoning",
    "huggingface": "reasoning",
    "llamacpp": "reasoning_content",
    "minimax": "tags",
    "mistral": "parts",
    "moonshot": "reasoning_content",
    "nano-gpt": "reasoning",
    "ollama": "reasoning",
    "openrouter": "reasoning",
    "vllm": "reasoning",
    "xai": "reasoning_content",
    "zai": "reasoning_content",
    "zhipu": "reasoning_content",
}
"""Where its models write what they think."""
KEY_IN: Final = {"azure": "api-key", "google": "x-goog-api-key"}
KEYLESS: Final = {"ollama", "lmstudio", "llamacpp", "vllm"}
NO_LIST: Final = {"minimax", "perplexity"}
USAGE: Final = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


class Refused(Exception):
    """Hold what a vendor says to a request that it does not take."""


class Vendors:
    """Answer for all of them; `seen` holds the body of each question that was taken, by id."""

    def __init__(self, models: Mapping[str, str], further: frozenset[str]) -> None:
        """`models` are those that list themselves, `further` ones are there as well."""
        self.models, self._further, self.seen = models, further, dict[str, dict[str, Any]]()
        self.refused: list[str] = []

    def check_key(self, id_: str, headers: Message) -> None:
        """Refuse a wrong key, or one in a header that the vendor does not read."""
        if id_ in KEYLESS:
            return
        given = headers.get(KEY_IN.get(id_, "Authorization"), "")
        if id_ == "anthropic":
            given = headers.get("x-api-key") or given
        if given.removeprefix("Bearer ") != key_of(id_):
            raise Refused(f"{id_}: no key of ours")
        if id_ == "openrouter" and "Quarterdeck" != headers.get("X-OpenRouter-Title"):
            raise Refused("openrouter: nameless")
        if id_ == "anthropic" and "anthropic-version" not in headers:
            raise Refused("anthropic: no version")

    def listing(self, id_: str) -> object:
        """Return the list of models."""
        if id_ in NO_LIST:
            raise Refused(f"{id_}: there is no list")
        if id_ == "google":
            return {"models": [{"name": f"models/{self.models[id_]}"}]}
        if id_ == "anthropic":
            one = {"type": "model", "display_name": "x", "created_at": "2026-01-01T00:00:00Z"}
            data = [{"id": self.models[id_], **one}]
            return {"data": data, "has_more": False, "first_id": None, "last_id": None}
        return {"object": "list", "data": [{"id": self.models[id_], "object": "model"}]}

    def answer(self, id_: str, path: str, body: dict[str, Any]) -> Iterator[tuple[str, object]]:
        """Yield the events of an answer, each with its name."""
        if id_ != "google" and body["model"] not in (self.models[id_], *self._further):
            raise Refused(f"{id_}: no model {body['model']}")
        match id_:
            case "openai":
                self._is(path.endswith("/responses") and body["store"] is False, id_, path)
                events = self._responses(id_)
            case "anthropic":
                unknown = set(body) - {
                    "model",
                    "messages",
                    "max_tokens",
                    "stream",
                    "system",
                    "tools",
                    "thinking",
                }
                self._is(path.endswith("/v1/messages") and not unknown, id_, f"{path} {unknown}")
                events = self._anthropic(id_)
            case "google":
                self._is(
                    path.endswith(f"/models/{self.models[id_]}:streamGenerateContent?alt=sse"), id_, path
                )
                events = self._gemini(id_)
            case _:
                unknown = set(body) - TAKES.get(id_, EVERYBODY)
                self._is(path.endswith("/chat/completions") and not unknown, id_, f"{path} {unknown}")
                systems = sum(turn["role"] == "system" for turn in body["messages"])
                self._is(systems <= 1, id_, "several system messages")
                events = self._chat(id_)
        if id_ == "google" or body["model"] == self.models[id_]:
            self.seen[id_] = body
        return events

    @staticmethod
    def _is(fine: bool, id_: str, why: str) -> None:
        if not fine:
            raise Refused(f"{id_}: {why}")

    def _chat(self, id_: str) -> Iterator[tuple[str, object]]:
        thought, words = THOUGHT.format(id_), ANSWER.format(id_)
        way = THINKS_IN.get(id_)
        first: list[dict[str, object]] = [{"role": "assistant", "content": ""}]
        if way == "tags":
            first += [{"content": "<thi"}, {"content": f"nk>{thought}</think>"}]
        elif way == "parts":
            part = {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
            first += [{"content": [part]}]
        elif way:
            first += [{way: thought, "content": None}]
        last: dict[str, object] = {"x_groq": {"usage": USAGE}} if id_ == "groq" else {}
        if id_ in ("mistral", "perplexity"):
            last = {"usage": USAGE}
        for said in [*first, {"content": words[:5]}, {"content": words[5:]}]:
            yield "", {"choices": [{"index": 0, "delta": said, "finish_reason": None}]}
        yield "", {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **last}
        if not last:
            yield "", {"choices": [], "usage": USAGE}
        yield "", "[DONE]"

    def _responses(self, id_: str) -> Iterator[tuple[str, object]]:
        usage = {"input_tokens": 9, "output_tokens": 3}
        yield "", {"type": "response.reasoning_summary_text.delta", "delta": THOUGHT.format(id_)}
        yield "", {"type": "response.output_text.delta", "delta": ANSWER.format(id_)}
        yield "", {"type": "response.completed", "response": {"status": "completed", "usage": usage}}

    def _anthropic(self, id_: str) -> Iterator[tuple[str, object]]:
        message = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "content": [],
            "usage": {"input_tokens": 9},
        }
        deltas = [{"type": "thinking_delta", "thinking": THOUGHT.format(id_)}]
        deltas += [{"type": "text_delta", "text": ANSWER.format(id_)}]
        blocks = [{"type": "thinking", "thinking": "", "signature": ""}, {"type": "text", "text": ""}]
        yield "message_start", {"type": "message_start", "message": message}
        for n, (block, delta) in enumerate(zip(blocks, deltas, strict=True)):
            yield "content_block_start", {"type": "content_block_start", "index": n, "content_block": block}
            yield "content_block_delta", {"type": "content_block_delta", "index": n, "delta": delta}
            yield "content_block_stop", {"type": "content_block_stop", "index": n}
        end = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
        yield "message_delta", {"type": "message_delta", **end}
        yield "message_stop", {"type": "message_stop"}

    def _gemini(self, id_: str) -> Iterator[tuple[str, object]]:
        parts = [{"text": THOUGHT.format(id_), "thought": True}, {"text": ANSWER.format(id_)}]
        counts = {"promptTokenCount": 9, "candidatesTokenCount": 3}
        yield "", {"candidates": [{"content": {"role": "model", "parts": parts}}]}
        yield "", {"candidates": [{"finishReason": "STOP"}], "usageMetadata": counts}

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Listen; yields the port."""
        vendors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answered(None)

            def do_POST(self) -> None:
                self._answered(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _answered(self, body: dict[str, Any] | None) -> None:
                id_ = self.path.split("/")[1]
                try:
                    vendors.check_key(id_, self.headers)
                    if body is None:
                        self._write(200, "application/json", json.dumps(vendors.listing(id_)))
                        return
                    events = vendors.answer(id_, self.path, body)
                except Refused as error:
                    vendors.refused.append(str(error))
                    said = {"error": {"message": str(error), "type": "invalid_request_error"}}
                    self._write(400 if body is not None else 404, "application/json", json.dumps(said))
                    return
                lines = [
                    f"event: {name}\n" * bool(name)
                    + f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n"
                    for name, one in events
                ]
                self._write(200, "text/event-stream", "".join(lines))

            def _write(self, status: int, kind: str, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def key_of(id_: str) -> str:
    """Return the key that only this vendor takes."""
    return f"sk-{id_}-4711-long-and-random-enough"
