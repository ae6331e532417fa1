"""Reach the librarian process, and bring its index in step with SQLite.

SQLite is the truth. The index carries a stamp that says which generation of it it holds: when the stamp fits, it is
used as it is; when it is behind, the difference is made up for; when it cannot be opened, or kills the process that
opens it, it is deleted and filled again. All that happens in the background, and until it is done `near` says None:
find by full text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from quarterdeck.core.embedding import Embeddings
from quarterdeck.core.errors import Busy, Denied, QuarterdeckError, ServiceError, SetupError
from quarterdeck.core.knowledge import Change, Serving
from quarterdeck.core.value import dataclass
from quarterdeck.rag.library import Library
from quarterdeck.rag.reading.document import to_embed
from quarterdeck.rag.vector.moving import Gate, Move, Pause, Refused, serving_of
from quarterdeck.rag.vector.near import Near, near_of
from quarterdeck.rag.vector.spaces import EXPORT_TIMEOUT_S, ROLE, Spaces
from quarterdeck.runtime.workers.worker import Limits, Worker

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

TARGET = "quarterdeck.rag.vector.librarian:librarian"
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
BATCH = 16  # texts a call
PAGE = 1000  # vectors a call when the index is filled, 1.5 MB
OPEN_TIMEOUT_S = 60.0
FIND_TIMEOUT_S = 10.0
RERANK_TIMEOUT_S = 60.0  # the first one loads the model

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderState:
    """Say what embeds, and how the index does: `off`, `starting`, `ready`, `in memory`, or `failed` with a reason.

    `next` is the embedder that is being made ready to follow.
    """

    index: str
    space: str = ""
    how: str = ""
    reason: str = ""
    next: str = ""


class Vectors:
    """Embed text and find near chunks; starts its process on first use."""

    def __init__(
        self,
        library: Library,
        *,
        chroma: Path,
        models: Path,
        embedder: str,
        threads: int = 1,
        reranker: str = "",
        remote: Embeddings | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """`remote` embeds where the settings name a model for it; `pause` waits between tries to reach it."""
        self._library, self._pause = library, pause
        self.gate: Gate | None = None  # asked before another embedder takes over
        self._refused = ""  # the embedder that it did not let in
        options = {
            "embedder": embedder,
            "models": str(models),
            "chroma": str(chroma),
            "threads": str(threads),
            "reranker": reranker,
        }
        self._worker = Worker(
            "librarian",
            TARGET,
            options=cast("Json", options),
            limits=Limits(niceness=0 if sys.platform == "linux" else 5),  # there its bulk threads step back
            threads=threads + 1,
            start_timeout_s=EXPORT_TIMEOUT_S,
            environment=ENVIRONMENT,
        )
        self.spaces = Spaces(self._worker, remote, embedder)
        self._serving: Serving | None = None  # of which it is known that it serves
        self._move: asyncio.Task[None] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._choosing = asyncio.Lock()
        self._in_step = asyncio.Lock()  # index and database change together, one commit at a time
        self._opened_pid: int | None = None
        self._in_memory = False
        self._state = "off"
        self._reason = ""

    @property
    def state(self) -> EmbedderState:
        """Say how things are, without waiting."""
        about = self.spaces.known(self._serving.key) if self._serving else None
        return EmbedderState(
            index=self._state,
            space=about.space if about else "",
            how=about.how if about else "",
            reason=self._reason,
            next="" if self._move is None or self._move.done() else self.spaces.wanted(),
        )

    @property
    def reason(self) -> str:
        """Say what is wrong with the index, or with the embedder that should follow; empty: nothing."""
        return self._reason

    async def space(self) -> str:
        """Start what is needed and return the name of the vector space.

        Raises:
            SetupError: the embedder's package or model is missing.
            ServiceError: its process does not start.
        """
        serving = await self._served()
        return (await self.spaces.about(serving.key)).space

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return one vector a text, as little-endian float32.

        Raises:
            SetupError, ServiceError: as `space`.
        """
        return await self.spaces.embed((await self._served()).key, texts)

    async def compare(self, text: str, others: Sequence[str]) -> list[float] | None:
        """Return the cosine of `text` to each of `others`, or None when the librarian cannot say now."""
        if self._state not in ("ready", "in memory"):
            return None
        try:
            value: Json = {"text": text, "with": list(others)}
            answer = await self._worker.call("compare", value, timeout_s=FIND_TIMEOUT_S)
            return cast("list[float]", answer.value)
        except ServiceError as error:
            self._lost(error)
            return None

    async def rerank(self, question: str, texts: Sequence[str]) -> list[float] | None:
        """Return how well each text answers the question, or None when the cross-encoder cannot say."""
        try:
            value: Json = {"question": question, "texts": list(texts)}
            answer = await self._worker.call("rerank", value, timeout_s=RERANK_TIMEOUT_S)
            return cast("list[float]", answer.value)
        except (ServiceError, SetupError, Busy) as error:
            log.warning("The cross-encoder is out of use", extra={"reason": error.message})
            return None

    async def near(self, text: str, scopes: Sequence[str], limit: int, *, wait_s: float) -> Near | None:
        """Return the chunks nearest to `text`, best first; None when the index is not ready within `wait_s`."""
        if not await self._ready_within(wait_s):
            return None
        serving = await self._served()
        value: dict[str, Json] = {"scopes": list(scopes), "limit": limit, "embedder": serving.key}
        blob = b""
        if serving.key.startswith(ROLE):
            try:
                [blob] = await self.spaces.embed(serving.key, [text], is_question=True)
            except QuarterdeckError as error:
                self._reason = error.message
                log.warning("A question could not be embedded", extra={"reason": error.message})
                return None
            if serving is not self._serving:  # another embedder has taken over meanwhile
                return await self.near(text, scopes, limit, wait_s=wait_s)
        else:
            value["text"] = text
        try:
            answer = await self._worker.call("find", value, blob, timeout_s=FIND_TIMEOUT_S)
        except (ServiceError, Busy) as error:
            self._lost(error)
            return None
        return near_of(answer)

    async def follow(self, change: Change, ids: Sequence[str], vectors: Sequence[bytes]) -> None:
        """Bring one commit into the index, where it is open; otherwise opening it will."""
        async with self._in_step:
            if not self._is_open():
                return
            value: Json = {
                "scope": change.scope,
                "ids": list(ids),
                "drop": list(change.gone),
                "generation": change.generation,
                "space": self._serving.space if self._serving else "",
            }
            try:
                await self._worker.call("put", value, b"".join(vectors), timeout_s=OPEN_TIMEOUT_S)
            except ServiceError as error:
                self._lost(error)

    async def regroup(self) -> None:
        """Bring the index in step after passages changed their scope; until it is, search goes by full text."""
        async with self._in_step:
            self._opened_pid = None
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._worker.pid is not None:
            self.warm()

    async def rebuild(self, *, accept_loss: bool = False) -> bool:
        """Delete the index on disk and fill it from SQLite; returns whether it is in use again.

        With `accept_loss` an embedder that waits takes over however much it loses.

        Raises:
            SetupError, ServiceError: as `space`.
        """
        if self._opening is not None:
            await asyncio.wait([self._opening])
        await self.space()
        async with self._in_step:
            self._opened_pid, self._in_memory = None, False
            if accept_loss:
                self.gate, self._refused = None, ""
            await self._worker.call("clear", timeout_s=OPEN_TIMEOUT_S)
        return await self.opened()

    def warm(self) -> None:
        """Begin to open the index, unless it is open or being opened."""
        if self._opening is None or (self._opening.done() and not self._is_open()):
            self._opening = asyncio.create_task(self._open(), name="vector index")

    async def opened(self) -> bool:
        """Open the index and wait for it; returns whether it is in use."""
        return await self._ready_within(None)

    async def close(self) -> None:
        """Stop the process."""
        for task in (self._move, self._opening):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._worker.stop()
        self._state = "off"

    def _is_open(self) -> bool:
        return self._opened_pid is not None and self._worker.pid == self._opened_pid

    async def _ready_within(self, wait_s: float | None) -> bool:
        if not self._is_open():
            self.warm()
            assert self._opening is not None  # `warm` has just made it
            await asyncio.wait([self._opening], timeout=wait_s)
        return self._is_open()

    def _lost(self, error: QuarterdeckError) -> None:
        """Remember that the index must be opened again."""
        self._opened_pid = None
        self._state, self._reason = "failed", error.message
        log.warning(
            "The vector index is out of use, search goes by full text", extra={"reason": error.message}
        )

    async def _open(self) -> None:
        """Open the index, in step with SQLite; tries to mend it once, then does without Chroma."""
        self._state, self._reason = "starting", ""
        steps = (self._fill_memory,) if self._in_memory else (self._use, self._remake, self._fill_memory)
        for step in steps:
            try:
                await self._embed_rest(await self.space())
                generation = await step()
                await self._settle(generation)
            except (ServiceError, SetupError, Busy, Denied) as error:
                self._lost(error)
                if isinstance(error, SetupError | Denied):
                    return
            else:
                log.info("The vector index is ready", extra={"how": self._state, "embedder": self.state.how})
                self._begin_move()
                return

    async def _settle(self, generation: int) -> None:
        """Take in what was committed meanwhile, then let `follow` do it."""
        while True:
            async with self._in_step:
                now = await self._library.generation()
                if now == generation:
                    space = await self.space()
                    value: Json = {"scope": "", "ids": [], "generation": generation, "space": space}
                    await self._worker.call("put", value, timeout_s=OPEN_TIMEOUT_S)
                    self._opened_pid = self._worker.pid
                    self._state, self._reason = "in memory" if self._in_memory else "ready", ""
                    return
            generation = now
            await self._make_up_all()

    async def _use(self) -> int:
        """Open what is on disk and make up for the difference; returns the generation that it holds then."""
        space = await self.space()
        generation = await self._library.generation()
        scopes = await self._library.scopes()
        asked: Json = {"scopes": [scope.name for scope in scopes], **await self._where()}
        answer = await self._worker.call("open", asked, timeout_s=OPEN_TIMEOUT_S)
        told = cast("Mapping[str, Mapping[str, object]]", answer.value)
        stamp, counts = told["stamp"], told["counts"]
        if any(counts.values()) and stamp.get("space") != space:
            return await self._remake()
        for scope in scopes:
            ids = await self._library.vector_ids(scope, space)
            if stamp.get("generation") != generation or counts.get(scope.name) != len(ids):
                await self._make_up(scope.name, ids)
        return generation

    async def _remake(self) -> int:
        """Delete the index on disk and fill a new one."""
        log.warning("The vector index is made again from the database")
        generation = await self._library.generation()
        await self._worker.call("clear", timeout_s=OPEN_TIMEOUT_S)
        await self._worker.call("open", {"scopes": [], **await self._where()}, timeout_s=OPEN_TIMEOUT_S)
        await self._make_up_all()
        return generation

    async def _fill_memory(self) -> int:
        """Do without Chroma: hold all vectors in the process."""
        self._in_memory = True
        generation = await self._library.generation()
        await self._worker.call("hold")
        await self._make_up_all()
        return generation

    async def _where(self) -> dict[str, Json]:
        """Say which index on disk serves, and how long its vectors are."""
        serving = await self._served()
        return {"slot": serving.slot, "dimensions": (await self.spaces.about(serving.key)).dimensions}

    async def _served(self) -> Serving:
        """Return whose vectors serve: those that did, as long as they can; else those that the settings name."""
        if self._serving is None:
            async with self._choosing:
                if self._serving is None:
                    self._serving = await serving_of(self._library, self.spaces)
        return self._serving

    def _begin_move(self) -> None:
        """Make the vectors of the embedder that the settings name, where another one serves still."""
        serving = self._serving
        is_moving = self._move is not None and not self._move.done()
        wanted = self.spaces.wanted()
        if serving is not None and wanted not in (serving.key, self._refused) and not is_moving:
            move = Move(self._library, self.spaces, self._worker, self._pause, self.gate)
            self._move = asyncio.create_task(self._moved(move), name="move to another embedder")

    async def _moved(self, move: Move) -> None:
        """Let the next embedder serve once all its vectors are there."""
        try:
            serving = await move.make(self._in_step)
        except QuarterdeckError as error:
            self._refused = self.spaces.wanted() if isinstance(error, Refused) else ""
            self._serving, self._reason = None, error.message  # it may have been noted already who serves
            log.warning("Another embedder could not take over", extra={"reason": error.message})
        else:
            self._serving = serving

    async def _make_up_all(self) -> None:
        space = await self.space()
        for scope in await self._library.scopes():
            await self._make_up(scope.name, await self._library.vector_ids(scope, space))

    async def _make_up(self, scope: str, wanted: Sequence[str]) -> None:
        """Put what is missing in the index, take out what is too much."""
        answer = await self._worker.call("ids", {"scope": scope}, timeout_s=OPEN_TIMEOUT_S)
        held = set(cast("Sequence[str]", answer.value))
        missing = [id_ for id_ in wanted if id_ not in held]
        gone = sorted(held - set(wanted))
        if missing or gone:
            log.info("The vector index catches up", extra={"missing": len(missing), "gone": len(gone)})
            await self._put(scope, missing, gone)

    async def _put(self, scope: str, ids: Sequence[str], gone: Sequence[str]) -> None:
        for n in range(0, max(len(ids), 1), PAGE):
            pairs = await self._library.vectors(ids[n : n + PAGE])
            drop = list(gone) if n == 0 else []
            value: Json = {"scope": scope, "ids": [id_ for id_, _ in pairs], "drop": drop}
            blob = b"".join(vector for _, vector in pairs)
            await self._worker.call("put", value, blob, timeout_s=OPEN_TIMEOUT_S)

    async def _embed_rest(self, space: str) -> None:
        """Embed chunks that have no vector in this space: another embedder was set, or none worked before."""
        while some := await self._library.without_vector(space, BATCH * 4):
            vectors = await self.embed([to_embed(one.title, one.heading, one.text) for one in some])
            await self._library.embed(space, [(one.id, v) for one, v in zip(some, vectors, strict=True)])
