"""Prove that damage is found at the start, named with the way out, and never mended by dropping rows."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert

from quarterdeck.core.errors import SetupError
from quarterdeck.store.database.sqlite import SAFE_VERSION, version_warning
from quarterdeck.store.engine import Store
from quarterdeck.store.tables import facts
from quarterdeck.store.upkeep import backup, integrity, schema

ROWS = 400


async def fill(path: Path) -> Path:
    """Write rows, make a backup, close; return the backup."""
    store = await Store.open(path)
    for n in range(ROWS):
        row = {"name": f"{n:04}", "value": f"{n} " * 100}
        await store.write("facts.changed", lambda connection, row=row: connection.execute(insert(facts), row))
    made = await backup.Backups(path, path.parent / "backups").make()
    await store.close()
    return made.path


KILLED = """
import asyncio, os, signal, sys
from quarterdeck.store import facts
from quarterdeck.store.engine import Store

async def main():
    store = await Store.open(sys.argv[1])
    for n in range(int(sys.argv[2])):
        await store.write("facts.changed", lambda connection: facts.set_in(connection, f"{n:04}", f"{n} " * 100))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def die_while_open(path: Path, rows: int = 20) -> None:
    """Let a real process write and be killed."""
    child = subprocess.run([sys.executable, "-c", KILLED, path, str(rows)], timeout=60)
    assert -signal.SIGKILL == child.returncode


def refusal_of(path: Path) -> SetupError:
    with pytest.raises(SetupError) as refused:
        asyncio.run(_open(path))
    return refused.value


async def _open(path: Path) -> None:
    store = await Store.open(path)
    await store.close()


def test_a_file_that_was_cut_is_refused_and_the_backup_offered(path: Path) -> None:
    """A full disk of a copy program, a broken restore: 40 lengths, none is opened."""
    made = asyncio.run(fill(path))
    whole = path.read_bytes()
    for length in random.Random(7).sample(range(1, len(whole) - 1), 40):
        path.write_bytes(whole[:length])
        refused = refusal_of(path)

        assert f"quarterdeck db restore {made}" in refused.hint
        assert str(path) == refused.file
        assert length == path.stat().st_size


def test_a_damaged_page_is_refused(path: Path) -> None:
    """A page of zeros or of noise where a table or an index was: 60 images, each is found."""
    asyncio.run(fill(path))
    whole, chance = path.read_bytes(), random.Random(11)
    used = _used_pages(path)
    for n in range(60):
        page = chance.choice(used)
        noise = bytes(4096) if n % 2 else chance.randbytes(4096)
        path.write_bytes(whole[: (page - 1) * 4096] + noise + whole[page * 4096 :])

        assert "is damaged" in refusal_of(path).message


