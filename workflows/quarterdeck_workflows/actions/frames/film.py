"""Give the frames of a source one by one, from a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

from quarterdeck.core.errors import Unavailable, UsageError
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.workers.worker import Limits, Worker
from quarterdeck_workflows.actions.frames.source import Source

TARGET: Final = "quarterdeck_workflows.actions.frames.reader:reader"
MEMORY_BYTES: Final = 3 * 1024**3  # of address space; decoding 4K takes 1 GiB of it
FRAME_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Hold one frame, JPEG. `n` counts from 0; `at_s` is where in the video, None in a picture."""

    n: int
    name: str
    at_s: float | None
    jpeg: bytes


class Film:
    """Hold a source open; use it as a context."""

    def __init__(self, source: Source, *, every_s: float, width: int, most: int) -> None:
        self._source, self._every_s, self._width, self._most = source, every_s, width, most
        self._worker = Worker("media", TARGET, limits=Limits(memory_bytes=MEMORY_BYTES, niceness=10))
        self.count: int | None = None

    async def __aenter__(self) -> Self:
        """Look how long it is: `count` frames, None where it does not say."""
        try:
            self.count = await self._look()
        except BaseException:
            await self._worker.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._worker.stop()

    async def shot(self, n: int) -> Shot | None:
        """Return the frame with this number, None after the last one.

        Raises:
            UsageError: it cannot be read.
        """
        if n >= self._most or (self.count is not None and n >= self.count):
            return None
        if self._source.video is None:
            path = self._source.pictures[n]
            _, jpeg = await self._ask("picture", {"path": str(path), "width": self._width}, path)
            return Shot(n=n, name=path.name, at_s=None, jpeg=jpeg)
        at_s = n * self._every_s
        asked: dict[str, Json] = {"path": str(self._source.video), "at_s": at_s, "width": self._width}
        _, jpeg = await self._ask("frame", asked, self._source.video)
        return Shot(n=n, name=self._source.name, at_s=round(at_s, 3), jpeg=jpeg) if jpeg else None

    async def _look(self) -> int | None:
        if self._source.video is None:
            return min(len(self._source.pictures), self._most)
        told, _ = await self._ask("look", {"path": str(self._source.video)}, self._source.video)
        length_s = cast("float | None", told["duration_s"])
        return (
            None if length_s is None else min(int(max(length_s - 0.001, 0.0) / self._every_s) + 1, self._most)
        )

    async def _ask(
        self, method: str, value: Mapping[str, Json], path: Path
    ) -> tuple[Mapping[str, Json], bytes]:
        try:
            part = await self._worker.call(method, value, timeout_s=FRAME_TIMEOUT_S)
        except UsageError as error:
            raise UsageError(f"{path.name}: {error.message}", hint=error.hint) from error
        except Unavailable as error:
            raise UsageError(
                f"{path.name}: reading it takes too much time or memory",
                hint="convert it to MP4, or make it smaller",
            ) from error
        return cast("Mapping[str, Json]", part.value), part.blob
