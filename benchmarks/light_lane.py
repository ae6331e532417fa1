"""Commands a second through the light lane, with everything on disk, against what disk and loop allow.

A light command is an event in, a decision, an answer out; inbox, outbox, audit and history rows are flushed to disk
(SQLite, WAL, synchronous=FULL) before anything is acknowledged or sent.

  quarterdeck      the real inbox, router, role policy, outbox and store; the platform is a function call
  dictionary lane  a baseline that keeps nothing: order per conversation and duplicates in dictionaries
  commit per row   a baseline that stores the same rows, each in a commit of its own, as most bots would

Two phases a round: closed loop (so many in flight, as fast as it goes), then open loop (so many a second, latency
from the moment each was due).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from measure import Figures, arguments, in_turn, percentile, report

from quarterdeck.commands.echo import COMMAND as ECHO
from quarterdeck.commands.ping import COMMAND as PING
from quarterdeck.core.adapter import Ability, Pace, Rendered
from quarterdeck.core.event import Posted
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.router.command.catalogue import Catalogue
from quarterdeck.router.command.cooldown import Cooldowns
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.forms.forms import Forms
from quarterdeck.router.inbox import Inbox
from quarterdeck.router.intake import Intake
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.policy import Authority
from quarterdeck.router.router import Router
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.settings.sections import RouterSettings
from quarterdeck.store.conversations.forms import StoredForms
from quarterdeck.store.delivery.inbox import StoredInbox
from quarterdeck.store.delivery.outbox import StoredOutbox
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.people import StoredPeople

CONVERSATIONS = 50
OWNER = Identity(platform="bench", user_id="1")

Ask = Callable[[int], Awaitable[None]]
"""Send command number n and return when its answer has gone out."""

Lane = Callable[[Path], AbstractAsyncContextManager[Ask]]


class Bench:
    """Be a platform whose wire is a function call: an answer resolves whoever waits for it."""

    platform = "bench"
    abilities = frozenset({Ability.IDEMPOTENT})
    pace = Pace()

    def __init__(self) -> None:
        self.answers: dict[str, asyncio.Future[None]] = {}

    def render(self, reply: Reply) -> list[Rendered]:
        """Write the text as it is."""
        return [Rendered(text=reply.text, body={"text": reply.text})]

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Hand the answer over."""
        self.answers.pop(part.text).set_result(None)
        return key

    async def run(self, accept: object) -> None:
        """Have no connection."""


@asynccontextmanager
async def quarterdeck(folder: Path) -> AsyncIterator[Ask]:
    """Build the real path."""
    clock, platform = SystemClock(), Bench()
    store = await Store.open(folder / "quarterdeck.db", synchronous="FULL")
    rows = StoredInbox(store)
    outbox = Outbox(
        StoredOutbox(store, Audit(store, clock, Redactor().clean)),
        {"bench": platform},
        clock,
        clean=Redactor().clean,
    )
    commands = Catalogue([ECHO, PING])
    router = Router(
        rows=rows,
        outbox=outbox,
        intake=Intake(
            commands=commands,
            forms=Forms(StoredForms(store), commands, clock),
            cooldowns=Cooldowns(clock),
            clock=clock,
            adapter=outbox.adapter,
        ),
        commands=commands,
        people=Directory(StoredPeople(store), owners={OWNER: ""}),
        authoriser=Authority(),
        services=None,  # type: ignore[arg-type]  # /echo uses none
        clock=clock,
        limits=RouterSettings(),
    )
    inbox = Inbox(rows, router, clock, is_command=lambda text: text.startswith("/"))

    async def ask(n: int) -> None:
        text = f"hello {n}"
        answer = platform.answers[text] = asyncio.get_running_loop().create_future()
        await inbox.accept(posted(n, f"/echo {text}"))
        await answer

    async with asyncio.TaskGroup() as group:
        router.lanes.start(group)
        outbox.lanes.start(group)
        yield ask
        await router.lanes.drained()
        await outbox.lanes.drained()
    await store.close()


def posted(n: int, text: str) -> Posted:
    """Return the event of message `n`."""
    now = datetime.now(UTC)
    conversation = Conversation(id=f"bench:{n % CONVERSATIONS}", platform="bench")
    return Posted(
        id=str(n),
        platform="bench",
        received_at=now,
        conversation=conversation,
        actor=OWNER,
        message=Message(id=str(n), conversation=conversation, author=OWNER, text=text, sent_at=now),
    )


@asynccontextmanager
async def dictionary_lane(folder: Path) -> AsyncIterator[Ask]:
    """Keep order and duplicates in memory and nothing on disk: what the loop itself costs."""
    seen: set[str] = set()
    lanes: dict[str, deque[tuple[str, asyncio.Future[None]]]] = {}
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def work(key: str) -> None:
        lane = lanes[key]
        while lane:
            text, answer = lane.popleft()
            name, _, rest = text[1:].partition(" ")
            if name == "echo":
                json.dumps({"text": rest})
                answer.set_result(None)
        del lanes[key]

    async def ask(n: int) -> None:
        if str(n) in seen:
            return
        seen.add(str(n))
        key = f"bench:{n % CONVERSATIONS}"
        answer: asyncio.Future[None] = loop.create_future()
        item = (f"/echo hello {n}", answer)
        if key in lanes:
            lanes[key].append(item)
        else:
            lanes[key] = deque([item])
            task = loop.create_task(work(key))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await answer

    yield ask


