"""Prove that backups are whole, made while everybody writes, and can be put back without losing what they replace."""

import asyncio
import shutil
import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.store import facts
from quarterdeck.store.database.errors import StorageCorrupt
from quarterdeck.store.engine import Store
from quarterdeck.store.upkeep import backup, integrity, schema
from quarterdeck.store.upkeep.backup import Backups
from quarterdeck.testing.clock import FakeClock


def put(name: str, value: str = "v"):
    return lambda connection: facts.set_in(connection, name, value)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backups(path: Path, clock: FakeClock) -> Backups:
    return Backups(path, path.parent / "backups", clock=clock, keep=3)


def rows_of(path: Path) -> int:
    connection = sqlite3.connect(path)
    count = connection.execute("SELECT count(*) FROM facts").fetchone()[0]
    connection.close()
    return int(count)


async def test_a_backup_under_load_is_one_moment(store: Store, backups: Backups, clock: FakeClock) -> None:
    """Two rows of one transaction are both in it or neither, whoever writes meanwhile."""
    is_on = True

    async def writer() -> None:
        n = 0
        while is_on:
            n += 1
            left, right = put(f"left-{n}"), put(f"right-{n}")
            await store.write("facts.changed", lambda connection: (left(connection), right(connection)))  # noqa: B023

    task = asyncio.create_task(writer())
    made = []
    for _ in range(3):
        await asyncio.sleep(0.05)
        made.append(await backups.make())
        await clock.advance(1)
    is_on = False
    await task
    counts = []
    for one in made:
        connection = sqlite3.connect(one.path)
        halves = "SELECT sum(name LIKE 'left%'), sum(name LIKE 'right%') FROM facts"
        counts.append(connection.execute(halves).fetchone())
        connection.close()

    assert all(left == right > 0 for left, right in counts)
    assert [one.rows["facts"] for one in made if one.rows] == [left * 2 for left, _ in counts]
    assert counts[0] < counts[1] < counts[2]


