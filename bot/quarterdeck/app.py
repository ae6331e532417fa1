"""Build, wire, run, stop: the one file that knows everyone.

`open_app` builds all parts for a verb of the program. For `run` and `console` it is live: what a stop or a crash
left open goes on, and events are answered. `App.run` adds what only a long-lived process does: the web server,
schedules, backups; what is slow to start (durable engine, vector index) starts behind the first answer.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from zoneinfo import ZoneInfo

from quarterdeck.core.adapter import Adapter
from quarterdeck.core.errors import Denied
from quarterdeck.core.event import Event
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import AccessRequest, Clock, Json, Operation, Progress, Services
from quarterdeck.models.catalog import Catalog
from quarterdeck.models.operations import operations as model_operations
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.operations import KnowledgeOperations
from quarterdeck.router.about import operations as about_operations
from quarterdeck.router.addressing import is_command_line
from quarterdeck.router.catalogue import discover
from quarterdeck.router.deliveries import UNSENT, DeliveryDesk
from quarterdeck.router.drain import drain
from quarterdeck.router.health import BotHealth
from quarterdeck.router.identity import Directory
from quarterdeck.router.inbox import Inbox
from quarterdeck.router.operations import operations as router_operations
from quarterdeck.router.outbox import Outbox
from quarterdeck.router.policy import RolePolicy
from quarterdeck.router.router import Router
from quarterdeck.runtime import metrics
from quarterdeck.runtime.checks import refuse_missing_secrets, startup_findings
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.control import ControlServer
from quarterdeck.runtime.durable import Durable
from quarterdeck.runtime.durable.operations import operations as run_operations
from quarterdeck.runtime.findings import refuse_critical
from quarterdeck.runtime.lock import Lock
from quarterdeck.runtime.logs import watch_loop
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.prompts import read_prompt
from quarterdeck.runtime.redaction import Redactor
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Loaded
from quarterdeck.runtime.tasks import in_thread, supervise, unwrapped
from quarterdeck.runtime.web import Web
from quarterdeck.schedule.digest import ConversationDigests, Sources
from quarterdeck.schedule.operations import ScheduleOperations
from quarterdeck.schedule.orders import Rights, StandingOrders
from quarterdeck.schedule.scheduler import QUEUE, Scheduler
from quarterdeck.store.audit import Audit
from quarterdeck.store.backup import Backups
from quarterdeck.store.decisions import StoredDecisions
from quarterdeck.store.digests import DigestRepository
from quarterdeck.store.engine import Store
from quarterdeck.store.history import StoredHistory
from quarterdeck.store.inbox import StoredInbox
from quarterdeck.store.knowledge import KnowledgeLibrary
from quarterdeck.store.operations import operations as store_operations
from quarterdeck.store.outbox import StoredOutbox
from quarterdeck.store.people import StoredPeople
from quarterdeck.store.schedules import ScheduleRepository
from quarterdeck.store.transcript import Transcript
from quarterdeck.store.usage import StoredUsage
from quarterdeck.store.vault import Vault
from quarterdeck.store.vault_keys import keys_of
from quarterdeck_adapters.console.adapter import ConsoleAdapter
from quarterdeck_adapters.console.operations import ConsoleDoor
from quarterdeck_adapters.console.parse import conversation_of, operating_system_user

LIVE_VERBS = ("run", "console")
HANG_UP_S = 2.0  # what other verbs asked for gets so long when `run` stops
LINGER_S = 30.0  # what other terminals say through a console gets so long when it ends

Work = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class App:
    """Hold all parts of one process. Make it with `open_app`."""

    def __init__(self, loaded: Loaded, store: Store, redactor: Redactor, clock: Clock) -> None:
        self.settings, self.store, self.clock = loaded.settings, store, clock
        self.paths, self._redactor = loaded.settings.paths(), redactor
        self._stopping = asyncio.Event()
        self._build_memory(loaded)
        self._build_minds()
        self._build_doors()
        self._build_schedules()
        self._build_router()
        door = ConsoleDoor(self.console, self.owner, self.paths.files)
        self.control = ControlServer(
            self.paths.control_socket,
            operations={one.name: one for one in (*door.operations(), *self._operations(loaded))},
            streams=door.streams(),
            authorise=self._authorise,
            clean=redactor.clean,
        )

    def _build_memory(self, loaded: Loaded) -> None:
        """Make what remembers: secrets, the record, backups, history, people."""
        store, clock, settings = self.store, self.clock, self.settings
        self.resolver = Resolver(loaded.environ, self._redactor)
        self.audit = Audit(store, clock, self._redactor.clean)
        keys = keys_of(settings.vault.key, self.paths.vault_key, loaded.environ)
        self.vault = Vault(store, keys, clock, self.audit)
        self.backups = Backups(store.path, self.paths.backups, clock=clock, keep=settings.backup.keep)
        self.history = StoredHistory(store)
        self.inbox_rows, self.outbox_rows = StoredInbox(store), StoredOutbox(store, self.audit)
        self.people_rows = StoredPeople(store)
        self.owner, name = operating_system_user()
        owners = {self.owner: name} | dict.fromkeys(map(Identity.parse, settings.access.owners), "")
        self.people = Directory(self.people_rows, owners=owners, default_role=settings.access.default_role)

    def _build_minds(self) -> None:
        """Make what knows and answers: rights, commands, models, documents."""
        self.authoriser = RolePolicy()
        self.commands = discover("quarterdeck.commands", self.paths.user_dir / "commands")
        self.models = ModelRegistry(
            settings=self.settings,
            catalog=Catalog.read(config_dir(), self.paths.user_dir),
            resolver=self.resolver,
            clock=self.clock,
            record=StoredUsage(self.store).record,
        )
        self.knowledge = TeamKnowledge(KnowledgeLibrary(self.store), self.models, self.clock, self.settings)

    def _build_doors(self) -> None:
        """Make the ways out and in: the web, the platforms, the outbox."""
        self.web = Web(self.settings.egress)
        self.console = ConsoleAdapter(Transcript(self.store), self.clock)
        self.adapters: dict[str, Adapter] = {self.console.platform: self.console}
        self.outbox = Outbox(self.outbox_rows, self.adapters, self.clock, clean=self._redactor.clean)
        self.deliveries = DeliveryDesk(self.outbox_rows, self.outbox)
        self.health = BotHealth(
            events=self.inbox_rows.counts,
            replies=self.outbox_rows.counts,
            models=self.models,
            knowledge=self.knowledge,
            platforms=self.adapters,
            clock=self.clock,
        )

    def _build_schedules(self) -> None:
        synchronous = self.settings.durable.synchronous
        self.durable = Durable(self.paths.durable_database, synchronous=synchronous, queues=[QUEUE])
        rows = ScheduleRepository(self.store)
        rights = Rights(commands=self.commands, people=self.people, authoriser=self.authoriser)
        zone = self.settings.schedule.default_timezone
        self.orders = StandingOrders(rows, rights, self._accept, self.clock, timezone=zone)
        self.scheduler = Scheduler(rows, self.durable, self._accept, self.clock)
        self.orders.on_change(self.scheduler.refresh)

    def _build_router(self) -> None:
        self.router = Router(
            rows=self.inbox_rows,
            outbox=self.outbox,
            commands=self.commands,
            people=self.people,
            authoriser=self.authoriser,
            services=self._services(),
            clock=self.clock,
            limits=self.settings.router,
        )
        self.inbox = Inbox(self.inbox_rows, self.router, self.clock, is_command=is_command_line)

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
        routes = health.HealthRoutes(self.health, [self._count_queues]).all()
        web = server.WebServer(self.settings.http, routes)
        await web.start()
        try:
            with unwrapped():
                await self._serve(web.port)
        finally:
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
                platforms = [
                    group.create_task(supervise(adapter.platform, partial(adapter.run, self.inbox.accept)))
                    for adapter in self.adapters.values()
                ]
                await asyncio.sleep(0)  # lets every adapter take its first step: it can accept from here on
                try:
                    yield
                finally:
                    await drain(self.inbox, self.router, self.outbox)
                    for task in platforms:
                        task.cancel()

    def _background(self) -> list[tuple[str, Work]]:
        return [
            ("durable engine", partial(self.durable.serve, self.clock)),
            ("schedules", self.scheduler.serve),
            ("knowledge", self._warm_up),
            ("backups", partial(self.backups.run, self.settings.backup.every_s)),
            ("loop lag", partial(metrics.watch_loop_lag, self.clock)),
        ]

    def _services(self) -> Services:
        sources = Sources(
            history=self.history,
            rows=DigestRepository(self.store),
            models=self.models,
            people=self.people,
            clock=self.clock,
        )
        return Services(
            clock=self.clock,
            models=self.models,
            knowledge=self.knowledge,
            schedules=self.orders,
            digests=ConversationDigests(
                sources,
                prompt=read_prompt("digest", self.paths.user_dir),
                is_command=is_command_line,
                zone=ZoneInfo(self.settings.schedule.default_timezone),
            ),
            history=self.history,
            deliveries=self.deliveries,
            health=self.health,
            commands=self.commands,
            authoriser=self.authoriser,
            decisions=StoredDecisions(self.store),
            web=self.web,
        )

    def _operations(self, loaded: Loaded) -> Iterator[Operation]:
        yield from about_operations(self.commands, self.health)
        yield from router_operations(
            people=self.people_rows,
            deliveries=self.deliveries,
            record=self.audit,
            cancel=self.router.cancel,
            clock=self.clock,
        )
        yield from ScheduleOperations(
            self.orders,
            find=self.history.conversation,
            owner=self.owner,
            home=conversation_of("", self.owner),
        ).all()
        yield from run_operations(self.durable)
        yield from model_operations(self.models, self.clock, loaded.environ)
        yield from KnowledgeOperations(self.knowledge).all()
        yield from store_operations(
            vault=self.vault, audit=self.audit, backups=self.backups, resolver=self.resolver
        )

    async def _warm_up(self) -> None:
        """Start the vector index where there is something to search, so that the first question need not wait."""
        if (await self.knowledge.counts())["chunks"]:
            self.knowledge.vectors.warm()

    async def _accept(self, event: Event) -> bool:
        return await self.inbox.accept(event)

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
        for part in (app.knowledge, app.models, app.durable, app.web):
            stack.push_async_callback(part.close)
        problems = await app.offer_secrets()
        if verb in LIVE_VERBS:
            refuse_missing_secrets(loaded, app.resolver, problems)
            await stack.enter_async_context(app.live())
            await app.control.open()
            is_console = verb == "console"  # others may be talking through this one: let them finish
            patience_s = LINGER_S if is_console else HANG_UP_S
            stack.push_async_callback(app.control.close, patience_s=patience_s, for_streams=is_console)
        yield app


async def _hush(sentence: str) -> None:
    """Tell nobody how far it is."""
