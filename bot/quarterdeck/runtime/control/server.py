"""Answer the other verbs of the program on the control socket."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import Busy, Denied, NotFound, QuarterdeckError, UsageError
from quarterdeck.core.ports import Json, Operation
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.control.wire import (
    LINE_LIMIT,
    SERVICE,
    NotBegun,
    address_of,
    decode,
    encode,
    error_json,
    peer_uid,
)

SOCKET_MODE: Final = 0o600
MOST_CLIENTS: Final = 64
MOST_REQUESTS: Final = 256  # under way at once for one client

log = logging.getLogger(__name__)

Stream = Callable[[Mapping[str, Json]], AsyncIterator[Json]]
"""Answer a request with items until it ends or the caller goes."""

Authorise = Callable[[int, Operation], Awaitable[None]]
"""Ask whether the operating-system user may do this; raises `Denied`."""


class ControlServer:
    """Serve operations and streams on a unix socket. `authorise` is asked before each of them.

    Who holds the lock on the data folder owns the socket: one that lies there already is a dead one.
    """

    def __init__(
        self,
        path: Path,
        *,
        operations: Mapping[str, Operation],
        streams: Mapping[str, Stream],
        authorise: Authorise,
        clean: Callable[[str], str],
    ) -> None:
        self._path = path
        self._operations, self._streams = operations, streams
        self._authorise, self._clean = authorise, clean
        self._clients: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._streams_open: set[asyncio.Task[None]] = set()
        self._is_closing = False
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; connections are answered from now on."""
        listening = _listen(self._path)
        self._server = await asyncio.start_unix_server(self._connected, sock=listening, limit=LINE_LIMIT)

    async def close(self, *, patience_s: float = 0.0, for_streams: bool = False) -> None:
        """Stop listening, wait up to `patience_s` for what is under way, hang up and cancel the rest.

        Streams have no end of their own: they are waited for, and calls meanwhile begun, only `for_streams`.
        """
        if self._server is None:
            return
        self._is_closing = not for_streams
        self._server.close()
        with suppress(OSError):
            self._path.unlink()
        await self._until_ended(patience_s, for_streams=for_streams)
        self._is_closing = True
        for client in list(self._clients):
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        uid = _uid_of(writer)
        if uid is None or len(self._clients) >= MOST_CLIENTS:
            writer.close()
            return
        self._clients.add(task)
        try:
            await _Session(self, uid, reader, writer).serve()
        except asyncio.CancelledError:  # close() hangs up; nothing outside waits for this task
            log.debug("Client hung up on")
        finally:
            self._clients.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    @property
    def is_closing(self) -> bool:
        """Tell whether nothing more is begun."""
        return self._is_closing

    def watch(self, request: asyncio.Task[None], *, is_stream: bool) -> None:
        """Count a request as under way until it ends."""
        under_way = self._streams_open if is_stream else self._calls
        under_way.add(request)
        request.add_done_callback(under_way.discard)

    async def _until_ended(self, patience_s: float, *, for_streams: bool) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while under_way := self._calls | (self._streams_open if for_streams else set()):
                    await asyncio.wait(under_way)

    async def answer(
        self, uid: int, name: str, parameters: Mapping[str, Json], tell: Callable[[str], Awaitable[None]]
    ) -> Json:
        """Run the operation `name` for the operating-system user `uid`.

        Raises:
            QuarterdeckError: no such operation, refused, or what it raised.
        """
        operation = self._operations.get(name)
        if operation is None:
            raise NotFound(f"no operation is called {name!r}", hint=did_you_mean(name, self._operations))
        await self._authorise(uid, operation)
        return await operation.handler(parameters, tell)

    async def items(self, uid: int, name: str, parameters: Mapping[str, Json]) -> AsyncIterator[Json]:
        """Yield what the stream `name` yields.

        Raises:
            QuarterdeckError: as above.
        """
        stream = self._streams.get(name)
        if stream is None:
            raise NotFound(f"no stream is called {name!r}", hint=did_you_mean(name, self._streams))
        await self._authorise(uid, Operation(name=name, handler=_never))
        async for item in stream(parameters):
            yield item

    def cleaned(self, error: QuarterdeckError) -> dict[str, Json]:
        """Describe an error without secrets."""
        return error_json(error, self._clean)


