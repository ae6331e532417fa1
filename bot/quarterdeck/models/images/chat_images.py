"""Order pictures as an answer of a chat that has the modality `image` (OpenRouter and proxies that do the same)."""

from __future__ import annotations

from typing import Any

from quarterdeck.core.budget import MICRO
from quarterdeck.core.model import Usage
from quarterdeck.models.dialects import errors
from quarterdeck.models.images.openai_images import data_url, decoded
from quarterdeck.models.images.order import Made, Order, Painted, Tell
from quarterdeck.models.images.refusal import no_picture, refused
from quarterdeck.models.images.ways import ImageWays
from quarterdeck.models.images.wire import Wire


class ChatImages:
    """Be the `Painter` of models that draw in a chat; one picture a call."""

    def __init__(self, wire: Wire, ways: ImageWays) -> None:
        self._wire, self._ways = wire, ways

    async def draw(self, order: Order, tell: Tell) -> Painted:
        """Return what was made."""
        ways = self._ways.of(order.model)
        content: list[dict[str, object]] = [{"type": "text", "text": order.prompt}]
        if order.edit is not None:
            content.append({"type": "image_url", "image_url": {"url": data_url(order.edit)}})
        body: dict[str, object] = {
            "model": order.model,
            "messages": [{"role": "user", "content": content}],
            "modalities": ["image", "text"],
            **ways.body,
        }
        if order.size:
            body["image_config"] = {ways.size_field: order.size}
        if order.seed is not None:
            body["seed"] = order.seed
        answer = await self._wire.json(await self._wire.post(ways.path, body))
        return self._painted(answer)

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()

    def _painted(self, answer: Any) -> Painted:
        service = self._wire.service
        try:
            choice = answer["choices"][0]
            message = choice["message"]
            urls = [one["image_url"]["url"] for one in message.get("images") or ()]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            if isinstance(answer.get("error"), dict):
                raise errors.from_body(service, answer) from error
            raise no_picture(service, "something that is no answer") from error
        if not urls:
            if choice.get("finish_reason") == "content_filter" or message.get("refusal"):
                raise refused(service, str(message.get("refusal") or ""))
            raise no_picture(service, "words and no picture")
        made = tuple(
            Made(content=decoded(url)) if url.startswith("data:") else Made(url=url) for url in map(str, urls)
        )
        return Painted(pictures=made, usage=_usage(answer.get("usage")))


def _usage(told: object) -> Usage:
    usage: dict[str, Any] = told if isinstance(told, dict) else {}
    cost = usage.get("cost")
    return Usage(
        input_tokens=usage.get("prompt_tokens"),
        output_tokens=usage.get("completion_tokens"),
        microusd=round(cost * MICRO) if isinstance(cost, (int, float)) else None,
    )
