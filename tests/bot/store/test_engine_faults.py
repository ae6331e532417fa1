"""Prove that locks, full disks and kills lose nothing that was acknowledged."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.bot.store.jobs import names, put

from quarterdeck.runtime import faults
from quarterdeck.store import engine
from quarterdeck.store.database.errors import StorageBusy, StorageFull
from quarterdeck.store.engine import Store


async def test_a_disk_that_hangs_does_not_keep_the_process_from_ending(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A network disk that is gone: stop must be possible, and say what it cost."""
    monkeypatch.setattr(engine, "CLOSE_LIMIT_S", 0.05)
    store = await Store.open(path)
    go = threading.Event()
    held = asyncio.create_task(store.write("facts.changed", lambda _connection: go.wait(30)))
    await asyncio.sleep(0)
    await store.close()
    said = [record.message for record in caplog.records]
    go.set()
    await held

    assert ["The disk does not answer; what was queued is lost"] == said


async def test_a_locked_database_is_waited_for_within_bounds(store: Store, path: Path) -> None:
    """Somebody opened the file in a browser: writes fail with a sentence, and go on when it is let go."""
    await store.write(
        "facts.changed", lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    )
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(
        *(store.write("facts.changed", put(f"{n}")) for n in range(20)), return_exceptions=True
    )
    other.execute("ROLLBACK")
    other.close()
    await store.write("facts.changed", put("after"))

    assert {StorageBusy} == {type(result) for result in results}
    assert ["after"] == await store.read(names)


async def test_a_lock_that_is_let_go_in_time_is_not_noticed(store: Store, path: Path) -> None:
    """A backup program holds the file for a second: nobody must see an error."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
    timer.start()
    result = await store.write("facts.changed", put("waited"))
    timer.join()
    other.close()

    assert 1 == result


@pytest.mark.parametrize("room_pages", range(0, 20, 4))
async def test_a_full_disk_fails_writes_and_heals(
    store: Store, together, path: Path, room_pages: int
) -> None:
    """Nothing corrupts, what fits is written, and with space work goes on by itself."""
    pages = await store.read(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar())
    cap = f"PRAGMA max_page_count = {pages + room_pages}"
    await store.write("facts.changed", lambda connection: connection.exec_driver_sql(cap))
    large = [put(f"large-{n}", "x" * 20_000) for n in range(20)]
    results = await together(put("small"), *large)
    failures = [result for result in results if result != 1]
    lift = "PRAGMA max_page_count = 1000000"
    await store.write("facts.changed", lambda connection: connection.exec_driver_sql(lift))
    await store.write("facts.changed", put("healed", "x" * 20_000))
    check = await store.read(lambda connection: connection.exec_driver_sql("PRAGMA integrity_check").scalar())
    found = await store.read(names)

    assert {StorageFull} == {type(failure) for failure in failures}
    assert "is full" in str(failures[0])
    assert ("ok", 21 - len(failures) + 1, True, True) == (
        check,
        len(found),
        "small" in found,
        "healed" in found,
    )


def test_a_disk_that_is_really_full_heals(tmp_path: Path) -> None:
    """The same on a real file system of 2 MiB: the log itself cannot grow."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True
    ).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        counts = asyncio.run(_fill_and_heal(disk))
    finally:
        subprocess.run(["umount", disk], check=True)

    assert counts["failed"] > 0
    assert {"kept": counts["acknowledged"], "check": "ok", "healed": 1} == {
        name: counts[name] for name in ("kept", "check", "healed")
    }


async def _fill_and_heal(disk: Path) -> dict[str, object]:
    store = await Store.open(disk / "quarterdeck.db")
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 700_000)
    results = await asyncio.gather(
        *(store.write("facts.changed", put(f"{n}", "x" * 9_000)) for n in range(200)), return_exceptions=True
    )
    kept = len(await store.read(names))
    ballast.unlink()
    healed = await store.write("facts.changed", put("healed"))
    check = await store.read(lambda connection: connection.exec_driver_sql("PRAGMA integrity_check").scalar())
    await store.close()
    failed = [result for result in results if isinstance(result, StorageFull)]
    return {
        "failed": len(failed),
        "acknowledged": results.count(1),
        "kept": kept,
        "healed": healed,
        "check": check,
    }


async def test_an_injected_failure_before_the_commit_hits_one_job(store: Store, together, armed) -> None:
    """The fault matrix counts passages, one a job, also inside a group."""
    armed("facts.changed.before:3:raise")  # the first one holds the writer up
    results = await together(put("a"), put("b"), put("c"))

    assert [1, faults.InjectedFault, 1] == [r if r == 1 else type(r) for r in results]
    assert ["a", "c"] == await store.read(names)


async def test_an_injected_failure_after_the_commit_leaves_the_row(store: Store, together, armed) -> None:
    """The writer dies after the flush: the row is there, whoever waited does not know."""
    armed("facts.changed:3:raise")
    results = await together(put("a"), put("b"), put("c"))

    assert [1, faults.InjectedFault, 1] == [r if r == 1 else type(r) for r in results]
    assert ["a", "b", "c"] == await store.read(names)


CHILD = """
import asyncio, sys
from pathlib import Path
from quarterdeck.runtime import faults
from quarterdeck.store import facts
from quarterdeck.store.engine import Store

async def writer(store, n):
    for i in range(100):
        await store.write("facts.changed", lambda connection: facts.set_in(connection, f"{n}-{i}", "v"))
        print(f"{n}-{i}", flush=True)

async def main():
    store = await Store.open(Path(sys.argv[1]))
    faults.arm(sys.argv[2], testing=True)
    await asyncio.gather(*(writer(store, n) for n in range(8)))

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", ["facts.changed.before", "facts.changed"])
@pytest.mark.parametrize("passage", [1, 7, 8, 50, 301, 799])
async def test_what_was_acknowledged_survives_kill_9(path: Path, point: str, passage: int) -> None:
    """The acknowledgement is a promise; a row beyond it may be there or not, but whole."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, path, f"{point}:{passage}:kill"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    acknowledged = set(child.stdout.split())
    store = await Store.open(path)
    found = set(await store.read(names))
    await store.close()

    assert -signal.SIGKILL == child.returncode
    assert set() == acknowledged - found
    assert len(found - acknowledged) <= 8  # one of each writer may have been flushed and not yet told
