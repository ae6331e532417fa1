"""Order pictures from Google: Gemini models that draw (`generateContent`), and Imagen ids (`predict`) until they go."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from quarterdeck.core.model import Usage
from quarterdeck.models.images.openai_images import content_of, decoded
from quarterdeck.models.images.order import Made, Order, Painted, Tell
from quarterdeck.models.images.refusal import no_picture, refused
from quarterdeck.models.images.ways import ImageWays
from quarterdeck.models.images.wire import Wire

# Finish and block reasons that are about the content; google-genai 3.4.0, types.FinishReason and BlockedReason.
_REFUSALS: Final = frozenset(
    {
        "SAFETY",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "IMAGE_PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "RECITATION",
        "IMAGE_RECITATION",
        "JAILBREAK",
    }
)


class GeminiImage:
    """Be the `Painter` of Google."""

    def __init__(self, wire: Wire, ways: ImageWays) -> None:
        self._wire, self._ways = wire, ways

    async def draw(self, order: Order, tell: Tell) -> Painted:
        """Return what was made."""
        model = quote(order.model, safe="")
        if order.model.startswith("imagen"):
            answer = await self._wire.post(f"models/{model}:predict", _imagen(order))
            return self._predicted(await self._wire.json(answer))
        answer = await self._wire.post(f"models/{model}:generateContent", _gemini(order))
        return self._answered(await self._wire.json(answer))

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()

    def _answered(self, answer: Mapping[str, Any]) -> Painted:
        candidates = [one for one in answer.get("candidates") or () if isinstance(one, dict)]
        parts = [
            part
            for one in candidates
            for part in ((one.get("content") or {}).get("parts") or ())
            if isinstance(part, dict) and not part.get("thought")
        ]
        pictures = tuple(
            Made(content=decoded(str(part["inlineData"].get("data") or "")))
            for part in parts
            if isinstance(part.get("inlineData"), dict)
        )
        if not pictures:
            reasons = [str((answer.get("promptFeedback") or {}).get("blockReason") or "")]
            reasons += [str(one.get("finishReason") or "") for one in candidates]
            if why := next((one for one in reasons if one in _REFUSALS), ""):
                raise refused(self._wire.service, why)
            raise no_picture(self._wire.service, "words and no picture")
        told = answer.get("usageMetadata")
        usage: Mapping[str, Any] = told if isinstance(told, dict) else {}
        return Painted(
            pictures=pictures,
            usage=Usage(
                input_tokens=usage.get("promptTokenCount"), output_tokens=usage.get("candidatesTokenCount")
            ),
        )

    def _predicted(self, answer: Mapping[str, Any]) -> Painted:
        found = [one for one in answer.get("predictions") or () if isinstance(one, dict)]
        pictures = tuple(
            Made(content=decoded(one["bytesBase64Encoded"]))
            for one in found
            if isinstance(one.get("bytesBase64Encoded"), str)
        )
        if not pictures:  # what is filtered out is left out, with a reason where one is asked for
            why = next((str(one["raiFilteredReason"]) for one in found if one.get("raiFilteredReason")), "")
            raise refused(self._wire.service, why)
        revised = next((str(one["prompt"]) for one in found if one.get("prompt")), "")
        return Painted(pictures=pictures, revised=revised)


def _gemini(order: Order) -> dict[str, object]:
    parts: list[dict[str, object]] = [{"text": order.prompt}]
    if order.edit is not None:
        data = base64.b64encode(content_of(order.edit)).decode()
        parts.append({"inlineData": {"mimeType": order.edit.media_type, "data": data}})
    config: dict[str, object] = {"responseModalities": ["TEXT", "IMAGE"]}
    if order.size:
        config["imageConfig"] = {"aspectRatio": order.size}
    if order.seed is not None:
        config["seed"] = order.seed
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}


def _imagen(order: Order) -> dict[str, object]:
    parameters: dict[str, object] = {"sampleCount": order.count, "includeRaiReason": True}
    if order.size:
        parameters["aspectRatio"] = order.size
    return {"instances": [{"prompt": order.prompt}], "parameters": parameters}
