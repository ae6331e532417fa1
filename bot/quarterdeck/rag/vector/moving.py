"""Move from one embedder to another while the first one goes on serving.

The vectors of the next one are staged in SQLite, so that a kill costs nothing that was made; once all are there, one
commit puts them in place and the index that was filled from them takes over. Before that a gate may ask it
questions, and refuse it: the staged vectors stay, so that it can be tried again for what the questions cost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from quarterdeck.core.budget import OverBudget
from quarterdeck.core.errors import QuarterdeckError, RateLimited, Unavailable, UserError
from quarterdeck.core.knowledge import Serving
from quarterdeck.rag.library import Library
from quarterdeck.rag.reading.document import to_embed
from quarterdeck.rag.vector.near import Near, near_of
from quarterdeck.rag.vector.spaces import ROLE, Spaces
from quarterdeck.runtime.workers.worker import Worker

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

STAGED_AT_ONCE: Final = 256  # chunks between two commits
PAGE: Final = 1000  # vectors a call when the index is filled
TIMEOUT_S: Final = 60.0
PAUSE_S: Final = 60.0  # after the next embedder failed for now

T = TypeVar("T")
Gate = Callable[["Candidate"], Awaitable[str]]
"""Return why the next embedder must not take over; empty when it may."""
Pause = Callable[[float], Awaitable[object]]

log = logging.getLogger(__name__)


async def serving_of(library: Library, spaces: Spaces) -> Serving:
    """Return whose vectors serve; what the settings name takes over at once where there is nothing to serve.

    Raises:
        SetupError, ServiceError, OverBudget: the embedder that the settings name cannot be asked.
    """
    kept, wanted = await library.serving(), spaces.wanted()
    if kept is not None and kept.key != wanted and await library.scopes():
        try:
            if (await spaces.about(kept.key)).space == kept.space:
                return kept
        except QuarterdeckError as error:
            log.warning(
                "The former embedder cannot be reached, search goes by full text until the new one is ready",
                extra={"embedder": kept.key, "reason": error.message},
            )
    serving = Serving(
        key=wanted, space=(await spaces.about(wanted)).space, slot=kept.slot if kept is not None else 0
    )
    if serving != kept:
        await library.serve(serving)
    return serving


class Refused(UserError):
    """Say that the next embedder was tried and answers worse than the one that serves."""


class Candidate:
    """Find in the index that is being made ready, as `Vectors` does in the one that serves; `space` is its own."""

    def __init__(self, spaces: Spaces, worker: Worker, key: str, space: str) -> None:
        self._spaces, self._worker, self.key, self.space = spaces, worker, key, space
        self.reason = ""

    async def near(self, text: str, scopes: Sequence[str], limit: int, *, wait_s: float) -> Near | None:
        """Return the chunks nearest to `text`, best first."""
        value: dict[str, Json] = {
            "scopes": list(scopes),
            "limit": limit,
            "embedder": self.key,
            "into": "next",
        }
        blob = b""
        if self.key.startswith(ROLE):
            [blob] = await self._spaces.embed(self.key, [text], is_question=True)
        else:
            value["text"] = text
        return near_of(await self._worker.call("find", value, blob, timeout_s=TIMEOUT_S))

    async def rerank(self, question: str, texts: Sequence[str]) -> list[float] | None:
        """Leave the order as it is: what is compared is the index."""
        return None


class Move:
    """Make what the next embedder needs, then switch."""

    def __init__(
        self, library: Library, spaces: Spaces, worker: Worker, pause: Pause, gate: Gate | None = None
    ) -> None:
        self._library, self._spaces, self._worker, self._pause = library, spaces, worker, pause
        self._gate = gate

    async def make(self, in_step: asyncio.Lock) -> Serving:
        """Return who serves now; a provider that fails for now is asked again every minute.

        Raises:
            Refused: it answers worse than the gate allows.
            QuarterdeckError: the next embedder cannot be used: its provider refuses, or is off.
        """
        key = self._spaces.wanted()
        space = await self._patiently(partial(self._about, key))
        log.info("Another embedder is being made ready", extra={"space": space})
        await self._stage(key, space)
        answer = await self._worker.call("prepare", timeout_s=TIMEOUT_S)
        slot = cast("int", cast("dict[str, Json]", answer.value)["slot"])
        await self._fill(space)
        if self._gate is not None and (
            reason := await self._gate(Candidate(self._spaces, self._worker, key, space))
        ):
            await self._worker.call("abandon", timeout_s=TIMEOUT_S)
            raise Refused(
                reason, hint="quarterdeck knowledge rebuild --accept-loss lets it take over all the same"
            )
        while True:
            async with in_step:
                if not await self._library.unstaged(space, 1):
                    return await self._switch(Serving(key=key, space=space, slot=slot))
            await self._stage(key, space)

    async def _switch(self, serving: Serving) -> Serving:
        await self._fill(serving.space)
        generation = await self._library.switch(serving)
        value: Json = {
            "scope": "",
            "ids": [],
            "into": "next",
            "generation": generation,
            "space": serving.space,
        }
        await self._worker.call("put", value, timeout_s=TIMEOUT_S)
        await self._worker.call("adopt", timeout_s=TIMEOUT_S)
        log.info("Another embedder serves", extra={"space": serving.space})
        return serving

    async def _about(self, key: str) -> str:
        return (await self._spaces.about(key)).space

    async def _stage(self, key: str, space: str) -> None:
        """Make and keep the vectors that are missing."""
        while some := await self._library.unstaged(space, STAGED_AT_ONCE):
            texts = [to_embed(one.title, one.heading, one.text) for one in some]
            made = await self._patiently(partial(self._spaces.embed, key, texts))
            await self._library.stage(space, [(one.id, v) for one, v in zip(some, made, strict=True)])

    async def _fill(self, space: str) -> None:
        """Bring the prepared index in step with what is staged."""
        for scope in await self._library.scopes():
            asked: Json = {"scope": scope.name, "into": "next"}
            held = set(cast("list[str]", (await self._worker.call("ids", asked, timeout_s=TIMEOUT_S)).value))
            wanted = await self._library.staged_ids(scope, space)
            missing, gone = [one for one in wanted if one not in held], sorted(held - set(wanted))
            for n in range(0, max(len(missing), 1 if gone else 0), PAGE):
                pairs = await self._library.staged(missing[n : n + PAGE], space)
                value: Json = {
                    "scope": scope.name,
                    "into": "next",
                    "ids": [id_ for id_, _ in pairs],
                    "drop": list(gone) if n == 0 else [],
                }
                blob = b"".join(vector for _, vector in pairs)
                await self._worker.call("put", value, blob, timeout_s=TIMEOUT_S)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` returns, asked again as long as the other side fails for now."""
        while True:
            try:
                return await ask()
            except (Unavailable, RateLimited, OverBudget) as error:
                log.info("The next embedder is not to be had now", extra={"reason": error.message})
                await self._pause(PAUSE_S)
