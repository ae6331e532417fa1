"""Run a program that is an MCP server: fixed arguments, named variables only, a group of its own, bounded messages."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import mcp_types
from mcp.shared.message import SessionMessage

from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams

MESSAGE_BYTES: Final = 16 * 1024 * 1024
MOST_UNASKED: Final = 5_000  # messages since we last said something: beyond that it floods
MOST_NOISE: Final = 200  # lines that are no messages
COMPLAINT_BYTES: Final = 4_000  # of what it wrote to its standard error, the last
GRACE_S: Final = 2.0  # after its input was closed, and again after SIGTERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Say what is started, with which variables and where."""

    argv: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Link:
    """Watch a connection: `gone` is set once nothing more can come, `why` says why in a few words."""

    gone: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""
    complaint: bytes = b""
    unasked: int = 0
    noise: int = 0

    def end(self, why: str) -> None:
        """Say that it is over; the first reason stands."""
        self.why = self.why or why
        self.gone.set()

    def last_words(self) -> str:
        """Return the last line that the program wrote to its standard error."""
        lines = self.complaint.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else ""


@asynccontextmanager
async def running(launch: Launch, link: Link) -> AsyncIterator[TransportStreams]:
    """Start the program and speak with it, line by line; it and all that it started are gone when the block ends.

    Raises:
        SetupError: it cannot be started.
    """
    process = await _start(launch)
    to_us, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_us = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [
        asyncio.create_task(_read(process, to_us, link)),
        asyncio.create_task(_write(process, from_us, link)),
        asyncio.create_task(_listen(process, link)),
    ]
    try:
        yield incoming, outgoing
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in (incoming, outgoing, to_us, from_us):
            stream.close()
        await _stop(process)


async def _start(launch: Launch) -> asyncio.subprocess.Process:
    launch.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return await asyncio.create_subprocess_exec(
            *launch.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(launch.environ),
            cwd=launch.folder,
            start_new_session=True,
            limit=MESSAGE_BYTES,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SetupError(
            f"{launch.argv[0]!r} cannot be started: {reason}",
            hint="write the program's whole path in command",
        ) from error


async def _read(
    process: asyncio.subprocess.Process,
    to_us: MemoryObjectSendStream[SessionMessage | Exception],
    link: Link,
) -> None:
    assert process.stdout is not None
    try:
        while True:
            line = await process.stdout.readuntil(b"\n")
            link.unasked += 1
            if link.unasked > MOST_UNASKED:
                return link.end("it floods us with messages that nobody asked for")
            try:
                message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                link.noise += 1
                if link.noise > MOST_NOISE:
                    return link.end("it writes other things than messages to its standard output")
                continue
            await to_us.send(SessionMessage(message))
    except asyncio.LimitOverrunError:
        link.end(f"it sent a message of more than {MESSAGE_BYTES // 1024**2} MiB")
    except (
        asyncio.IncompleteReadError,
        ConnectionError,
        anyio.BrokenResourceError,
        anyio.ClosedResourceError,
    ):
        link.end("it ended")
    finally:
        to_us.close()


async def _write(
    process: asyncio.subprocess.Process, from_us: MemoryObjectReceiveStream[SessionMessage], link: Link
) -> None:
    assert process.stdin is not None
    try:
        async for sent in from_us:
            link.unasked = 0
            process.stdin.write(
                sent.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
            )
            await process.stdin.drain()
    except (ConnectionError, anyio.ClosedResourceError):
        link.end("it ended")


async def _listen(process: asyncio.subprocess.Process, link: Link) -> None:
    """Keep the end of what it complains of; the rest is nobody's business and fills no log."""
    assert process.stderr is not None
    while chunk := await process.stderr.read(64 * 1024):
        link.complaint = (link.complaint + chunk)[-COMPLAINT_BYTES:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Close its input, then ask it and its group to end, then make them."""
    assert process.stdin is not None
    with suppress(ConnectionError, OSError):
        process.stdin.close()
    if not await _ended(process):
        _signal(process, signal.SIGTERM)
        await _ended(process)
    _signal(process, signal.SIGKILL)
    await _ended(process)
    transport = getattr(
        process, "_transport", None
    )  # what it started may hold its pipes; nothing public closes them
    if transport is not None:
        transport.close()


async def _ended(process: asyncio.subprocess.Process) -> bool:
    """Tell whether it is over, after at most the grace; `wait` would also wait for who inherited its pipes."""
    deadline_s = asyncio.get_running_loop().time() + GRACE_S
    while process.returncode is None and asyncio.get_running_loop().time() < deadline_s:  # noqa: ASYNC110  see above
        await asyncio.sleep(0.01)
    return process.returncode is not None


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
