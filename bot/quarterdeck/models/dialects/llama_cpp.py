"""Speak with the built-in model, which lives in a worker process; this side never loads llama.cpp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final, cast

from quarterdeck.core.errors import Rejected, Unavailable, UserError
from quarterdeck.core.model import Delta, Finish, ModelRequest, Usage
from quarterdeck.core.ports import Json
from quarterdeck.models.dialects import errors
from quarterdeck.models.dialects.request import loaded, plain_turns_of, tools_of
from quarterdeck.models.providers.capabilities import Capabilities
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.runtime.workers.worker import Worker

SERVICE: Final = "the built-in model"
WAYS: Final = Capabilities(tools=False, tool_choice="none", stream_usage="always")
"""It answers tools with prose (SmolLM2 by llama.cpp, tried on 2026-11-21), and sees nothing: both are refused."""
WAITING_LIMIT: Final = 8


class LlamaCpp:
    """Be a `Dialect` over one worker: one call at a time, a few may wait, in order."""

    def __init__(self, worker: Worker, model: str, timeouts: Timeouts | None = None) -> None:
        self._worker, self._model = worker, model
        self._timeouts = timeouts or Timeouts()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def complete(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Stream the answer.

        Raises:
            Rejected: the question is too long for the model, or has tools or files, of which it knows nothing.
            Unavailable: too many wait already, or the worker failed.
        """
        tools_of(request, WAYS, SERVICE)
        request = await loaded(request, WAYS, SERVICE)
        if self._waiting >= WAITING_LIMIT:
            message = f"{SERVICE} has {self._waiting} answers to write already"
            raise Unavailable(message, service=SERVICE, hint="ask again in a minute")
        self._waiting += 1
        try:
            async with self._turn, aclosing(self._answer(request)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            self._waiting -= 1

    async def _answer(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        order: Json = {
            "messages": cast("Json", plain_turns_of(request)),
            "max_output_tokens": request.max_output_tokens,
            "temperature": request.temperature,
            "json_schema": cast("Json", request.json_schema),
        }
        parts = self._worker.stream(
            "complete", order, timeout_s=self._timeouts.total_s, idle_s=self._timeouts.idle_s
        )
        is_whole = False
        try:
            async with aclosing(parts):
                async for part in parts:
                    said = cast("Mapping[str, object]", part.value)
                    is_whole = is_whole or "finish" in said
                    yield _delta(said)
        except UserError as error:
            raise Rejected(error.message, service=SERVICE, status=413, hint=error.hint) from error
        if not is_whole:
            raise errors.cut_off(SERVICE)

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Refuse: this model writes, and embeddings have their own.

        Raises:
            Rejected: always.
        """
        raise Rejected(f"{SERVICE} makes no embeddings", service=SERVICE, status=404)

    async def models(self) -> list[str]:
        """Name the one model."""
        return [self._model]

    async def close(self) -> None:
        """End the worker process."""
        await self._worker.stop()


def _delta(said: Mapping[str, object]) -> Delta:
    if "finish" not in said:
        return Delta(text=str(said["text"]))
    finish: Finish = "length" if said["finish"] == "length" else "stop"
    usage = Usage(
        input_tokens=cast("int", said["input_tokens"]), output_tokens=cast("int", said["output_tokens"])
    )
    return Delta(finish=finish, usage=usage)
