"""Order pictures as answers of a chat."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from quarterdeck.models.images.refusal import Refused


def _chat(kit: Any) -> Any:
    """Be an endpoint of chat completions whose model draws where it is asked for the modality."""

    async def play(request: web.Request, body: Mapping[str, Any]) -> web.Response:
        assert "/api/v1/chat/completions" == request.path
        assert {"model", "messages", "modalities", "image_config", "seed"} >= set(body)
        if "forbidden" in str(body["messages"]):
            message = {"role": "assistant", "content": None, "refusal": "I will not draw that"}
            return web.json_response({"choices": [{"message": message, "finish_reason": "content_filter"}]})
        url = f"data:image/png;base64,{base64.b64encode(kit.picture()).decode()}"
        message = {
            "role": "assistant",
            "content": "",
            "images": [{"type": "image_url", "image_url": {"url": url}}],
        }
        usage = {"prompt_tokens": 4, "completion_tokens": 1300, "cost": 0.039}
        return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})

    return play


async def _desk(open_studio: Any, make: Any, kit: Any) -> tuple[Any, Any]:
    studio = await open_studio(_chat(kit))
    setting = {"base_url": f"{studio.url}/api/v1", "key": "env:STUDIO_KEY", "image_dialect": "chat_images"}
    return studio, make({"openrouter": setting}, ["openrouter/google/gemini-3.1-flash-image"])


async def test_a_model_that_draws_in_a_chat_draws(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """OpenRouter says what it cost; several pictures are several calls."""
    studio, made = await _desk(open_studio, make, studio_kit)

    drawing = await made.desk.generate("A lighthouse", size="16:9", count=2, edit=studio_kit.enclosed())

    body = studio.seen[0].body
    assert (2, 78_000, ()) == (len(drawing.files), drawing.microusd, drawing.notes)
    assert {"aspect_ratio": "16:9"} == body["image_config"]
    assert ["text", "image_url"] == [part["type"] for part in body["messages"][0]["content"]]


async def test_its_refusal_is_understood(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """The answer is 200, its message a refusal."""
    _, made = await _desk(open_studio, make, studio_kit)

    with pytest.raises(Refused, match="I will not draw that"):
        await made.desk.generate("Something forbidden")
