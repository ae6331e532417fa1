"""Be a language model that says what a transcript tells it to, over the OpenAI wire format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self

from aiohttp import web

from quarterdeck.testing.simulator.server import LoopbackServer
from quarterdeck.testing.simulator.transcript import Answer

MODEL: Final = "scripted"
NO_ANSWER: Final = "The transcript has no answer to this."


class ScriptedModel:
    """Serve `/v1/chat/completions` and `/v1/models` while the block runs."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = answers
        self._server = LoopbackServer(
            [web.post("/v1/chat/completions", self._complete), web.get("/v1/models", self._list)]
        )

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._server.__aexit__(*exc)

    def environment(self) -> Mapping[str, str]:
        """Return the environment that lets a bot use this model and no other."""
        return {
            "QUARTERDECK__PROVIDERS__CUSTOM__BASE_URL": f"{self._server.url}/v1",
            "QUARTERDECK__PROVIDERS__CUSTOM__MODELS": json.dumps([MODEL]),
            "QUARTERDECK__MODELS__ROLES__CHAT": json.dumps([f"custom/{MODEL}"]),
        }

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        answer = self._answer(_question(body.get("messages", [])))
        text = answer.say * answer.times
        if not body.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            return web.json_response(_chunk("chat.completion", [choice]) | {"usage": _usage(text)})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in _events(text, answer.pieces):
            await response.write(f"data: {event}\n\n".encode())
        return response

    def _answer(self, question: str) -> Answer:
        fits = (answer for answer in self._answers if answer.to.lower() in question.lower())
        return next(fits, Answer(say=NO_ANSWER))


def _question(messages: list[Mapping[str, Any]]) -> str:
    """Return what the person asked last."""
    for message in reversed(messages):
        if message.get("role") == "user":
            content = message.get("content", "")
            parts = content if isinstance(content, list) else [{"text": content}]
            return " ".join(str(part.get("text", "")) for part in parts)
    return ""


def _events(text: str, size: int) -> Iterator[str]:
    for at in range(0, len(text), size):
        delta = {"index": 0, "delta": {"role": "assistant", "content": text[at : at + size]}}
        yield json.dumps(_chunk("chat.completion.chunk", [{**delta, "finish_reason": None}]))
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    yield json.dumps(_chunk("chat.completion.chunk", [end]))
    yield json.dumps(_chunk("chat.completion.chunk", []) | {"usage": _usage(text)})
    yield "[DONE]"


def _chunk(kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 0, "model": MODEL, "choices": choices}


def _usage(text: str) -> dict[str, int]:
    tokens = len(text) // 4
    return {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": 10 + tokens}
