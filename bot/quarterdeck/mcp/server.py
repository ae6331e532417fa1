"""Keep one server: start it when it is wanted, again with growing pauses when it ends, and know what it offers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from quarterdeck.core.errors import QuarterdeckError, Unavailable, Unknown
from quarterdeck.core.ports import Clock
from quarterdeck.mcp.definition import Definition
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.process.tasks import in_thread, pause_after
from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.runtime.settings.egress import EgressSettings
from quarterdeck.runtime.settings.mcp import McpServerSettings

if TYPE_CHECKING:
    from quarterdeck.mcp.connection import Connection, Said

START_S: Final = 25.0  # of which a server that knows only older protocols may take 10 to say so
LISTED_FOR_S: Final = 60.0  # a list of tools older than this is asked for again before a call
LIST_AGAIN_S: Final = 1.0  # a server that says all the time that its tools changed keeps nobody busy
HEALTHY_AFTER_S: Final = 60.0

Told = Callable[[str], Awaitable[None]]
log = logging.getLogger(__name__)


class Surroundings:
    """Hold what all servers get of the bot: where they work, our variables, our secrets, the rules of the web."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        reveal: Callable[[SecretRef], str],
        egress: EgressSettings,
        clock: Clock,
    ) -> None:
        self.folder, self.environ, self.reveal = folder, environ, reveal
        self.egress, self.clock = egress, clock

    def value(self, written: str | SecretRef) -> str:
        """Return a value of the settings, a secret by its reference."""
        return self.reveal(written) if isinstance(written, SecretRef) else written