def _used_pages(path: Path) -> list[int]:
    """Return the root pages of all tables and indexes with content: to lose one is always a loss."""
    connection = sqlite3.connect(path)
    pages = [row[0] for row in connection.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 0")]
    connection.close()
    return pages


def test_something_else_in_its_place_is_refused(path: Path) -> None:
    """A text file, a foreign database: neither is overwritten."""
    path.parent.mkdir(parents=True)
    path.write_text("not a database " * 1000)
    text = refusal_of(path)
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    foreign = refusal_of(path)

    assert "does not begin like a SQLite database" in text.message
    assert "none of Quarterdeck's" in foreign.message


def test_a_lost_log_is_refused(path: Path) -> None:
    """After a crash the last commits are in the log alone; SQLite would open an older state without a word."""
    die_while_open(path)
    integrity.log_of(path).unlink()

    assert "quarterdeck.db-wal with its last commits is gone" in refusal_of(path).message


def test_a_file_that_is_gone_is_no_fresh_start(path: Path) -> None:
    """A mount that did not come up must not be answered with an empty database."""
    die_while_open(path)
    path.unlink()

    assert "is gone, while" in refusal_of(path).message
    assert not path.exists()


def test_after_a_kill_everything_is_there(path: Path) -> None:
    """The log is read back by the next start, however often the process is killed."""
    for rows in (20, 40, 60):
        die_while_open(path, rows)
    asyncio.run(_open(path))
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT count(*) FROM facts").fetchone()
    connection.close()

    assert (60,) == found
    assert not integrity.marker_of(path).exists()


OPENED = """
import asyncio, os, signal, sys
from quarterdeck.store.upkeep import integrity
from quarterdeck.store.upkeep import schema
from quarterdeck.store import engine

names = {"check": (integrity, "check_at_start"), "unmark": (integrity, "unmark"), "mark": (integrity, "mark_open"),
         "close": (integrity, "close_cleanly"), "create": (schema, "create")}
module, name = names[sys.argv[2]]
real = getattr(module, name)

def killed(*arguments, **options):
    if sys.argv[3] == "after":
        real(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, name, killed)

async def main():
    store = await engine.Store.open(sys.argv[1])
    await store.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["check", "unmark", "mark", "close"])
def test_a_kill_while_opening_or_closing_is_no_damage(path: Path, step: str, when: str) -> None:
    """The marker of an open file must never cry wolf."""
    die_while_open(path)
    child = subprocess.run([sys.executable, "-c", OPENED, path, step, when], timeout=60)
    asyncio.run(_open(path))

    assert -signal.SIGKILL == child.returncode


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_while_the_file_is_made_is_no_damage(path: Path, when: str) -> None:
    """The very first start may be interrupted, too."""
    child = subprocess.run([sys.executable, "-c", OPENED, path, "create", when], timeout=60)
    asyncio.run(_open(path))

    assert -signal.SIGKILL == child.returncode
    assert schema.HEAD == schema.revision_of(path)


POWER = """
import asyncio, os, sys
from quarterdeck.store import facts
from quarterdeck.store.engine import Store

async def main():
    store = await Store.open(sys.argv[1])
    for n in range(50):
        put = lambda connection: [facts.set_in(connection, f"{n:03}-{i}", f"{n} " * 300) for i in range(3)]
        await store.write("facts.changed", put)
        print(os.path.getsize(sys.argv[1] + "-wal"), flush=True)
    print("done", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_power_cut_loses_nothing_that_was_acknowledged(path: Path, tmp_path: Path) -> None:
    """1,000 crash images: what was flushed stands, what came after is cut off, torn, or noise.

    Each acknowledged write has flushed the log up to a length; the next one's pages may have reached the disk in
    part. So: the log up to the acknowledged length, then anything.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", POWER, path], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    lengths = [int(line) for line in iter(child.stdout.readline, "done\n")]
    database, log = path.read_bytes(), integrity.log_of(path).read_bytes()
    child.kill()
    child.communicate()
    image, chance = tmp_path / "image" / "quarterdeck.db", random.Random(6)
    image.parent.mkdir()
    for n in range(1000):
        acknowledged = chance.randrange(len(lengths) - 1)
        _write_image(
            image, database, _torn(log, lengths[acknowledged], lengths[acknowledged + 1], n % 3, chance)
        )
        integrity.check_at_start(image)
        found = _count_whole(image)

        assert found in (acknowledged + 1, acknowledged + 2)  # writes count from 0; the next one may be whole


def _torn(log: bytes, flushed: int, unflushed: int, how: int, chance: random.Random) -> bytes:
    cut = chance.randint(flushed, unflushed)
    match how:
        case 0:  # the file's new length never reached the disk
            return log[:cut]
        case 1:  # the length did, the pages did not
            return log[:cut] + bytes(unflushed - cut)
        case _:  # a sector of noise in between
            return log[:cut] + chance.randbytes(min(512, unflushed - cut)) + log[cut + 512 : unflushed]


def _write_image(image: Path, database: bytes, log: bytes) -> None:
    image.write_bytes(database)
    integrity.log_of(image).write_bytes(log)
    integrity.marker_of(image).touch()
    image.with_name(image.name + "-shm").unlink(missing_ok=True)


def _count_whole(image: Path) -> int:
    """Return how many writes are there, each of which has three rows."""
    connection = sqlite3.connect(image)
    rows = connection.execute(
        "SELECT count(*) FROM facts WHERE name LIKE '___-_' GROUP BY substr(name, 1, 3)"
    ).fetchall()
    connection.close()
    assert {(3,)} == set(rows)
    return len(rows)


def test_a_clean_large_file_is_checked_by_its_length_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start must not read gigabytes; a shortened file shows all the same."""
    asyncio.run(fill(path))
    monkeypatch.setattr(integrity, "CHECK_AT_START_BYTES", 0)
    looked: list[Path] = []
    monkeypatch.setattr(integrity, "check", lambda path, **_: looked.append(path))
    integrity.check_at_start(path)
    os.truncate(path, path.stat().st_size - 4096)
    refused = refusal_of(path)

    assert [] == looked
    assert "it should hold" in refused.message


def test_an_old_sqlite_is_reported() -> None:
    """The corruption that 3.51.3 fixed is rare; the operator should know, and go on."""
    assert "SQLite 3.40.1 is older than 3.51.3" in version_warning((3, 40, 1))
    assert "" == version_warning(SAFE_VERSION)


def test_copying_the_file_away_from_its_log_is_noticed(path: Path, tmp_path: Path) -> None:
    """Somebody copies the folder of a running bot, and one file is missing."""
    die_while_open(path)
    for file in path.parent.iterdir():
        if not file.name.endswith("-wal"):
            shutil.copy(file, tmp_path / file.name)

    assert "is gone" in refusal_of(tmp_path / path.name).message
