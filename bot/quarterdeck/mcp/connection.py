"""Speak MCP with one server: the only file that drives the SDK's client, and the seam where its errors become ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import httpx2
import mcp_types
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from pydantic import ValidationError

from quarterdeck import __version__
from quarterdeck.core.errors import QuarterdeckError, Rejected, Unavailable, Unknown
from quarterdeck.core.text import printable
from quarterdeck.mcp.guard import ANSWER_BYTES, CONNECT_S, Guard
from quarterdeck.mcp.program import Launch, Link, running

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams
    from mcp.client.session import IncomingMessage

MOST_TOOLS: Final = 200
MOST_PAGES: Final = 20
LISTEN_AGAIN_S: Final = 5.0
CLOSE_S: Final = 8.0

LOST: Final = (
    OSError,
    anyio.ClosedResourceError,
    anyio.BrokenResourceError,
    anyio.EndOfStream,
    httpx2.HTTPError,
)
FAILURES: Final = (*LOST, MCPError, ValidationError, ValueError, RuntimeError)

for _name in ("mcp", "client"):  # it logs what servers send, word for word
    logging.getLogger(_name).setLevel(logging.CRITICAL)

Said = Mapping[str, object]
Told = Callable[[str], Awaitable[None]]
T = TypeVar("T")


class Connection:
    """Hold one open connection. `gone` is set when it is over, `changed` when the server says that its tools are."""

    def __init__(
        self, name: str, *, launch: Launch | None = None, guard: Guard | None = None, url: str = ""
    ) -> None:
        self.name, self._launch, self._guard, self._url = name, launch, guard, url
        self._headers: Mapping[str, str] = {}
        self.link, self.changed = Link(), asyncio.Event()
        self.protocol, self.software = "", ""
        self._client: Client | None = None
        self._holding: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    @property
    def gone(self) -> asyncio.Event:
        """Return what is set once it is over."""
        return self.link.gone

    async def open(self, headers: Mapping[str, str]) -> None:
        """Connect and agree on a protocol: 2026-07-28, or an older one by its handshake.

        Raises:
            QuarterdeckError: it cannot be started or reached, or does not speak MCP.
        """
        self._headers = headers
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._holding = asyncio.create_task(self._hold(ready), name=f"mcp {self.name}")
        try:
            await ready
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        """End it, and the program behind it."""
        self._closing.set()
        if self._holding is None:
            return
        _, pending = await asyncio.wait([self._holding], timeout=CLOSE_S)
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)

    async def tools(self) -> list[Said]:
        """Return what the server says of each of its tools, as on the wire.

        Raises:
            ServiceError: it failed, or lists without end.
        """
        found: list[Said] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._asked(self._open.list_tools(cursor=cursor), is_effect=False)
            found += [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in page.tools]
            cursor = page.next_cursor
            if cursor is None and len(found) <= MOST_TOOLS:
                return found
            if len(found) > MOST_TOOLS:
                break
        raise Rejected(f"{self.name} has more than {MOST_TOOLS} tools", service=self.name, status=0)

    async def call(
        self, tool: str, arguments: Mapping[str, object], told: Told | None, *, changes: bool
    ) -> Said:
        """Return what a tool said, as on the wire; cancelling this tells the server.

        Raises:
            ServiceError: it refused or failed; `Unknown` where `changes` and the answer was lost.
        """

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            if told is not None:
                share = f"{progress:g} of {total:g}" if total else f"{progress:g}"
                await told(printable(f"{self.name}: {message or share}")[:200])

        asked = self._open.call_tool(tool, dict(arguments), progress_callback=tell if told else None)
        result = await self._asked(asked, is_effect=changes)
        return result.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def _open(self) -> Client:
        if self._client is None or self.gone.is_set():
            raise self._lost(is_effect=False)
        return self._client

    async def _asked(self, asked: Awaitable[T], *, is_effect: bool) -> T:
        """Wait for an answer, or for the end of the connection."""
        answer = asyncio.ensure_future(asked)
        over = asyncio.ensure_future(self.gone.wait())
        try:
            await asyncio.wait((answer, over), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise self._lost(is_effect=is_effect)
            return answer.result()
        except FAILURES as error:
            raise self._ours(error, is_effect=is_effect) from error
        finally:
            over.cancel()
            if not answer.done():
                answer.cancel()
                with suppress(asyncio.CancelledError, Exception):  # its courtesy to the server is bounded
                    await answer

    def _ours(self, error: Exception, *, is_effect: bool) -> QuarterdeckError:
        problem = self._taken()
        if problem is not None:
            return problem
        if isinstance(error, MCPError):
            if (
                error.message == "Session terminated"
            ):  # the SDK's words for a 404: the server knows it no more
                self.link.end("its session ended")
                return Unavailable(f"{self.name} ended its session", service=self.name)
            if error.code == mcp_types.CONNECTION_CLOSED:
                return self._lost(is_effect=is_effect)
            words = printable(error.message)[:500]
            return Rejected(f"{self.name} refused: {words}", service=self.name, status=error.code)
        if isinstance(error, LOST):
            return self._lost(is_effect=is_effect)
        kind = "asks for more than a tool call may" if isinstance(error, RuntimeError) else "is no valid MCP"
        return Rejected(f"{self.name} answered with something that {kind}", service=self.name, status=0)

    def _taken(self) -> QuarterdeckError | None:
        """Return what went wrong on the wire; a server that cannot be reached is gone."""
        problem = self._guard.taken() if self._guard is not None else None
        if isinstance(problem, Unavailable):
            self.link.end(problem.message)
        return problem

    def _lost(self, *, is_effect: bool) -> QuarterdeckError:
        problem = self._taken()
        if problem is not None:
            return problem
        last = self.link.last_words()
        why = f"{self.link.why or 'the connection broke'}{f' after saying: {last}' if last else ''}"
        words = printable(f"{self.name} is gone: {why}")
        kind = Unknown if is_effect else Unavailable
        return kind(words, service=self.name)

    async def _hold(self, ready: asyncio.Future[None]) -> None:
        """Enter and leave the client in one task, as its library wants it."""
        try:
            async with self._made() as client:
                client.session.validate_tool_result = _unchecked  # type: ignore[method-assign]
                self._client, self.protocol = client, client.protocol_version
                told = client.server_info
                self.software = printable(f"{told.name} {told.version}")[:100] if told is not None else ""
                ready.set_result(None)
                await self._watch(client)
        except QuarterdeckError as error:
            self._fail(ready, error)
        except (*FAILURES, ExceptionGroup) as error:  # a group: of the SDK's tasks
            self._fail(ready, self._ours(_only(error), is_effect=False))
        finally:
            self._client = None
            self.link.end("it was closed")
            if not ready.done():
                ready.set_exception(self._lost(is_effect=False))

    def _fail(self, ready: asyncio.Future[None], error: QuarterdeckError) -> None:
        if not ready.done():
            ready.set_exception(error)

    def _made(self) -> Client:
        """Return a client that grants the server nothing: no sampling, no questions, no roots, no log."""
        return Client(
            self._streams(),
            mode="auto",
            cache=None,
            client_info=mcp_types.Implementation(name="quarterdeck", version=__version__),
            message_handler=self._heard,
            input_required_max_rounds=1,
        )

    async def _watch(self, client: Client) -> None:
        """Wait for the end, and meanwhile for word that the tools changed."""
        listening = asyncio.create_task(self._listen(client))
        over = [asyncio.create_task(self.gone.wait()), asyncio.create_task(self._closing.wait())]
        try:
            await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, *over):
                task.cancel()
            await asyncio.gather(listening, *over, return_exceptions=True)

    async def _listen(self, client: Client) -> None:
        """Subscribe to changes where the protocol has that; before 2026-07-28 they come by themselves."""
        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        self.changed.set()
            except ListenNotSupportedError:
                return
            except MCPError as error:
                if error.code == mcp_types.METHOD_NOT_FOUND:
                    return
                self._taken()
            except (SubscriptionLost, TimeoutError):
                self.changed.set()  # what was said meanwhile is not told again
            await asyncio.sleep(LISTEN_AGAIN_S)

    async def _heard(self, message: IncomingMessage) -> None:
        if isinstance(message, mcp_types.ToolListChangedNotification):
            self.changed.set()

    @asynccontextmanager
    async def _streams(self) -> AsyncIterator[TransportStreams]:
        if self._launch is not None:
            async with running(self._launch, self.link) as streams:
                yield streams
            return
        assert self._guard is not None
        timeout = httpx2.Timeout(CONNECT_S, read=None)  # each call has its own limit
        headers = {"Accept-Encoding": "identity", "User-Agent": "quarterdeck", **self._headers}
        http = httpx2.AsyncClient(transport=self._guard, headers=headers, timeout=timeout, trust_env=False)
        spoken = streamable_http_client(self._url, http_client=http, max_sse_event_size=ANSWER_BYTES)
        async with http, spoken as streams:
            yield streams


async def _unchecked(name: str, result: mcp_types.CallToolResult) -> None:
    """Check no result against the server's own schema: its patterns could keep us busy for ever."""


def _only(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
