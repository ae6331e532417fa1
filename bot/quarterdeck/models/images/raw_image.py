"""Order one picture whose bytes are the whole answer (Chutes); some of its models answer JSON with base 64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quarterdeck.models.images.openai_images import decoded, enclosed, said_size
from quarterdeck.models.images.order import Made, Order, Painted, Tell
from quarterdeck.models.images.refusal import no_picture
from quarterdeck.models.images.ways import ImageWays
from quarterdeck.models.images.wire import Wire


class RawImage:
    """Be the `Painter` of endpoints that answer with a picture."""

    def __init__(self, wire: Wire, ways: ImageWays) -> None:
        self._wire, self._ways = wire, ways

    async def draw(self, order: Order, tell: Tell) -> Painted:
        """Return what was made."""
        ways = self._ways.of(order.model)
        body: dict[str, object] = {"model": order.model, "prompt": order.prompt, **ways.body}
        if order.seed is not None:
            body["seed"] = order.seed
        body |= said_size(order, ways)
        if order.edit is not None:
            body[ways.edit_field] = enclosed(order.edit, ways)
        answer = await self._wire.post((order.edit and ways.edit_path) or ways.path, body)
        if "json" not in answer.headers.get("content-type", ""):
            return Painted(pictures=(Made(content=answer.content),))
        return Painted(pictures=tuple(_pictures(await self._wire.json(answer), self._wire.service)))

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()


def _pictures(answer: Mapping[str, Any], service: str) -> list[Made]:
    """Return the pictures of a JSON answer: `image`, `images` or `data`, each base 64 or an object that holds it."""
    found: list[Made] = []
    for name in ("image", "image_b64", "images", "data", "artifacts"):
        value = answer.get(name)
        for one in value if isinstance(value, list) else [value]:
            coded = (
                next((one[key] for key in ("b64_json", "base64") if key in one), None)
                if isinstance(one, dict)
                else one
            )
            if isinstance(coded, str) and coded:
                found.append(Made(content=decoded(coded)))
    if not found:
        raise no_picture(service, "no picture")
    return found
