"""Run and stop the bot that `Parts` holds.

`open_app` builds all parts for a verb of the program. For `run` and `console` it is live: what a stop or a crash
left open goes on, and events are answered. `App.run` adds what only a long-lived process does: the chat platforms,
the web server, schedules, backups; what is slow to start (durable engine, vector index) starts behind the first answer.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from quarterdeck import __version__
from quarterdeck.app.door import address, build_desk, build_door
from quarterdeck.app.later import LateMap, close, opened
from quarterdeck.app.parts import Parts
from quarterdeck.core.errors import Denied
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import AccessRequest, Clock, Json, Operation, Progress
from quarterdeck.router.delivery.deliveries import UNSENT
from quarterdeck.router.flow.drain import drain
from quarterdeck.runtime import platforms
from quarterdeck.runtime.checks import refuse_missing_secrets, startup_findings
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.control import ControlServer
from quarterdeck.runtime.findings import refuse_critical
from quarterdeck.runtime.network.routes import Serves
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.observability.logs import watch_loop
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.process.garbage import look_less_often
from quarterdeck.runtime.process.lock import Lock
from quarterdeck.runtime.process.tasks import in_thread, supervise, unwrapped
from quarterdeck.runtime.settings import Loaded
from quarterdeck.store.engine import Store
from quarterdeck.store.facts import has_rows
from quarterdeck.store.tables import chunks, knowledge_sources, schedules
from quarterdeck_adapters.console.operations import ConsoleDoor

if TYPE_CHECKING:
    from quarterdeck.web.access.desk import AccountDesk
    from quarterdeck.web.door import WebDoor

LIVE_VERBS = ("run", "console")
HANG_UP_S = 2.0  # what other verbs asked for gets so long when `run` stops
LINGER_S = 30.0  # what other terminals say through a console gets so long when it ends

Work = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class App(Parts):
    """Be one process of the bot. Make it with `open_app`."""

    def __init__(self, loaded: Loaded, store: Store, redactor: Redactor, clock: Clock) -> None:
        super().__init__(loaded, store, redactor, clock)
        self._stopping = asyncio.Event()
        self.door: WebDoor | None = None
        door = ConsoleDoor(self.console, self.owner, self.paths.files)
        self.control = ControlServer(
            self.paths.control_socket,
            operations=LateMap({one.name: one for one in door.operations()}, self._operations),
            streams=door.streams(),
            authorise=self._authorise,
            clean=redactor.clean,
        )

    def _operations(self) -> Mapping[str, Operation]:
        from quarterdeck.app.operations import operations

        return {one.name: one for one in operations(self, self._desk)}

    async def connect(self) -> None:
        """Build the adapter of every platform whose tokens are there; `live` runs them.

        Raises:
            SetupError: a platform's settings are wrong; the hint names the fix.
        """
        for name in platforms.switched_on(self.settings.platforms.missing()):
            self.adapters[name] = await in_thread(platforms.connect, name, self.platform_context(name))
        self.adapters[self.page.platform] = self.page

    async def call(
        self, operation: str, parameters: Mapping[str, Json], progress: Progress | None = None
    ) -> Json:
        """Run an operation as the operating-system user of this process; see `ControlServer.answer`."""
        return await self.control.answer(os.getuid(), operation, parameters, progress or _hush)

    async def stream(self, name: str, parameters: Mapping[str, Json]) -> AsyncIterator[Json]:
        """Yield the items of a stream, likewise."""
        async for item in self.control.items(os.getuid(), name, parameters):
            yield item

    async def run(self) -> None:
        """Run the web server, schedules and backups until SIGTERM, SIGINT or `stop`.

        Raises:
            SetupError: the web server's port is taken.
        """
        self._heed_signals()
        server, health = await asyncio.gather(  # with aiohttp a quarter of a second: answers go on meanwhile
            in_thread(importlib.import_module, "quarterdeck.web.server"),
            in_thread(importlib.import_module, "quarterdeck.web.health"),
        )
        door = self.door = await in_thread(build_door, self)
        code = await door.open()
        routes = [
            *health.HealthRoutes(self.health, [self._count_queues]).all(),
            *door.routes(),
            *self.starting.routes(),
        ]
        for adapter in self.adapters.values():
            routes += adapter.routes() if isinstance(adapter, Serves) else ()
        web = server.WebServer(self.settings.http, routes)
        await web.start()
        if code:
            _show_first_code(address(self, web.port), code)
        look_less_often()
        try:
            with unwrapped():
                await self._serve(web.port)
        finally:
            door.close()
            await web.stop()

    async def _serve(self, http_port: int) -> None:
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(supervise(name, work), name=name) for name, work in self._background()
            ]
            log.info("Ready", extra={"http_port": http_port, "platforms": sorted(self.adapters)})
            await self._stopping.wait()
            log.info("Stopping")
            self.inbox.close()
            for task in background:
                task.cancel()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def _authorise(self, uid: int, operation: Operation) -> None:
        """Ask the authoriser whether the operating-system user may do this; effects are audited first.

        Raises:
            Denied: they may not.
        """
        identity = Identity(platform="console", user_id=str(uid))
        person = await self.people.person_of(identity)
        decision = await self.authoriser.authorise(
            AccessRequest(
                person=person,
                identity=identity,
                action=f"operation:{operation.name}",
                way="cli",
                least_role=operation.least_role,
                effect=operation.effect,
            )
        )
        if not decision.allowed:
            raise Denied(decision.reason)
        if operation.effect != "read":
            detail = {
                "action": f"operation:{operation.name}",
                "identity": str(identity),
                "rule": decision.rule,
            }
            await self.audit.append("operation", detail, person_id=person.id)

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """Answer events while the block runs; then let what is under way end."""
        await self.outbox.resume()
        await self.inbox.resume()
        with unwrapped():
            async with asyncio.TaskGroup() as group:
                self.outbox.lanes.start(group)
                self.router.lanes.start(group)
                links = [
                    group.create_task(supervise(adapter.platform, partial(adapter.run, self.inbox.accept)))
                    for adapter in self.adapters.values()
                ]
                links.append(group.create_task(supervise("policy", self.policy.watch)))
                await asyncio.sleep(0)  # lets every adapter take its first step: it can accept from here on
                try:
                    yield
                finally:
                    await drain(self.inbox, self.router, self.outbox)
                    for task in links:
                        task.cancel()

    def _background(self) -> list[tuple[str, Work]]:
        return [
            ("native commands", self.offering.serve),
            ("web streams", self._watch_streams),
            ("durable engine", self._keep_runs),
            ("workflows", self.starting.serve_runs),
            ("triggers", self.starting.serve),
            ("MCP servers", self._keep_servers),
            ("schedules", self._keep_schedules),
            ("knowledge", self._warm_up),
            ("sources of knowledge", self._keep_sources),
            ("summaries", self.summaries.serve),
            ("approvals", self.approvals.serve),
            ("backups", partial(self.backups.run, self.settings.backup.every_s)),
            ("loop lag", partial(metrics.watch_loop_lag, self.clock)),
        ]

    async def _keep_runs(self) -> None:
        """Serve durable runs, from the first one on."""
        if not self.paths.durable_database.exists():
            await opened(self.durable)
        await self.durable.serve(self.clock)

    async def _keep_servers(self) -> None:
        if self.settings.mcp.servers:
            await self.mcp.serve()

    async def _keep_sources(self) -> None:
        """Read the sources of knowledge, from the first one on."""
        if not self.settings.knowledge.sources and not await has_rows(self.store, knowledge_sources):
            await opened(self.sourcing)
        await self.sourcing.serve()

    async def _keep_schedules(self) -> None:
        """Plan the digests of the settings file, then fire what is planned, from the first on."""
        if not self.settings.digests and not await has_rows(self.store, schedules):
            await opened(self.clockwork)
        await self.press.desk.plan()
        await self.scheduler.serve()

    async def _watch_streams(self) -> None:
        if self.door is not None:
            await self.door.serve()

    async def _desk(self) -> AccountDesk:
        """Return who signs people in: of the door that is open, or of one that only changes what is stored."""
        return self.door.desk if self.door is not None else await build_desk(self)

    async def _warm_up(self) -> None:
        """Start the vector index where there is something to search, so that the first question need not wait."""
        if await has_rows(self.store, chunks):
            self.knowledge.vectors.warm()

    async def _count_queues(self) -> None:
        counts = await self.outbox_rows.counts()
        for state in UNSENT:
            metrics.OUTBOX_ROWS.set(counts.get(state, 0), state=state)
        metrics.QUEUE_DEPTH.set(self.router.lanes.waiting, queue="router")
        metrics.QUEUE_DEPTH.set(self.store.waiting, queue="store")

    async def offer_secrets(self) -> dict[str, str]:
        """Give the resolver every secret of the vault; return why some cannot be read, by name."""
        values, described = await self.vault.load()
        for name, value in values.items():
            self.resolver.offer(name, value)
        return {one.id: one.problem for one in described if one.problem}

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        watch_loop(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)


@asynccontextmanager
async def open_app(loaded: Loaded, redactor: Redactor, *, verb: str) -> AsyncIterator[App]:
    """Take the data folder and build everything for a verb of the program; all is closed at the end.

    Raises:
        Held: another process works on the data folder.
        SetupError: a finding is critical; the database, a file of the owner's or a secret is not as it must be.
    """
    paths = loaded.settings.paths()
    refuse_critical(startup_findings(loaded))
    paths.create()
    async with AsyncExitStack() as stack:
        stack.enter_context(Lock(paths.lock, verb))
        store = await Store.open(paths.database, backups=paths.backups)
        stack.push_async_callback(store.close)
        app = App(loaded, store, redactor, SystemClock())
        for part in (
            app.telemetry,
            app.knowledge,
            app.embeddings,
            app.images,
            app.models,
            app.durable,
            app.web,
            app.mcp,
        ):
            stack.push_async_callback(close, part)
        await app.policy.start()
        problems = await app.offer_secrets()
        if verb in LIVE_VERBS:
            refuse_missing_secrets(loaded, app.resolver, problems)
            if verb == "run":
                await app.connect()
                await app.telemetry.start(loaded.environ, __version__)
            await stack.enter_async_context(app.live())
            await app.control.open()
            is_console = verb == "console"  # others may be talking through this one: let them finish
            patience_s = LINGER_S if is_console else HANG_UP_S
            stack.push_async_callback(app.control.close, patience_s=patience_s, for_streams=is_console)
        yield app


def _show_first_code(where: str, code: str) -> None:
    """Show the owner the way in: on the terminal, once, and never in a log."""
    sys.stderr.write(
        f"\nThe chat page: {where}/sign-in#code={code}\n"
        f"Nobody has an account there yet. Its first owner signs in with this one-time code:\n\n    {code}\n\n"
    )
    sys.stderr.flush()


async def _hush(sentence: str) -> None:
    """Tell nobody how far it is."""
