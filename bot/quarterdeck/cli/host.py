"""Reach the process that holds the data folder; when there is none, be it for as long as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from quarterdeck.cli.invocation import Invocation
from quarterdeck.core.ports import Json, Progress
from quarterdeck.runtime.control import connect
from quarterdeck.runtime.observability import logs
from quarterdeck.runtime.process.garbage import loading
from quarterdeck.runtime.process.lock import Held

if TYPE_CHECKING:
    from quarterdeck.app import App

PATIENCE_S: Final = 30.0  # another verb may hold the folder for a moment, or a bot may be about to listen
PAUSE_S: Final = 0.05
LONG_VERBS: Final = ("run", "console")  # they do not end by themselves: waiting for them is in vain

T = TypeVar("T")


class Door(Protocol):
    """Ask the process that holds the data folder: over its socket, or this very process."""

    async def call(
        self, operation: str, parameters: Mapping[str, Json], progress: Progress | None = None
    ) -> Json:
        """Run an operation and return its result."""

    def stream(self, name: str, parameters: Mapping[str, Json]) -> AsyncIterator[Json]:
        """Yield the items of a stream; leaving it early stops it."""


def run(work: Coroutine[object, object, T]) -> T:
    """Run `work` on uvloop where it is installed, on asyncio's own loop elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


@asynccontextmanager
async def reach(invocation: Invocation, verb: str) -> AsyncIterator[Door]:
    """Yield the door to whoever holds the data folder: the process that runs, or this one.

    Raises:
        SetupError: another process holds the folder and does not answer, or the app cannot be built.
    """
    async with AsyncExitStack() as stack:
        yield await _first_of_both(stack, invocation, verb)


@asynccontextmanager
async def holding(invocation: Invocation, verb: str) -> AsyncIterator[App]:
    """Take the data folder and build the app; waits only for verbs that end by themselves.

    Raises:
        SetupError: another process holds the folder, or the app cannot be built.
    """
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    async with AsyncExitStack() as stack:
        while True:
            try:
                app = await stack.enter_async_context(_opened(invocation, verb))
            except Held as error:
                is_late = asyncio.get_running_loop().time() > deadline_s
                if is_late or error.holder.verb in LONG_VERBS:
                    raise
                await asyncio.sleep(PAUSE_S)
            else:
                yield app
                return


async def _first_of_both(stack: AsyncExitStack, invocation: Invocation, verb: str) -> Door:
    """Connect to the bot that runs, or take its place; whichever can be had first."""
    path = invocation.loaded.settings.paths().control_socket
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        with suppress(FileNotFoundError, ConnectionRefusedError):
            return await stack.enter_async_context(connect(path))
        try:
            return await stack.enter_async_context(_opened(invocation, verb))
        except Held:
            if asyncio.get_running_loop().time() > deadline_s:
                raise
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def _opened(invocation: Invocation, verb: str) -> AsyncIterator[App]:
    _configure_logs(invocation, is_serving=verb == "run")
    with loading():
        from quarterdeck.app import open_app

    async with open_app(invocation.loaded, invocation.redactor, verb=verb) as app:
        yield app


def _configure_logs(invocation: Invocation, *, is_serving: bool) -> None:
    """Log as the settings say; a verb that does not serve says only what is wrong."""
    settings = invocation.loaded.settings.log
    is_quiet = not is_serving and settings.level == "info"
    has_json = None if settings.format == "auto" else settings.format == "json"
    logs.configure("warning" if is_quiet else settings.level, has_json, invocation.redactor)