class _Session:
    """Talk to one client."""

    def __init__(
        self, server: ControlServer, uid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._uid, self._reader, self._writer = server, uid, reader, writer
        self._requests: dict[int, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Take requests until the client goes, then stop what it asked for."""
        try:
            async with asyncio.TaskGroup() as group:
                while (line := await self._line()) is not None:
                    await self._take(line, group)
                for task in self._requests.values():
                    task.cancel()
        except* ConnectionError:
            log.debug("Client went away")

    async def _line(self) -> bytes | None:
        try:
            line = await self._reader.readline()
        except (ValueError, ConnectionError):  # longer than LINE_LIMIT, or reset
            return None
        return line if line.endswith(b"\n") else None

    async def _take(self, line: bytes, group: asyncio.TaskGroup) -> None:
        try:
            request = decode(line)
        except ValueError:
            await self._say({"id": None, **_error(self._server, UsageError("a line is no JSON object"))})
            return
        number = request.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            await self._say(
                {"id": None, **_error(self._server, UsageError("a request needs a number as id"))}
            )
            return
        if request.get("cancel") is True:
            if task := self._requests.get(number):
                task.cancel()
            return
        if number in self._requests or len(self._requests) >= MOST_REQUESTS:
            await self._say({"id": number, **_error(self._server, Busy("too many requests at once"))})
            return
        if self._server.is_closing:
            await self._say({"id": number, **_error(self._server, NotBegun("it is ending", service=SERVICE))})
            return
        task = group.create_task(self._handle(number, request))
        self._server.watch(task, is_stream="stream" in request)
        self._requests[number] = task
        task.add_done_callback(lambda _: self._requests.pop(number, None))

    async def _handle(self, number: int, request: Mapping[str, Json]) -> None:
        try:
            await self._say({"id": number, "begun": True})
            await self._say({"id": number, **await self._outcome(number, request)})
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            with suppress(ConnectionError):
                await self._say({"id": number, **_error(self._server, Denied("cancelled"))})

    async def _outcome(self, number: int, request: Mapping[str, Json]) -> dict[str, Json]:
        async def tell(sentence: str) -> None:
            await self._say({"id": number, "progress": sentence})

        given = request.get("parameters")
        parameters = given if isinstance(given, Mapping) else {}
        try:
            if isinstance(stream := request.get("stream"), str):
                async for item in self._server.items(self._uid, stream, parameters):
                    await self._say({"id": number, "item": item})
                return {"result": None}
            name = request.get("call")
            result = await self._server.answer(self._uid, str(name), parameters, tell)
        except QuarterdeckError as error:
            return _error(self._server, error)
        except Exception:
            log.exception("Operation failed", extra={"operation": str(request.get("call"))[:80]})
            return _error(
                self._server, QuarterdeckError("the operation failed unexpectedly", hint="see the bot's log")
            )
        return {"result": result}

    async def _say(self, answer: Mapping[str, Json]) -> None:
        self._writer.write(encode(answer))
        await self._writer.drain()


def _error(server: ControlServer, error: QuarterdeckError) -> dict[str, Json]:
    return {"error": server.cleaned(error)}


async def _never(parameters: Mapping[str, Json], tell: Callable[[str], Awaitable[None]]) -> Json:
    raise AssertionError("a stream has no handler of this form")


def _uid_of(writer: asyncio.StreamWriter) -> int | None:
    """Return who is at the other end, if it is the user that runs this process."""
    uid = peer_uid(writer.get_extra_info("socket"))
    if uid != os.getuid():
        log.warning("Refused another user at the control socket", extra={"uid": uid})
        return None
    return uid


def _listen(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address_of(path) as address:
            listening.bind(address)
        path.chmod(SOCKET_MODE)
        listening.listen(MOST_CLIENTS)
    except BaseException:
        listening.close()
        raise
    return listening
