"""Run the adapter against the simulated workspace, without the core behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st

from quarterdeck.core.adapter import PlatformContext
from quarterdeck.core.command import Command
from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.settings.sections import HttpSettings
from quarterdeck.testing.simulator.slack.simulator import SIGNING_SECRET, SlackSimulator
from quarterdeck.web.server import WebServer
from quarterdeck_adapters.slack.adapter import SlackAdapter, build

WAIT_S = 20.0
PIECES = (
    "*_~`>&<|#-+.!()[]{}\\\n\t ",
    "<!channel> <!here> <@U12345678> <#C123|x> <!subteam^S1|@ops> @everyone &lt;!channel&gt;",
    "<https://evil.example|https://good.example> [x](javascript:alert(1)) [a|b](https://e.com/a|b)",
    "```\nfence ``` inside\n``````",
    "| a | b |\n|---|---|\n| 1 | ` | ` |\n",
    "- one\n  - two\n    > three\n1. four\n",
    "👩‍👩‍👧‍👦🏳️‍🌈👍🏽e\u0301",
    "\u202eright to left\u202c שלום",
    "zero\u200bwidth\u200d\u2060\ufeff",
    "\x00\x07\x1b[31m\ud800",
    "\U0001d54f" * 500,
    "word " * 900,
    "x" * 4_000,
    "line\n" * 700,
)
SamplesOfText = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(max_size=60), st.characters()), max_size=12
).map("".join)


class DictMemory:
    """Keep things in a dict; the same one may be given to the next adapter, as after a restart."""

    def __init__(self) -> None:
        self.kept: dict[str, Json] = {}

    async def get(self, name: str) -> Json:
        return self.kept.get(name)

    async def put(self, name: str, value: Json, *, keep_s: float | None = None) -> None:
        self.kept[name] = value

    async def forget(self, name: str) -> None:
        self.kept.pop(name, None)


class SomeCommands:
    """Know /ping, which is light, and /deploy, which is heavy."""

    def all(self) -> tuple[Command, ...]:
        return tuple(self.get(name) for name in ("deploy", "ping"))

    def get(self, name: str) -> Command | None:
        lanes = {"ping": "light", "echo": "light", "deploy": "heavy"}
        if name not in lanes:
            return None
        return Command(name=name, summary=f"Do {name}", handler=_nothing, lane=lanes[name])


async def _nothing(call: object) -> Reply:
    return Reply()


async def no_completion(*_: object) -> list[str]:
    return []


@dataclass
class Bot:
    """Stand for the core: keep what the adapter hands over, answer with `answer` where it is set."""

    simulator: SlackSimulator
    adapter: SlackAdapter
    memory: DictMemory
    events: list[Event] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)
    answer: Callable[[Event], Reply | None] | None = None
    sent: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task] = field(default_factory=set)

    async def accept(self, event: Event) -> bool:
        """Take an event as the inbox does: bots' out, each once, and `failures` first."""
        if event.is_bot:
            return False
        if self.failures:
            raise self.failures.pop(0)
        is_new = event.key not in self.keys
        if is_new:
            self.keys.add(event.key)
            self.events.append(event)
            reply = self.answer(event) if self.answer else None
            if reply is not None:
                task = asyncio.ensure_future(self.send(reply, event.conversation, event.key))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        self.changed.set()
        return is_new

    async def send(self, reply: Reply, to: Conversation, cause: str) -> list[str]:
        """Send a reply as the outbox does, part by part."""
        sent = [
            await self.adapter.send(to, part, f"{cause}#{n}")
            for n, part in enumerate(self.adapter.render(reply), start=1)
        ]
        self.sent += sent
        self.changed.set()
        return sent

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait until something holds, woken by events."""
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                self.changed.clear()
                await self.changed.wait()

    def of(self, kind: type) -> Sequence[Event]:
        """Return the events of one class."""
        return [one for one in self.events if isinstance(one, kind)]


Start = Callable[..., AsyncIterator[Bot]]


def context_of(
    simulator: SlackSimulator, memory: DictMemory, mode: str, **changes: object
) -> PlatformContext:
    """Return the surroundings of an adapter that is connected to the simulator."""
    environment = simulator.environment()
    settings = {
        "bot_token": "SLACK_BOT_TOKEN",
        "app_token": "SLACK_APP_TOKEN" if mode == "socket" else None,
        "signing_secret": "SLACK_SIGNING_SECRET",
        "mode": mode,
        "api_url": environment["QUARTERDECK__PLATFORMS__SLACK__API_URL"],
        "reply_in_ack": True,
    }
    secrets = {"SLACK_SIGNING_SECRET": SIGNING_SECRET, **environment}
    return PlatformContext(
        settings=SimpleNamespace(**{**settings, **changes}),
        secret=lambda name: secrets[name],
        clock=SystemClock(),
        memory=memory,
        commands=SomeCommands(),
        complete=no_completion,
    )


@asynccontextmanager
async def running(
    simulator: SlackSimulator, memory: DictMemory | None = None, *, mode: str = "socket", **changes: object
) -> AsyncIterator[Bot]:
    """Run an adapter until the block ends."""
    memory = memory or DictMemory()
    adapter = build(context_of(simulator, memory, mode, **changes))
    bot = Bot(simulator, adapter, memory)
    server = WebServer(HttpSettings(port=0), adapter.routes()) if mode == "http" else None
    task = asyncio.ensure_future(adapter.run(bot.accept))
    try:
        if server is not None:
            await server.start()
            simulator.connect_http(f"http://127.0.0.1:{server.port}")
        await simulator.ready()
        async with asyncio.timeout(WAIT_S):
            while adapter.link != "receiving" and not task.done():
                await asyncio.sleep(0)
        yield bot
    finally:
        task.cancel()
        await asyncio.gather(task, *bot.tasks, return_exceptions=True)
        if server is not None:
            await server.stop()


@pytest.fixture
async def slack() -> AsyncIterator[SlackSimulator]:
    """Return a workspace."""
    async with SlackSimulator() as simulator:
        yield simulator


@pytest.fixture(params=["socket", "http"])
async def bot(request: pytest.FixtureRequest, slack: SlackSimulator) -> AsyncIterator[Bot]:
    """Return a bot that is connected, by sockets and over HTTP."""
    async with running(slack, mode=request.param) as bot:
        yield bot
