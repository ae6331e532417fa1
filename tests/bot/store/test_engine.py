"""Prove the promises of the one writer: groups, order, one guilty job only."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from tests.bot.store.jobs import names, put

from quarterdeck.core.errors import Busy, NotFound, Unavailable
from quarterdeck.store import engine, facts
from quarterdeck.store.database.errors import (
    StorageRefused,
    StorageTooSlow,
    StorageUnusable,
)
from quarterdeck.store.engine import Store


class Commits:
    """Count the commits of every engine while it is used."""

    def __enter__(self):
        self.count = 0
        event.listen(Engine, "commit", self._seen)
        return self

    def __exit__(self, *_error):
        event.remove(Engine, "commit", self._seen)

    def _seen(self, _connection):
        self.count += 1


async def test_64_writers_share_commits_and_lose_nothing(store: Store) -> None:
    """A disk flush a row would hold everybody up; this is why there is one writer."""

    async def writer(n: int) -> None:
        for i in range(25):
            await store.write("facts.changed", put(f"{n:02}-{i:02}"))

    with Commits() as commits:
        await asyncio.gather(*(writer(n) for n in range(64)))
    found = await store.read(names)

    assert sorted(f"{n:02}-{i:02}" for n in range(64) for i in range(25)) == found
    assert commits.count <= 64 * 25 / 4


async def test_what_queues_up_meanwhile_is_one_commit(store: Store, together) -> None:
    """The next group is whatever came while the last one was being flushed."""
    with Commits() as commits:
        results = await together(*(put(f"{n:03}") for n in range(200)))

    assert ([1] * 200, 2) == (results, commits.count)  # the one that held the writer up, and the group


async def test_under_load_a_group_waits_a_moment_for_company(
    store: Store, together, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit costs what six commands do; alone, nobody waits."""
    has_begun, may_go_on, pauses_s = threading.Event(), threading.Event(), list[float]()

    def pause(seconds: float) -> None:
        pauses_s.append(seconds)
        has_begun.set()
        may_go_on.wait(30)

    monkeypatch.setattr(engine, "sleep", pause)
    monkeypatch.setattr(engine, "GATHER_SHARE", 1e9)  # whatever the disk takes here, it is the longest pause
    await together(*(put(f"{n}") for n in range(engine.BUSY_GROUP)))
    with Commits() as commits:
        first = store.submit("facts.changed", put("first"))
        await asyncio.to_thread(has_begun.wait, 30)
        second = store.submit("facts.changed", put("second"))
        may_go_on.set()
        await asyncio.gather(first, second)
    await store.write("facts.changed", put("alone"))

    assert (1, [engine.GATHER_LIMIT_S]) == (commits.count, pauses_s)