SCHEMA = """
create table inbox (seq integer primary key, event_id text unique, body text, state text);
create table audit (seq integer primary key, detail text);
create table outbox (seq integer primary key, id text unique, body text, state text);
create table messages (seq integer primary key, id text unique, body text);
"""


@asynccontextmanager
async def commit_per_row(folder: Path) -> AsyncIterator[Ask]:
    """Store the same rows with plain sqlite3 in a thread, each committed by itself."""
    executor = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()

    def open_database() -> sqlite3.Connection:
        database = sqlite3.connect(folder / "rows.db", isolation_level=None)
        database.executescript("pragma journal_mode=wal; pragma synchronous=full;" + SCHEMA)
        return database

    database = await loop.run_in_executor(executor, open_database)

    async def write(statement: str, *values: object) -> None:
        await loop.run_in_executor(executor, database.execute, statement, values)

    async def ask(n: int) -> None:
        body = json.dumps({"text": f"/echo hello {n}"})
        await write("insert or ignore into inbox (event_id, body, state) values (?, ?, 'new')", n, body)
        await write("insert into audit (detail) values (?)", body)
        await write("insert into outbox (id, body, state) values (?, ?, 'sending')", n, body)
        await write("update inbox set state = 'done' where event_id = ?", n)
        await write("update outbox set state = 'sent' where id = ?", n)
        await write("insert into messages (id, body) values (?, ?)", n, body)

    try:
        yield ask
    finally:
        await loop.run_in_executor(executor, database.close)
        executor.shutdown()


async def closed_loop(ask: Ask, numbers: itertools.count[int], commands: int, in_flight: int) -> Figures:
    """Keep `in_flight` commands under way until `commands` are answered."""
    left = iter(range(commands))

    async def client() -> None:
        for _ in left:
            await ask(next(numbers))

    started_s, cpu_s = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(client())
    took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
    return {"commands_per_s": commands / took_s, "commands_per_cpu_s": commands / cpu_s}


async def open_loop(ask: Ask, numbers: itertools.count[int], rate: float, seconds: float) -> Figures:
    """Send `rate` commands a second, whether or not answers keep up; latency counts from when each was due."""
    latencies_ms: list[float] = []

    async def one(due_s: float) -> None:
        await ask(next(numbers))
        latencies_ms.append((time.perf_counter() - due_s) * 1000)

    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for n in range(int(rate * seconds)):
            due_s = started_s + n / rate
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            group.create_task(one(due_s))
    return {"p50_ms": percentile(latencies_ms, 0.5), "p99_ms": percentile(latencies_ms, 0.99)}


async def one_round(
    lane: Lane, folder: str | None, commands: int, in_flight: int, rate: float, seconds: float
) -> Figures:
    """Measure one variant on a database of its own."""
    numbers = itertools.count()
    with tempfile.TemporaryDirectory(dir=folder) as home:
        async with lane(Path(home)) as ask:
            await closed_loop(ask, numbers, min(500, commands), in_flight)
            closed = await closed_loop(ask, numbers, commands, in_flight)
            return {**closed, **await open_loop(ask, numbers, rate, seconds)}


def main() -> None:
    """Measure and report."""
    parser = arguments(__doc__.splitlines()[0], rounds=5)
    parser.add_argument(
        "--commands", type=int, default=5000, help="commands of the closed loop (default 5000)"
    )
    parser.add_argument("--in-flight", type=int, default=64, help="commands under way at once (default 64)")
    parser.add_argument(
        "--rate", type=float, default=200.0, help="commands a second, open loop (default 200)"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="length of the open loop (default 3)")
    parser.add_argument("--folder", help="folder on the disk to measure (default: the temporary one)")
    options = parser.parse_args()

    def variant(lane: Lane) -> Callable[[], Figures]:
        return lambda: run(
            one_round(
                lane, options.folder, options.commands, options.in_flight, options.rate, options.seconds
            )
        )

    lanes: dict[str, Lane] = {
        "quarterdeck": quarterdeck,
        "dictionary lane": dictionary_lane,
        "commit per row": commit_per_row,
    }
    found = in_turn(
        {name: variant(lane) for name, lane in lanes.items()}, options.rounds, is_quiet=options.only_json
    )
    report(
        "Light lane",
        found,
        baselines=["dictionary lane", "commit per row"],
        settings=vars(options),
        is_only_json=options.only_json,
    )


def run(measuring: Awaitable[Figures]) -> Figures:
    """Run on uvloop where it is there, as the bot does."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.run(measuring)  # type: ignore[arg-type]
    return asyncio.run(measuring)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
