"""Reach the process that holds the data folder; when there is none, be it for as long as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from quarterdeck.cli.invocation import Invocation
from quarterdeck.runtime import logs
from quarterdeck.runtime.control import ControlClient, ControlServer, connect
from quarterdeck.runtime.findings import refuse_critical
from quarterdeck.runtime.lock import Held, Lock
from quarterdeck.runtime.paths import Paths

if TYPE_CHECKING:
    from quarterdeck.app import App

PATIENCE_S: Final = 30.0  # another verb may hold the folder for a moment, or a bot may be about to listen
PAUSE_S: Final = 0.05
LONG_VERBS: Final = ("run", "console")  # they do not end by themselves: waiting for them is in vain

T = TypeVar("T")


def run(work: Coroutine[object, object, T]) -> T:
    """Run `work` on uvloop where it is installed, on asyncio's own loop elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


@asynccontextmanager
async def reach(invocation: Invocation, verb: str) -> AsyncIterator[ControlClient]:
    """Yield a connection to whoever holds the data folder: the process that runs, or this one.

    Raises:
        SetupError: another process holds the folder and does not answer.
    """
    paths = _paths(invocation)
    async with AsyncExitStack() as stack:
        client = await _first_of_both(stack, invocation, paths, verb)
        yield client


@asynccontextmanager
async def holding(invocation: Invocation, verb: str) -> AsyncIterator[App]:
    """Take the lock, build the app and answer the other verbs of the program while the block runs.

    Raises:
        SetupError: another process holds the folder, or the app cannot be built.
    """
    paths = _paths(invocation)
    async with AsyncExitStack() as stack:
        await _take_lock(stack, paths, verb)
        yield await _build(stack, invocation, paths, verb)


def configure_logs(invocation: Invocation, *, is_serving: bool) -> None:
    """Log as the settings say; a verb that does not serve says only what is wrong."""
    settings = invocation.loaded.settings.log
    is_quiet = not is_serving and settings.level == "info"
    has_json = None if settings.format == "auto" else settings.format == "json"
    logs.configure("warning" if is_quiet else settings.level, has_json, invocation.redactor)


def _paths(invocation: Invocation) -> Paths:
    paths = invocation.loaded.settings.paths()
    paths.create()
    return paths


async def _first_of_both(
    stack: AsyncExitStack, invocation: Invocation, paths: Paths, verb: str
) -> ControlClient:
    """Connect to the bot that runs, or take its place; whichever can be had first."""
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            return await stack.enter_async_context(connect(paths.control_socket))
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        try:
            stack.enter_context(Lock(paths.lock, verb))
        except Held:
            if asyncio.get_running_loop().time() > deadline_s:
                raise
            await asyncio.sleep(PAUSE_S)
        else:
            configure_logs(invocation, is_serving=False)
            await _build(stack, invocation, paths, verb)
            return await stack.enter_async_context(connect(paths.control_socket))


async def _take_lock(stack: AsyncExitStack, paths: Paths, verb: str) -> None:
    """Take the lock, waiting only for verbs that end by themselves."""
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            stack.enter_context(Lock(paths.lock, verb))
        except Held as error:
            is_late = asyncio.get_running_loop().time() > deadline_s
            if is_late or error.holder.verb in LONG_VERBS:
                raise
            await asyncio.sleep(PAUSE_S)
        else:
            return


async def _build(stack: AsyncExitStack, invocation: Invocation, paths: Paths, verb: str) -> App:
    from quarterdeck.app import App

    refuse_critical(paths.findings())
    app = await stack.enter_async_context(
        App.open(invocation.loaded, redactor=invocation.redactor, verb=verb)
    )
    server = ControlServer(
        paths.control_socket,
        operations=app.control_operations,
        streams=app.control_streams,
        authorise=app.authorise_control,
        clean=invocation.redactor.clean,
    )
    await server.open()
    stack.push_async_callback(server.close)
    return app
