"""Run actions against what they use in the bot: the store, the outbox, the guarded client, the model registry."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from quarterdeck.core.action import ActionCall
from quarterdeck.core.adapter import Ability, Adapter
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Clock, Json, Services
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.router.delivery.deliveries import DeliveryDesk
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.delivery.reactions import Reactions
from quarterdeck.router.policy import Authority
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.network.web import Web
from quarterdeck.runtime.network.webhooks import PLATFORM, WebhookDoor
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.store.conversations.history import StoredHistory
from quarterdeck.store.delivery.outbox import StoredOutbox
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.testing.platform import FakePlatform
from quarterdeck_workflows.actions.kit.perform import perform
from quarterdeck_workflows.actions.kit.registry import discover

PUBLIC = (
    "127.0.0.2"  # stands for the public internet; 127.0.0.1 must not be reached through the guarded client
)
ACTIONS = discover()
OPERATOR = Person(id="p1", name="Anna", role="operator")


class Platform(FakePlatform):
    """Be a platform that knows reactions."""

    def __init__(self) -> None:
        super().__init__(abilities=(Ability.EDIT, Ability.REACTIONS, Ability.FILES))
        self.reactions: list[tuple[str, str]] = []

    async def react(self, to: Conversation, message_id: str, emoji: str) -> None:
        """Keep it."""
        self.reactions.append((message_id, emoji))


class Bench:
    """Hold the parts of a bot that actions use, and do actions with them."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        settings: Mapping[str, Any],
        environ: Mapping[str, str],
        clock: Clock,
    ):
        self.store, self.folder, self.clock = store, folder, clock
        self.settings = Settings.model_validate(settings)
        self.redactor = Redactor()
        self.resolver = Resolver(environ, self.redactor)
        self.audit = Audit(store, clock, self.redactor.clean)
        self.history, self.rows = StoredHistory(store), StoredOutbox(store, self.audit)
        self.platform = Platform()
        self.web = Web(self.settings.egress, self.resolver.get)
        adapters: dict[str, Adapter] = {"fake": self.platform, PLATFORM: WebhookDoor(self.web, clock)}
        self.outbox = Outbox(self.rows, adapters, clock, clean=self.redactor.clean)
        self.deliveries = DeliveryDesk(self.rows, self.outbox)
        self.reactions = Reactions(self.outbox, self.rows, clock)
        self.authoriser = Authority()
        self.usage: list[Any] = []
        self.models = ModelRegistry(
            settings=self.settings,
            catalog=Catalog.read(config_dir()),
            resolver=self.resolver,
            clock=SystemClock(),
            record=self._record,
        )
        self.media_folders = self.settings.media.folders
        self.workflows: Any = None
        self.told: list[str] = []
        self.person = OPERATOR
        self.knowledge: Any = SimpleNamespace()
        self.schedules: Any = SimpleNamespace()
        self.images: Any = SimpleNamespace()

    async def do(self, action: str, key: str = "run-1/0", **given: Json) -> Any:
        """Do one action for Anna and return its result."""
        return await perform(ACTIONS.find(action), self.call(key, **given))

    def call(self, key: str = "run-1/0", **given: Json) -> ActionCall:
        """Return what an action is handed."""
        return ActionCall(
            input=given,
            key=key,
            run_id="run-1",
            workflow="test",
            person=self.person,
            identity=Identity(platform="fake", user_id="U1"),
            conversation=self.platform.conversation(),
            folder=self.folder,
            services=cast("Services", self),
            progress=self._tell,
        )

    async def _tell(self, sentence: str) -> None:
        self.told.append(sentence)

    async def _record(self, row: Any) -> None:
        self.usage.append(row)

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """Send what is queued while the block runs."""
        async with asyncio.TaskGroup() as group:
            self.outbox.lanes.start(group)
            yield
            self.outbox.lanes.cancel()

    async def settled(self) -> None:
        """Return once everything that can be sent is sent."""
        async with asyncio.timeout(30):
            await self.outbox.lanes.drained()

    async def close(self) -> None:
        """Close what is open."""
        await self.web.close()
        await self.models.close()


MakeBench = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def make_bench(tmp_path: Path) -> AsyncIterator[MakeBench]:
    """Return the function that wires a bench; `settings` are the bot's, in short form."""
    async with AsyncExitStack() as stack:

        async def make(
            settings: Mapping[str, Any] | None = None,
            environ: Mapping[str, str] | None = None,
            clock: Clock | None = None,
            egress: Mapping[str, Any] | None = None,
        ) -> Bench:
            web_settings = {
                "allow_private": [f"{PUBLIC}/32"],
                "allow_http": True,
                "timeout_s": 5.0,
                **(egress or {}),
            }
            store = await Store.open(tmp_path / "quarterdeck.db")
            stack.push_async_callback(store.close)
            whole = {"egress": web_settings, "models": {"discover": False}, **(settings or {})}
            bench = Bench(store, tmp_path / "run", whole, environ or {}, clock or SystemClock())
            stack.push_async_callback(bench.close)
            return bench

        yield make


@pytest.fixture
async def bench(make_bench: MakeBench) -> AsyncIterator[Bench]:
    """Return a bench whose outbox sends."""
    bench = await make_bench()
    async with bench.live():
        yield bench


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """Be a real server, and keep what it was asked."""

    host: str = PUBLIC
    port: int = 0
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        """Return an address of this server."""
        return f"http://{self.host}:{self.port}{path}"


Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Return the function that starts a server; all stop with the test."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler, host: str = PUBLIC) -> Server:
            server = Server(host)

            async def noted(request: web.Request) -> web.StreamResponse:
                server.requests.append(request)
                server.bodies.append(await request.read())
                return await handler(request)

            app = web.Application(client_max_size=64 * 1024 * 1024)
            app.router.add_route("*", "/{path:.*}", noted)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, host, 0).start()
            server.port = runner.addresses[0][1]
            return server

        yield start


Say = Callable[[Mapping[str, Any]], str]


class FakeModel:
    """Be a model server that says what `say` makes of each request, over the OpenAI wire format."""

    def __init__(self, server: Server, say: list[Say]) -> None:
        self.server, self._say = server, say

    @property
    def asked(self) -> list[Any]:
        """Return the body of each question."""
        return [json.loads(body) for body in self.server.bodies if body]

    def settings(self) -> dict[str, Any]:
        """Return the settings that let a bot use this model and no other."""
        row = {"base_url": self.server.url("/v1"), "models": ["scripted"]}
        roles = {role: ["lmstudio/scripted"] for role in ("chat", "fast", "vision")}
        return {"providers": {"lmstudio": row}, "models": {"discover": False, "roles": roles}}

    def answers(self, say: Say) -> None:
        """Answer otherwise from now on."""
        self._say[:] = [say]


@pytest.fixture
async def model(serve: Serve) -> FakeModel:
    """Return a model that answers `yes` until it is told otherwise."""
    say: list[Say] = [lambda asked: "yes"]

    async def complete(request: web.Request) -> web.StreamResponse:
        words = say[0](json.loads(await request.read()))
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
        delta = {"index": 0, "delta": {"role": "assistant", "content": words}, "finish_reason": None}
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        used = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        events = [
            {**chunk, "choices": [delta]},
            {**chunk, "choices": [end]},
            {**chunk, "choices": [], "usage": used},
        ]
        lines = [*(json.dumps(one) for one in events), "[DONE]"]
        return web.Response(
            text="".join(f"data: {line}\n\n" for line in lines), content_type="text/event-stream"
        )

    return FakeModel(await serve(complete, "127.0.0.1"), say)
