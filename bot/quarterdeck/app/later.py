"""Open a part of the bot when it is first used: what nobody asks for costs neither time nor memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Later:
    """Stand for a part: whatever is asked of it is asked of the part, which is made for that. Safe in threads."""

    def __init__(self, build: Callable[[], object]) -> None:
        self.__dict__["_later"] = _State(build)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._later.open(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._later.open(), name, value)


class _State:
    """Hold what makes a part, then the part, and who waits for that."""

    def __init__(self, build: Callable[[], object]) -> None:
        self._build, self._lock = build, threading.RLock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.part: object = None

    def open(self) -> object:
        """Return the part."""
        if self.part is None:
            with self._lock:
                if self.part is None:
                    self.part = self._build()
                    for loop, event in self._waiting:
                        loop.call_soon_threadsafe(event.set)
        return self.part

    async def opened(self) -> None:
        """Return once somebody has opened it."""
        with self._lock:
            if self.part is not None:
                return
            event = asyncio.Event()
            self._waiting.append((asyncio.get_running_loop(), event))
        await event.wait()


class LateMap(Mapping[str, T]):
    """Hold what there is, and what `build` makes when something else is looked for."""

    def __init__(self, present: Mapping[str, T], build: Callable[[], Mapping[str, T]]) -> None:
        self._present, self._build = present, build

    @cached_property
    def _all(self) -> Mapping[str, T]:
        return {**self._build(), **self._present}

    def __getitem__(self, name: str) -> T:
        return self._present[name] if name in self._present else self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def later(build: Callable[[], T]) -> T:
    """Return what stands for the part that `build` makes, from the first use of one of its attributes on.

    `build` may not use the part itself. An error of it is raised by that first use, and again by the next.
    """
    return cast("T", _Later(build))


def is_open(part: object) -> bool:
    """Tell whether a part has been made."""
    return not isinstance(part, _Later) or part._later.part is not None


def make(part: object) -> None:
    """Make a part now, if nobody has used it."""
    if isinstance(part, _Later):
        part._later.open()


async def opened(part: object) -> None:
    """Wait until a part has been made by whoever needs it."""
    if isinstance(part, _Later):
        await part._later.opened()


async def close(part: Any) -> None:
    """Close a part, if it was ever made."""
    if is_open(part):
        await part.close()
