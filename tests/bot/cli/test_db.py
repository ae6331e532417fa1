"""Prove that the database can be put back from the command line, and never under a running bot."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.runtime.process.lock import Lock
from quarterdeck.store.upkeep import schema
from quarterdeck.store.upkeep.backup import Backups


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder with a database of one fact."""
    data = tmp_path / "data"
    monkeypatch.setenv("QUARTERDECK__DATA_DIR", str(data))
    schema.prepare(data / "quarterdeck.db", data / "backups")
    change(data, "INSERT INTO facts VALUES ('a', '1')")
    return data


def change(data: Path, statement: str) -> None:
    connection = sqlite3.connect(data / "quarterdeck.db")
    with connection:
        connection.execute(statement)
    connection.close()


def fact(path: Path) -> str:
    connection = sqlite3.connect(path)
    value = connection.execute("SELECT value FROM facts").fetchone()[0]
    connection.close()
    return str(value)


def qd(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ),
    )


def test_the_last_backup_is_restored_and_the_file_kept(data: Path) -> None:
    """One command on a bad day, and it can be taken back."""
    made = Backups(data / "quarterdeck.db", data / "backups").make_now()
    change(data, "UPDATE facts SET value = '2'")
    ended = qd("db", "restore", "--json")
    done = json.loads(ended.stdout)

    assert (0, "") == (ended.returncode, ended.stderr)
    assert str(made.path) == done["restored"]
    assert ("1", "2") == (fact(data / "quarterdeck.db"), fact(Path(done["replaced"])))


def test_a_restore_is_refused_while_somebody_works_on_the_folder(data: Path) -> None:
    """The bot would go on writing into the file that was moved aside."""
    Backups(data / "quarterdeck.db", data / "backups").make_now()
    change(data, "UPDATE facts SET value = '2'")
    with Lock(data / "lock", "run"):
        ended = qd("db", "restore")

    assert 1 == ended.returncode
    assert f"quarterdeck run, process {os.getpid()}" in ended.stderr
    assert "2" == fact(data / "quarterdeck.db")


def test_a_damaged_database_is_restored(data: Path) -> None:
    """What the start-up error tells people to type works."""
    made = Backups(data / "quarterdeck.db", data / "backups").make_now()
    (data / "quarterdeck.db").write_bytes(b"noise" * 1000)
    before = qd("db", "upgrade")
    ended = qd("db", "restore", str(made.path))

    assert (1, 0) == (before.returncode, ended.returncode)
    assert "is damaged" in before.stderr
    assert "1" == fact(data / "quarterdeck.db")


def test_without_a_backup_there_is_nothing_to_restore(data: Path) -> None:
    """And nothing is moved."""
    ended = qd("db", "restore")

    assert 1 == ended.returncode
    assert "there is no backup" in ended.stderr
    assert "1" == fact(data / "quarterdeck.db")


def test_an_upgrade_says_from_where_to_where(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made, or there already; a running bot has done it at its start."""
    there = json.loads(qd("db", "upgrade", "--json").stdout)
    with Lock(data / "lock", "run"):
        running = json.loads(qd("db", "upgrade", "--json").stdout)
    monkeypatch.setenv("QUARTERDECK__DATA_DIR", str(tmp_path / "fresh"))
    fresh = json.loads(qd("db", "upgrade", "--json").stdout)

    assert [{"from": "0002", "to": "0002"}] * 2 == [there, running]
    assert {"from": None, "to": "0002"} == fresh