async def test_a_group_is_bounded(store: Store, together, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of ten thousand must not wait for the last one's statements."""
    monkeypatch.setattr(engine, "GROUP_LIMIT", 10)
    with Commits() as commits:
        await together(*(put(f"{n:03}") for n in range(95)))

    assert 1 + 10 == commits.count


async def test_jobs_run_in_the_order_of_the_calls(store: Store, together) -> None:
    """An edit must not reach the database before its message."""
    seen: list[int] = []
    await together(*((lambda _connection, n=n: seen.append(n)) for n in range(100)))

    assert list(range(100)) == seen


async def test_one_failing_job_fails_alone(store: Store, together) -> None:
    """The neighbours' rows are kept in one commit; nothing of the guilty one is, not even its first statement."""

    def guilty(connection):
        put("half")(connection)
        raise NotFound("no such thing")

    with Commits() as commits:
        results = await together(put("a"), guilty, put("b"), put("a"), put("c"))
    found = await store.read(names)

    assert [1, NotFound, 1, StorageRefused, 1] == [r if r == 1 else type(r) for r in results]
    assert (["a", "b", "c"], 2) == (found, commits.count)


async def test_a_refused_statement_does_not_tell_its_values(store: Store) -> None:
    """What is bound to a statement may be a message or a key, and errors are logged."""
    await store.write("facts.changed", put("name", "canary-5f2a"))
    with pytest.raises(StorageRefused) as refused:
        await store.write("facts.changed", put("name", "canary-5f2a"))

    assert "canary" not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"
    assert "UNIQUE constraint failed: facts.name" in refused.value.message


async def test_a_cancelled_waiter_takes_nobody_with_it(store: Store) -> None:
    """A connection that closes cancels its handlers; what they queued is carried out, and so is the rest."""
    go = threading.Event()
    held = asyncio.create_task(store.write("facts.changed", lambda _connection: go.wait(30)))
    tasks = [asyncio.create_task(store.write("facts.changed", put(f"{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    held.cancel()
    await asyncio.sleep(0)
    go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [1, 1, asyncio.CancelledError, 1, 1] == [r if r == 1 else type(r) for r in results]
    assert ["0", "1", "2", "3", "4"] == await store.read(names)


async def test_a_full_queue_says_so_and_takes_work_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded, and whoever is refused hears it at once."""
    monkeypatch.setattr(engine, "QUEUE_LIMIT", 3)
    go, started = threading.Event(), threading.Event()

    def hold(_connection):
        started.set()
        return go.wait(30)

    held = asyncio.create_task(store.write("facts.changed", hold))
    while not started.is_set():
        await asyncio.sleep(0)
    tasks = [asyncio.create_task(store.write("facts.changed", put(f"{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await store.write("facts.changed", put("too much"))
    go.set()
    await asyncio.gather(held, *tasks)
    await store.write("facts.changed", put("later"))

    assert ["0", "1", "2", "later"] == await store.read(names)


async def test_a_read_sees_what_was_written_before_it(store: Store) -> None:
    """Readers have connections of their own; an answer must show what its asker just did."""
    for n in range(50):
        await store.write("facts.changed", lambda connection, n=n: facts.set_in(connection, "n", str(n)))
        assert str(n) == await store.read(lambda connection: facts.get_in(connection, "n"))


async def test_a_read_cannot_write(store: Store) -> None:
    """Everything that changes the truth goes through the one writer."""
    with pytest.raises(StorageUnusable):
        await store.read(put("x"))

    assert [] == await store.read(names)


async def test_a_read_without_end_is_stopped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that stays keeps the write-ahead log growing until the disk is full."""
    monkeypatch.setattr(engine, "READ_LIMIT_S", 0.05)
    store = await Store.open(path)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(StorageTooSlow):
        await store.read(lambda connection: connection.execute(text(endless)).scalar())
    found = await store.read(lambda connection: connection.execute(text("SELECT 7")).scalar())
    await store.close()

    assert 7 == found


async def test_closing_writes_what_is_queued(path: Path) -> None:
    """SIGTERM drains: what was handed over is on disk when the process ends."""
    store = await Store.open(path)
    tasks = [asyncio.create_task(store.write("facts.changed", put(f"{n:03}"))) for n in range(300)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)
    with pytest.raises(Unavailable):
        await store.write("facts.changed", put("late"))
    with pytest.raises(Unavailable):
        await store.read(names)
    files = [file.name for file in path.parent.iterdir()]
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT count(*) FROM facts").fetchone()
    connection.close()

    assert ((300,), [path.name]) == (found, files)


async def test_the_connections_are_set_up_safely(store: Store) -> None:
    """FULL is what makes an acknowledged event outlast a power cut; the rest keeps the file whole."""
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "busy_timeout": 30_000,
        "cell_size_check": 1,
    }

    def settings(connection):
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}

    writing = await store.write("facts.changed", settings)
    reading = await store.read(settings)

    assert (wanted, wanted) == (writing, reading)
    assert 1 == await store.read(lambda connection: connection.exec_driver_sql("PRAGMA query_only").scalar())


async def test_the_files_are_closed_to_other_users(store: Store, path: Path) -> None:
    """They hold what people said."""
    await store.write("facts.changed", put("x"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert {0o600} == set(modes.values())
    assert {"quarterdeck.db", "quarterdeck.db-wal"} <= set(modes)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)


def test_opening_a_store_stays_quick_to_import(tmp_path: Path) -> None:
    """Alembic takes 0.7 s and the asynchronous half of SQLAlchemy 0.2 s: neither is on the way to the first answer."""
    program = (
        "import asyncio, sys\n"
        "from quarterdeck.store.engine import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1])\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
        "print([name for name in ('alembic', 'sqlalchemy.ext.asyncio', 'keyring') if name in sys.modules])\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "q.db"], capture_output=True, text=True, timeout=60
    )

    assert ("[]\n", "") == (child.stdout, child.stderr)