class Server:
    """Be one server. `seen` is what it offered when it was last asked; empty before that."""

    def __init__(self, name: str, settings: McpServerSettings, around: Surroundings) -> None:
        self.name, self.settings, self._around = name, settings, around
        self.seen: dict[str, Definition] = {}
        self.was_asked = False
        self.problem: QuarterdeckError | None = None
        self.restarts = 0
        self._failures = 0
        self._retry_at_s = 0.0
        self._listed_s = self._opened_s = 0.0
        self._connection: Connection | None = None
        self._changing = asyncio.Lock()
        self._room = asyncio.Semaphore(settings.concurrency)

    @property
    def origin(self) -> str:
        """Return the program or address, as it is pinned with what it says."""
        return self.settings.url or json.dumps(list(self.settings.command))

    @property
    def is_ready(self) -> bool:
        """Tell whether it is connected."""
        return self._connection is not None and not self._connection.gone.is_set()

    @property
    def is_down(self) -> bool:
        """Tell whether it failed when it was last tried."""
        return not self.is_ready and self.problem is not None

    @property
    def is_resting(self) -> bool:
        """Tell whether it failed, and is not to be tried again yet."""
        return self.is_down and self._around.clock.monotonic() < self._retry_at_s

    @property
    def spoken(self) -> tuple[str, str]:
        """Return protocol and software, as far as they are known."""
        one = self._connection
        return (one.protocol, one.software) if one is not None else ("", "")

    async def ready(self) -> Connection:
        """Return the connection, with a fresh list of tools; opens it where there is none.

        Raises:
            QuarterdeckError: it cannot be opened, or failed a moment ago.
        """
        async with self._changing:
            connection = self._connection
            if connection is None or connection.gone.is_set():
                connection = await self._opened()
            now_s = self._around.clock.monotonic()
            if connection.changed.is_set() or now_s - self._listed_s > LISTED_FOR_S:
                await self._list_again(connection)
            return connection

    async def call(
        self, pin: Definition, arguments: Mapping[str, object], progress: Told | None, *, changes: bool
    ) -> Said:
        """Run the tool that was approved as `pin`; `changes`: it may have done something when its answer is lost.

        Raises:
            ServiceError: it failed, hung, or is no longer what was approved.
        """
        outcome, kind = "failed", cast("type[Unavailable | Unknown]", Unavailable)
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self.settings.timeout_s), self._room:
                connection = await self.ready()
                now = self.seen.get(pin.name)
                if now is None or now.digest != pin.digest:
                    raise Unavailable(
                        f"{self.name} changed its tool {pin.name}, which waits for an owner",
                        service=self.name,
                        hint=f"`quarterdeck mcp show {self.name}.{pin.name}`",
                    )
                kind = Unknown if changes else Unavailable
                said = await connection.call(pin.name, arguments, progress, changes=changes)
            outcome = "refused" if said.get("isError") else "done"
            return said
        except TimeoutError as error:
            outcome = "late"
            if connection is not None:
                connection.changed.set()  # whether it lives at all, listing its tools will tell
            words = f"{self.name} did not answer within {self.settings.timeout_s:g} s"
            raise kind(words, service=self.name) from error
        finally:
            metrics.MCP_CALLS.add(outcome=outcome)

    async def keep(self) -> None:
        """Stay connected until cancelled; lists tools anew whenever the server says that they changed."""
        clock = self._around.clock
        while True:
            try:
                connection = await self.ready()
            except QuarterdeckError:
                await clock.sleep(max(0.1, self._retry_at_s - clock.monotonic()))
                continue
            waits = [asyncio.create_task(one.wait()) for one in (connection.gone, connection.changed)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waits:
                    task.cancel()
            if connection.gone.is_set():
                self._failed(Unavailable(self._words(connection), service=self.name))
            else:
                await clock.sleep(LIST_AGAIN_S)

    async def close(self) -> None:
        """End it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _opened(self) -> Connection:
        clock = self._around.clock
        if self._connection is not None:  # it ended by itself
            if self.problem is None:
                self._failed(Unavailable(self._words(self._connection), service=self.name))
            await self._connection.close()
            self._connection = None
            self.restarts += 1
            metrics.MCP_RESTARTS.add()
        if self.problem is not None and clock.monotonic() < self._retry_at_s:
            raise self.problem
        try:
            async with asyncio.timeout(START_S):
                connection = await in_thread(self._made)
                await connection.open(self._headers())
                self._connection = connection
                await self._list(connection)
        except TimeoutError as error:
            await self.close()
            problem = Unavailable(f"{self.name} did not answer within {START_S:g} s", service=self.name)
            self._failed(problem)
            raise problem from error
        except QuarterdeckError as error:
            await self.close()
            self._failed(error)
            raise
        self.problem, self._opened_s = None, clock.monotonic()
        log.info("MCP server is connected", extra={"server": self.name, "protocol": connection.protocol})
        return connection

    async def _list_again(self, connection: Connection) -> None:
        """List within a time of its own: whoever calls may be waiting behind this.

        Raises:
            Unavailable: it does not answer; the connection is over.
        """
        try:
            async with asyncio.timeout(START_S):
                await self._list(connection)
        except TimeoutError as error:
            connection.link.end(f"it did not list its tools within {START_S:g} s")
            problem = Unavailable(self._words(connection), service=self.name)
            self._failed(problem)
            raise problem from error

    async def _list(self, connection: Connection) -> None:
        connection.changed.clear()
        said = await connection.tools()
        found: dict[str, Definition] = {}
        for one in said:
            definition = Definition.of(self.origin, one)
            found.setdefault(definition.name, definition)  # of two of one name the second is shadowed
        self.seen, self.was_asked = found, True
        self._listed_s = self._around.clock.monotonic()

    def _failed(self, error: QuarterdeckError) -> None:
        now_s = self._around.clock.monotonic()
        if now_s - self._opened_s > HEALTHY_AFTER_S:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            log.warning("MCP server is down", extra={"server": self.name, "error": error.message})
        self.problem, self._retry_at_s = error, now_s + pause_after(self._failures)

    def _words(self, connection: Connection) -> str:
        last = connection.link.last_words()
        return f"{self.name} is gone: {connection.link.why}{f' after saying: {last}' if last else ''}"

    def _made(self) -> Connection:
        """Load the SDK, most of a second, and prepare a connection.

        Raises:
            SetupError: a secret is not there.
        """
        from quarterdeck.mcp.connection import Connection
        from quarterdeck.mcp.program import Launch

        around, settings = self._around, self.settings
        if settings.url is None:
            program, *arguments = settings.command
            found = shutil.which(program, path=around.environ.get("PATH", os.defpath))
            launch = Launch(
                argv=(found or program, *arguments),
                folder=around.folder / self.name,
                environ=self._variables(),
            )
            return Connection(self.name, launch=launch)
        from quarterdeck.mcp.guard import Guard
        from quarterdeck.runtime.egress.addresses import AddressPolicy
        from quarterdeck.runtime.egress.client import Egress

        policy = AddressPolicy((*around.egress.allow_private, *settings.allow_private))
        egress = Egress(policy=policy, allow_http=settings.allow_http)
        return Connection(self.name, guard=Guard(settings.url, egress), url=settings.url)

    def _variables(self) -> dict[str, str]:
        """Return the variables that the program sees: those that the settings name, and no others."""
        around = self._around
        passed = {name: around.environ[name] for name in self.settings.inherit if name in around.environ}
        return passed | {name: around.value(one) for name, one in self.settings.env.items()}

    def _headers(self) -> dict[str, str]:
        headers = {name: self._around.value(one) for name, one in self.settings.headers.items()}
        if self.settings.bearer is not None:
            headers["Authorization"] = f"Bearer {self._around.value(self.settings.bearer)}"
        return headers
