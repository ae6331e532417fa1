"""Ask for vectors as OpenAI, Google and Ollama want it. Imports the SDKs' HTTP client: import when first used."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from quarterdeck.core.errors import ServiceError
from quarterdeck.core.value import dataclass
from quarterdeck.models.dialects import errors
from quarterdeck.models.embeddings.ways import EmbedWays
from quarterdeck.models.images.wire import Wire
from quarterdeck.models.providers.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Hold the vectors of one call, in the order of its texts, and the tokens that the vendor counted."""

    vectors: list[Sequence[float]]
    tokens: int | None = None


class EmbeddingWire:
    """Talk to one provider's endpoint for embeddings."""

    def __init__(self, connection: Connection, ways: EmbedWays) -> None:
        self.service, self._ways = connection.service, ways
        self._wire = Wire(connection, is_repeatable=True)

    async def embed(self, model: str, texts: Sequence[str], *, is_question: bool) -> Answered:
        """Return one vector a text.

        Raises:
            ServiceError: it failed, or answered with something else.
        """
        more = self._ways.question if is_question else self._ways.passage
        match self._ways.dialect:
            case "gemini":
                answered = await self._gemini(model, texts, more)
            case "ollama":
                body = {"model": model, "input": list(texts), **more}
                answered = self._read(await self._json("api/embed", body), "embeddings", "prompt_eval_count")
            case _:
                answered = await self._openai(model, texts, more)
        if len(answered.vectors) != len(texts):
            raise self._no(f"{len(answered.vectors)} vectors for {len(texts)} texts")
        return answered

    async def close(self) -> None:
        """Close connections."""
        await self._wire.close()

    async def _openai(self, model: str, texts: Sequence[str], more: Mapping[str, object]) -> Answered:
        body: dict[str, object] = {"model": model, "input": list(texts), **more}
        if self._ways.encoding != "none":
            body["encoding_format"] = self._ways.encoding
        answer = await self._json("embeddings", body)
        data = answer.get("data")
        if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
            raise (
                errors.from_body(self.service, answer)
                if "error" in answer
                else self._no("no list of vectors")
            )
        placed = sorted(enumerate(data), key=lambda pair: pair[1].get("index", pair[0]))
        usage = answer.get("usage")
        told = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else None
        return Answered(
            vectors=[self._vector(one.get("embedding")) for _, one in placed],
            tokens=told if isinstance(told, int) else None,
        )

    async def _gemini(self, model: str, texts: Sequence[str], more: Mapping[str, object]) -> Answered:
        requests = [
            {"model": f"models/{model}", "content": {"parts": [{"text": text}]}, **more} for text in texts
        ]
        answer = await self._json(
            f"models/{quote(model, safe='')}:batchEmbedContents", {"requests": requests}
        )
        found = answer.get("embeddings")
        if not isinstance(found, list):
            raise self._no("no list of vectors")
        return Answered(
            vectors=[self._vector(one.get("values") if isinstance(one, dict) else None) for one in found]
        )

    def _read(self, answer: Mapping[str, Any], name: str, count: str) -> Answered:
        found = answer.get(name)
        if not isinstance(found, list):
            raise self._no("no list of vectors")
        told = answer.get(count)
        return Answered(
            vectors=[self._vector(one) for one in found], tokens=told if isinstance(told, int) else None
        )

    def _vector(self, value: object) -> Sequence[float]:
        """Read one vector: numbers, or float32 in base 64."""
        if isinstance(value, str):
            try:
                raw = base64.b64decode(value, validate=True)
                return struct.unpack(f"<{len(raw) // 4}f", raw)
            except (ValueError, struct.error) as error:
                raise self._no("a vector that cannot be read") from error
        if not isinstance(value, list) or not all(type(one) in (int, float) for one in value):
            raise self._no("something that is no vector")
        return value

    async def _json(self, path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        return await self._wire.json(await self._wire.post(path, body))

    def _no(self, what: str) -> ServiceError:
        return errors.not_understood(self.service, what)
