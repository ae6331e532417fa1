"""Run the real router, inbox and outbox on a real database, with a platform that a test controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quarterdeck.core.adapter import Ability, Adapter
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, Services
from quarterdeck.core.reply import Reply
from quarterdeck.core.roles import Roles
from quarterdeck.router.addressing import is_command_line
from quarterdeck.router.approvals.desk import ApprovalDesk
from quarterdeck.router.command.catalogue import Catalogue
from quarterdeck.router.command.cooldown import Cooldowns
from quarterdeck.router.delivery.deliveries import DeliveryDesk
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.forms.forms import Forms
from quarterdeck.router.inbox import Inbox
from quarterdeck.router.intake import Intake
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.people.linking import LinkDesk
from quarterdeck.router.policy import Authority
from quarterdeck.router.router import Router
from quarterdeck.runtime import faults
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.store.conversations.forms import StoredForms
from quarterdeck.store.conversations.history import StoredHistory
from quarterdeck.store.delivery.inbox import StoredInbox
from quarterdeck.store.delivery.outbox import StoredOutbox
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.ledger.decisions import StoredDecisions
from quarterdeck.store.people.addresses import StoredAddresses
from quarterdeck.store.people.links import StoredLinks
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.store.work.approvals import StoredApprovals
from quarterdeck.testing.platform import FakePlatform

OWNER = Identity(platform="fake", user_id="U1")


@dataclass
class Limits:
    """Be the section `router` of the settings."""

    queue_limit: int = 100
    total_limit: int = 10_000
    heavy_concurrency: int = 8


async def _ping(call: Call) -> Reply:
    return Reply(text="Pong.")


async def _echo(call: Call) -> Reply:
    return Reply(text=call.text("text"))


async def _chat(call: Call) -> Reply:
    return Reply(text=f"chat: {call.text('text')}")


TEXT = Option(name="text", summary="Anything", kind="text", required=True, positional=True, rest=True)
BASIC = (
    Command(name="ping", summary="Say pong", handler=_ping, lane="light"),
    Command(name="echo", summary="Say it again", handler=_echo, lane="light", options=(TEXT,)),
    Command(name="chat", summary="Talk", handler=_chat, options=(TEXT,), allow="operator"),
)


class Bot:
    """Hold the wired parts; `live` lets them work."""

    def __init__(
        self,
        store: Store,
        platform: FakePlatform,
        commands: Iterable[Command],
        clock: Clock,
        limits: Limits,
        clean: Callable[[str], str],
    ) -> None:
        self.store, self.platform, self.clock = store, platform, clock
        self.runs = None
        self.audit = Audit(store, clock, clean)
        self.inbox_rows, self.outbox_rows = StoredInbox(store), StoredOutbox(store, self.audit)
        self.people_rows = StoredPeople(store)
        self.people = Directory(self.people_rows, owners={OWNER: ""})
        self.commands = Catalogue([*BASIC, *commands])
        self.authoriser = Authority()
        self.history, self.decisions = StoredHistory(store), StoredDecisions(store)
        self.adapters: dict[str, Adapter] = {platform.platform: platform}
        self.outbox = Outbox(self.outbox_rows, self.adapters, clock, clean=clean)
        self.deliveries = DeliveryDesk(self.outbox_rows, self.outbox)
        self.linking = LinkDesk(
            StoredLinks(self.people_rows, self.audit, Roles().higher),
            self.people_rows,
            StoredAddresses(store, self.people_rows, self.audit, Roles().higher),
            outbox=self.outbox,
            adapters=self.adapters,
            record=self.audit,
            clock=clock,
        )
        self.approvals = ApprovalDesk(
            StoredApprovals(store),
            people=self.people,
            outbox=self.outbox,
            record=self.audit,
            accept=lambda event: self.inbox.accept(event),
            clock=clock,
        )
        self.router = Router(
            approvals=self.approvals,
            rows=self.inbox_rows,
            outbox=self.outbox,
            intake=Intake(
                commands=self.commands,
                forms=Forms(StoredForms(store), self.commands, clock),
                cooldowns=Cooldowns(clock),
                clock=clock,
                adapter=self.outbox.adapter,
            ),
            commands=self.commands,
            people=self.people,
            authoriser=self.authoriser,
            services=cast("Services", self),
            clock=clock,
            limits=limits,
        )
        self.inbox = Inbox(self.inbox_rows, self.router, clock, is_command=is_command_line)
        self.health = SimpleNamespace(facts=self._facts)

    @asynccontextmanager
    async def live(self) -> AsyncIterator[None]:
        """Answer events while the block runs."""
        await self.outbox.resume()
        await self.inbox.resume()
        async with asyncio.TaskGroup() as group:
            self.outbox.lanes.start(group)
            self.router.lanes.start(group)
            yield
            self.router.lanes.cancel()
            self.outbox.lanes.cancel()

    async def settled(self) -> None:
        """Return once every event is answered and every answer sent."""
        async with asyncio.timeout(30):
            await self.router.lanes.drained()
            await self.outbox.lanes.drained()

    async def say(self, text: str, **options: Any) -> None:
        """Write one message and wait for its answer."""
        await self.post(text, **options)
        await self.settled()

    async def post(self, text: str, **options: Any) -> bool:
        """Deliver one message."""
        event_id = options.pop("event_id", None) or f"e{next(_numbers)}"
        return await self.inbox.accept(self.platform.posted(text, event_id=event_id, **options))

    async def ask(self, text: str, **options: Any) -> str:
        """Write one message and return the answer."""
        before = len(self.platform.sent)
        await self.say(text, **options)
        return "\n".join(self.platform.texts()[before:])

    async def states(self) -> list[str]:
        """Return the state of every outgoing part, oldest first."""
        return [row.state for row in reversed(await self.outbox_rows.deliveries(limit=100_000))]

    async def _facts(self) -> dict[str, object]:
        return {"database": "ok"}


_numbers = iter(range(1_000_000_000))
MakeBot = Callable[..., Bot]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a fresh store."""
    store = await Store.open(tmp_path / "quarterdeck.db")
    yield store
    await store.close()


@pytest.fixture
def make_bot(store: Store) -> MakeBot:
    """Return the function that wires a bot."""

    def make(
        commands: Sequence[Command] = (),
        *,
        platform: FakePlatform | None = None,
        abilities: Collection[Ability] = (),
        clock: Clock | None = None,
        limits: Limits | None = None,
        clean: Callable[[str], str] = lambda text: text,
    ) -> Bot:
        platform = platform or FakePlatform(abilities=abilities)
        return Bot(store, platform, commands, clock or SystemClock(), limits or Limits(), clean)

    return make


@pytest.fixture
async def bot(make_bot: MakeBot) -> AsyncIterator[Bot]:
    """Return a live bot with `/ping`, `/echo` and `/chat`; U1 is its owner."""
    bot = make_bot()
    async with bot.live():
        yield bot


@pytest.fixture
def armed() -> Iterable[Callable[[str], None]]:
    """Arm a fault for this test only."""
    yield lambda text: faults.arm(text, testing=True)
    faults.arm("", testing=True)
