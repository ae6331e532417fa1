"""Order pictures as OpenAI's images API wants it; what other vendors do otherwise is data (`ImageWays`)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, cast

from quarterdeck.core.budget import MICRO
from quarterdeck.core.model import Enclosed, Usage
from quarterdeck.models.dialects import errors
from quarterdeck.models.images.order import Made, Order, Painted, Tell
from quarterdeck.models.images.refusal import no_picture, refused
from quarterdeck.models.images.ways import ImageWays
from quarterdeck.models.images.wire import Wire


class OpenAIImages:
    """Be the `Painter` of everybody who speaks like OpenAI."""

    def __init__(self, wire: Wire, ways: ImageWays) -> None:
        self._wire, self._ways = wire, ways

    async def draw(self, order: Order, tell: Tell) -> Painted:
        """Return what was made."""
        ways, edit = self._ways.of(order.model), order.edit
        body = _body(order, ways)
        path = (ways.edit_path or ways.path) if edit is not None else ways.path
        if edit is not None and ways.edit == "multipart":
            fields = {name: str(value) for name, value in body.items()}
            file = (ways.edit_field, (edit.name or "picture", content_of(edit), edit.media_type))
            answer = await self._wire.post_form(path, fields, file)
        else:
            if edit is not None:
                body[ways.edit_field] = enclosed(edit, ways)
            answer = await self._wire.post(path, body)
        return _painted(await self._wire.json(answer), self._wire.service)

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()


def _body(order: Order, ways: ImageWays) -> dict[str, object]:
    body: dict[str, object] = {"model": order.model, "prompt": order.prompt, **ways.body}
    if ways.count > 1:
        body["n"] = order.count
    if order.seed is not None:
        body["seed"] = order.seed
    return body | said_size(order, ways)


def said_size(order: Order, ways: ImageWays) -> dict[str, object]:
    """Return the fields that say the size."""
    if not order.size:
        return {}
    if ways.size == "width-height":
        width, _, height = order.size.partition("x")
        return {"width": int(width), "height": int(height)}
    return {ways.size_field: order.size}


def content_of(edit: Enclosed) -> bytes:
    """Return the bytes of a picture; those that lie in a file were read before."""
    assert isinstance(edit.content, bytes)
    return edit.content


def data_url(edit: Enclosed) -> str:
    """Write a picture into an address."""
    return f"data:{edit.media_type};base64,{base64.b64encode(content_of(edit)).decode()}"


def enclosed(edit: Enclosed, ways: ImageWays) -> object:
    """Return a picture as the field for it takes it."""
    match ways.edit:
        case "object":
            return {"type": "image_url", "url": data_url(edit)}
        case "references":
            return [{"type": "image_url", "image_url": {"url": data_url(edit)}}]
        case "base64-list":
            return [base64.b64encode(content_of(edit)).decode()]
    return data_url(edit)


def _painted(answer: Mapping[str, Any], service: str) -> Painted:
    data = answer.get("data")
    items = [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []
    pictures = tuple(made for one in items if (made := _made(one)) is not None)
    if not pictures:
        if answer.get("content_filter") or any(one.get("respect_moderation") is False for one in items):
            raise refused(service)
        if "error" in answer:
            raise errors.from_body(service, answer)
        raise no_picture(service, "no picture")
    revised = next((str(one["revised_prompt"]) for one in items if one.get("revised_prompt")), "")
    return Painted(pictures=pictures, usage=_usage(answer), revised=revised)


def _made(item: Mapping[str, Any]) -> Made | None:
    """Return one picture; vendors that offer both give bytes or an address, never both."""
    coded, url = item.get("b64_json"), item.get("url")
    if isinstance(coded, str) and coded:
        return Made(content=decoded(coded))
    if isinstance(url, str) and url.startswith("data:"):
        return Made(content=decoded(url.partition(",")[2]))
    if isinstance(url, str) and url:
        return Made(url=url)
    return None


def decoded(text: str) -> bytes:
    """Return what is written in base 64; empty where it is not: the check of pictures says so."""
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=False)
    except ValueError:
        return b""


def _usage(answer: Mapping[str, Any]) -> Usage:
    told = answer.get("usage")
    usage: Mapping[str, Any] = told if isinstance(told, dict) else {}
    cost = usage.get("cost", answer.get("cost"))
    return Usage(
        input_tokens=_count(usage, ("input_tokens", "prompt_tokens")),
        output_tokens=_count(usage, ("output_tokens", "completion_tokens")),
        microusd=round(cost * MICRO) if isinstance(cost, (int, float)) and 0 <= cost < MICRO else None,
    )


def _count(usage: Mapping[str, Any], names: Sequence[str]) -> int | None:
    found = next((usage[name] for name in names if isinstance(usage.get(name), int)), None)
    return cast("int | None", found)
