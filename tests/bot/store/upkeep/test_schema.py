"""Prove that a file is old or new, never between, and that both ways to the newest schema lead to the same one."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from quarterdeck import __version__
from quarterdeck.core.errors import SetupError
from quarterdeck.store.database.errors import StorageCorrupt, StorageUnusable
from quarterdeck.store.engine import Store
from quarterdeck.store.migrations import runner
from quarterdeck.store.tables import metadata
from quarterdeck.store.upkeep import backup, integrity, schema

SECOND = '''"""Give facts a time, forget usage, and tie identities to people more strictly."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("facts") as facts:
        facts.add_column(sa.Column("at_ms", sa.BigInteger(), nullable=False, server_default="7"))
        facts.alter_column("value", new_column_name="content")
    with op.batch_alter_table("people") as people:
        people.alter_column("name", type_=sa.String(500))
    op.drop_table("usage")
    op.execute("UPDATE facts SET content = upper(content)")
'''

ORPHANING = '''"""Lose the people that identities name."""

from alembic import op

revision = "9001"
down_revision = "0002"


def upgrade() -> None:
    op.execute("DELETE FROM people")
'''


def shape(path: Path) -> dict[str, object]:
    """Return everything that SQLite knows of tables, columns, keys and indexes, whatever order it was made in."""
    connection = sqlite3.connect(path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: dict[str, object] = {}
    for table in tables:
        columns = connection.execute(
            f"SELECT name, type, [notnull], pk FROM pragma_table_xinfo('{table}')"
        ).fetchall()
        keys = connection.execute(
            f"SELECT [table], [from], [to] FROM pragma_foreign_key_list('{table}')"
        ).fetchall()
        indexes = []
        for name, unique, origin in connection.execute(
            f"SELECT name, [unique], origin FROM pragma_index_list('{table}')"
        ).fetchall():
            parts = connection.execute(
                f"SELECT name FROM pragma_index_info('{name}') ORDER BY seqno"
            ).fetchall()
            indexes.append((name if origin == "c" else origin, unique, tuple(parts)))
        found[table] = (sorted(columns), sorted(keys), sorted(indexes))
    found["made"] = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' OR sql LIKE 'CREATE VIRTUAL%' ORDER BY name"
    ).fetchall()
    counted = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
    found["counted"] = connection.execute(counted).fetchall()
    connection.close()
    return found


def old_file(path: Path, *, rows: int = 50) -> None:
    """Make a file of revision 0002 with rows that name each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    schema.create(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany("INSERT INTO facts VALUES (?, ?)", [(f"{n:03}", f"v{n}") for n in range(rows)])
        connection.execute("INSERT INTO people VALUES ('p1', 'Ann', 'owner', 0, 1)")
        connection.execute("INSERT INTO identities VALUES ('console::0', 'p1', 'Ann', 1, '')")
    connection.close()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Return a copy of our migrations with room for a second one."""
    return Path(
        shutil.copytree(runner.SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    )


def test_the_newest_migration_is_the_one_that_fresh_files_are_stamped_with() -> None:
    """`HEAD` is written by hand, since Alembic is too slow to ask at each start."""
    assert runner.head() == schema.HEAD


def test_both_ways_lead_to_the_same_schema(tmp_path: Path) -> None:
    """A fresh file and one that came up through every migration must be the same."""
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    for path in (fresh, migrated):
        path.touch()
    schema.create(fresh)
    schema.upgrade(migrated)

    assert shape(fresh) == shape(migrated)
    assert {table.name for table in metadata.sorted_tables} < set(shape(fresh))
    assert schema.HEAD == schema.revision_of(fresh) == schema.revision_of(migrated)


async def test_a_second_start_changes_nothing(path: Path) -> None:
    """Opening a file of the newest revision must not write a table or make a backup."""
    for _ in range(2):
        store = await Store.open(path)
        await store.close()
    before = shape(path)
    store = await Store.open(path)
    await store.close()

    assert before == shape(path)
    assert not (path.parent / "backups").exists()


async def test_an_older_file_is_backed_up_and_migrated(
    path: Path, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are there under the new shape, and the old file lies verified in the backups."""
    old_file(path)
    (scripts / "versions" / "9001_next.py").write_text(SECOND)
    monkeypatch.setattr(schema, "HEAD", "9001")
    monkeypatch.setattr(runner, "SCRIPTS", scripts)
    store = await Store.open(path)
    rows = await store.read(lambda c: c.execute(text("SELECT content, at_ms FROM facts ORDER BY name")).all())
    await store.close()
    kept = backup.Backups(path, path.parent / "backups").all()

    assert [(f"V{n}", 7) for n in range(50)] == [tuple(row) for row in rows]
    assert "9001" == schema.revision_of(path)
    assert ["0002"] == [schema.revision_of(made.path) for made in kept]
    assert "before-9001" in kept[0].path.name


def test_a_migration_after_a_crash_that_is_cut_short_is_no_damage(
    path: Path, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Migrating folds the log of the crash into the file: its absence then is no loss."""
    old_file(path)
    asyncio.run(_open(path))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE facts SET value = 'in the log'")
    connection.commit()
    integrity.marker_of(path).touch()
    crashed = path.parent.parent / "crashed"
    shutil.copytree(path.parent, crashed)
    connection.close()
    (scripts / "versions" / "9001_next.py").write_text(SECOND)
    monkeypatch.setattr(schema, "HEAD", "9001")
    monkeypatch.setattr(runner, "SCRIPTS", scripts)
    schema.prepare(crashed / path.name, crashed / "backups")
    is_folded = not integrity.log_of(crashed / path.name).exists()
    schema.prepare(crashed / path.name, crashed / "backups")

    assert is_folded
    assert "9001" == schema.revision_of(crashed / path.name)


async def test_no_backup_no_migration(path: Path, scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be undone is not begun."""
    old_file(path)
    (scripts / "versions" / "9001_next.py").write_text(SECOND)
    monkeypatch.setattr(schema, "HEAD", "9001")
    monkeypatch.setattr(runner, "SCRIPTS", scripts)
    (path.parent / "backups").write_text("a file where the folder should be")
    with pytest.raises(SetupError):
        await Store.open(path)

    assert "0002" == schema.revision_of(path)


def test_a_migration_that_orphans_rows_is_taken_back(path: Path, scripts: Path) -> None:
    """Foreign keys are off while tables are copied, so they are checked before the commit."""
    old_file(path)
    (scripts / "versions" / "9001_next.py").write_text(ORPHANING)
    with pytest.raises(StorageCorrupt):
        schema.upgrade(path, scripts=scripts)

    assert "0002" == schema.revision_of(path)
    integrity.check(path, is_thorough=True)


async def test_a_file_of_a_newer_program_is_refused(path: Path) -> None:
    """A roll-back of the program must not write rows that the newer one cannot read."""
    old_file(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(SetupError) as refused:
        await Store.open(path)

    assert f"has schema 9999, and this program, version {__version__}, knows schemas up to 0002" in str(
        refused.value
    )


async def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """Rights are the operator's to give."""
    path = tmp_path / "quarterdeck.db"
    path.mkdir()
    with pytest.raises((SetupError, StorageUnusable)) as refused:
        await Store.open(path)

    assert str(path) in refused.value.message


KILLER = """
import os, signal, sys
from pathlib import Path
import shutil
from sqlalchemy import Engine, event
from quarterdeck.store.upkeep import schema
from quarterdeck.store.migrations import runner  # imported once, so that a child costs no second

old, work, scripts = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def run(path, at):
    seen = 0
    def count(*_):
        nonlocal seen
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)
    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, count)
    if scripts == "-":
        schema.create(path)
    else:
        schema.upgrade(path, scripts=Path(scripts))

at = 0
while True:
    at += 1
    path = work / f"{at}.db"
    shutil.copy(old, path)
    child = os.fork()
    if child == 0:
        run(path, at)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(at, os.waitstatus_to_exitcode(status), flush=True)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        break
"""


def kill_at_each_statement(old: Path, work: Path, scripts: str) -> list[Path]:
    """Run the change again and again, killed at its first, second, third … statement; return the files left."""
    work.mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", KILLER, old, work, scripts], capture_output=True, text=True, timeout=110
    )
    lines = ended.stdout.splitlines()
    assert lines[-1].endswith(" 0"), ended.stderr
    return [work / f"{at}.db" for at in range(1, len(lines) + 1)]


@pytest.mark.slow
def test_a_migration_killed_at_each_statement_leaves_old_or_new(tmp_path: Path, scripts: Path) -> None:
    """Between is where data is lost; the next start must find one or the other and finish."""
    old = tmp_path / "old.db"
    old_file(old)
    (scripts / "versions" / "9001_next.py").write_text(SECOND)
    left = kill_at_each_statement(old, tmp_path / "work", str(scripts))
    new = shape(left[-1])
    for path in left[:-1]:
        integrity.check(path, is_thorough=True)
        assert shape(path) in (shape(old), new)
        schema.upgrade(path, scripts=scripts)
        assert new == shape(path)

    assert len(left) > 15


@pytest.mark.slow
def test_a_first_start_killed_at_each_statement_leaves_nothing_or_all(tmp_path: Path) -> None:
    """Half a schema would look like a foreign database ever after."""
    empty = tmp_path / "empty.db"
    empty.touch()
    left = kill_at_each_statement(empty, tmp_path / "work", "-")
    whole = shape(left[-1])
    for path in left[:-1]:
        asyncio.run(_open(path))
        assert whole == shape(path)

    assert len(left) > 30


async def _open(path: Path) -> None:
    store = await Store.open(path)
    await store.close()