async def test_what_is_written_between_counting_and_copying_is_not_in_it(
    store: Store, path: Path, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows counted and pages copied are of one moment, or a good copy would be called damaged."""
    real, was_called = backup._count, False

    def count(connection: sqlite3.Connection) -> dict[str, int]:
        nonlocal was_called
        found = real(connection)
        if not was_called:
            was_called = True
            other = sqlite3.connect(path)
            with other:
                other.execute("INSERT INTO facts VALUES ('meanwhile', '1')")
            other.close()
        return found

    monkeypatch.setattr(backup, "_count", count)
    made = await backups.make()

    assert (0, 1) == (rows_of(made.path), rows_of(path))


async def test_a_backup_of_a_newer_program_or_of_nothing_is_not_restored(
    path: Path, backups: Backups
) -> None:
    """It would be refused at the next start, with the working file moved aside."""
    store = await Store.open(path)
    newer, empty = (await backups.make()).path, path.parent / "empty.db"
    await store.close()
    connection = sqlite3.connect(newer)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '0042'")
    connection.close()
    empty.touch()
    for chosen, said in ((newer, "has schema 0042"), (empty, "holds no tables")):
        with pytest.raises(SetupError, match=said):
            backup.restore(path, chosen)

    assert schema.HEAD == schema.revision_of(path)


async def test_a_backup_is_one_closed_file(store: Store, backups: Backups) -> None:
    """It is copied elsewhere by other programs: no companions, nobody else's eyes."""
    made = await backups.make()
    files = list(made.path.parent.iterdir())

    assert ([made.path], 0o600) == (files, stat.S_IMODE(made.path.stat().st_mode))
    assert 0o700 == stat.S_IMODE(made.path.parent.stat().st_mode)


async def test_the_oldest_ones_go(store: Store, backups: Backups, clock: FakeClock) -> None:
    """A disk full of backups would stop the bot."""
    made = []
    for _ in range(5):
        made.append((await backups.make()).path)
        await clock.advance(60)

    assert made[:1:-1] == [one.path for one in backups.all()]


async def test_a_backup_is_made_hourly(store: Store, backups: Backups, clock: FakeClock) -> None:
    """At most an hour is lost with the disk."""
    task = asyncio.create_task(backups.run(3600))
    moments = []
    for _ in range(3):
        await clock.wait_for_sleepers()
        moments.append(backups.all()[0].made_at)
        await clock.advance(3600)
    task.cancel()
    start = moments[0]

    assert [start, start + timedelta(hours=1), start + timedelta(hours=2)] == moments


async def test_a_restart_does_not_bring_the_next_backup_forward(
    store: Store, backups: Backups, clock: FakeClock
) -> None:
    """A bot that is restarted every minute must not push a day's backups out of the folder."""
    await backups.make()
    await clock.advance(600)
    task = asyncio.create_task(backups.run(3600))
    await clock.wait_for_sleepers()
    task.cancel()

    assert 1 == len(backups.all())


async def test_a_backup_that_is_damaged_does_not_count(
    store: Store, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that cannot be read back is worse than none, since it pushes out a good one."""
    await backups.make()
    before = [one.path for one in backups.all()]
    real = integrity.check

    def check(path: Path, *, is_thorough: bool) -> None:
        content = bytearray(path.read_bytes())
        content[8192:12288] = bytes(4096)
        path.write_bytes(content)
        real(path, is_thorough=is_thorough)

    monkeypatch.setattr(integrity, "check", check)
    with pytest.raises(StorageCorrupt):
        await backups.make()

    assert before == [one.path for one in backups.all()]
    assert before == list(before[0].parent.iterdir())


async def test_a_backup_that_lacks_rows_does_not_count(store: Store, backups: Backups) -> None:
    """Every page may be whole and a row be missing."""
    await store.write("facts.changed", put("a"))
    made = await backups.make()
    assert made.rows is not None
    connection = sqlite3.connect(made.path)
    with connection:
        connection.execute("DELETE FROM facts")
    connection.close()
    with pytest.raises(StorageCorrupt) as refused:
        backup.verify(made.path, made.rows)

    assert "holds 0 rows of facts instead of 1" in refused.value.message


async def test_a_damaged_database_does_not_push_out_good_backups(path: Path, backups: Backups) -> None:
    """The hourly backup is also what finds silent damage."""
    store = await Store.open(path)
    for n in range(300):
        await store.write("facts.changed", put(f"{n}", "x" * 300))
    good = await backups.make()
    await store.close()
    content = bytearray(path.read_bytes())
    content[-8192:-4096] = b"\x77" * 4096
    path.write_bytes(content)
    with pytest.raises(StorageCorrupt):
        backups.make_now()

    assert [good.path] == [one.path for one in backups.all()]


async def test_a_restore_puts_the_backup_in_place_and_keeps_what_was_there(
    path: Path, backups: Backups
) -> None:
    """A wrong restore can be taken back: the replaced file lies beside it with all that belongs to it."""
    store = await Store.open(path)
    await store.write("facts.changed", put("before"))
    made = await backups.make()
    await store.write("facts.changed", put("after"))
    await store.close()
    aside = backup.restore(path, made.path)
    store = await Store.open(path)
    restored = await store.read(lambda c: [facts.get_in(c, "before"), facts.get_in(c, "after")])
    await store.close()

    assert ["v", None] == restored
    assert aside is not None
    assert (2, True) == (rows_of(aside), made.path.exists())
    assert schema.HEAD == schema.revision_of(aside)


async def test_a_restore_over_a_damaged_file_with_its_log(path: Path, backups: Backups) -> None:
    """The very case it is for; the old log must not be played into the new file."""
    store = await Store.open(path)
    await store.write("facts.changed", put("before"))
    made = await backups.make()
    await store.write("facts.changed", put("after"))
    shutil.copytree(path.parent, path.parent.parent / "crashed")
    await store.close()
    crashed = path.parent.parent / "crashed" / path.name
    crashed.write_bytes(b"noise" * 5000)
    with pytest.raises(SetupError):
        await Store.open(crashed)
    aside = backup.restore(crashed, made.path)
    store = await Store.open(crashed)
    await store.close()

    assert 1 == rows_of(crashed)
    assert aside is not None
    assert integrity.log_of(aside).exists()


async def test_a_damaged_backup_is_not_restored(path: Path, backups: Backups) -> None:
    """Nothing is touched until the new file is known to be whole."""
    store = await Store.open(path)
    await store.write("facts.changed", put("a"))
    made = await backups.make()
    await store.close()
    made.path.write_bytes(made.path.read_bytes()[:20_000])
    with pytest.raises(StorageCorrupt):
        backup.restore(path, made.path)
    with pytest.raises(NotFound):
        backup.restore(path, path.parent / "nothing.db")

    assert 1 == rows_of(path)
    assert sorted(["backups", path.name]) == sorted(file.name for file in path.parent.iterdir())


async def test_a_folder_that_cannot_be_written_is_named(store: Store, path: Path) -> None:
    """The operator reads this in the log each hour."""
    folder = path.parent / "blocked"
    folder.write_text("")
    with pytest.raises(SetupError) as refused:
        await Backups(path, folder).make()

    assert str(folder) in refused.value.message
