"""Prove that `check` says how the database does, without touching it."""

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.settings import Settings, read_settings
from quarterdeck.store.engine import Store
from quarterdeck.store.findings import findings
from quarterdeck.store.upkeep.backup import Backups
from quarterdeck.testing.clock import FakeClock


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("QUARTERDECK__DATA_DIR", str(tmp_path / "data"))
    return read_settings(None).settings


def of_database(settings: Settings) -> list[Finding]:
    return [finding for finding in findings(settings) if "SQLite" not in finding.message]


def test_the_version_of_sqlite_is_named(settings: Settings) -> None:
    """It comes with Python, and some have a known bug."""
    assert any(sqlite3.sqlite_version in finding.message for finding in findings(settings))


def test_a_fresh_machine_has_no_database_yet(settings: Settings) -> None:
    """Nothing is wrong before the first start, and looking makes no file."""
    levels = [finding.level for finding in of_database(settings)]

    assert (["off"], False) == (levels, settings.paths().data_dir.exists())


async def test_a_running_database_is_well(settings: Settings, path: Path) -> None:
    """The check runs beside the bot."""
    assert settings.paths().database == path
    store = await Store.open(path)
    without = [finding.level for finding in of_database(settings)]
    await Backups(path, settings.paths().backups).make()
    with_backup = [finding.level for finding in of_database(settings)]
    await store.close()

    assert (["ok", "warning"], ["ok", "ok"]) == (without, with_backup)


async def test_old_backups_are_a_warning(settings: Settings, path: Path) -> None:
    """Somebody switched them off, or the disk is full."""
    store = await Store.open(path)
    await store.close()
    Backups(path, settings.paths().backups, clock=FakeClock(datetime(2020, 1, 1, tzinfo=UTC))).make_now()

    assert ["ok", "warning"] == [finding.level for finding in of_database(settings)]


async def test_damage_is_critical_and_names_the_backup(settings: Settings, path: Path) -> None:
    """`run` would refuse; `check` says it first."""
    store = await Store.open(path)
    await store.close()
    made = Backups(path, settings.paths().backups).make_now()
    os.truncate(path, 9000)
    first = of_database(settings)[0]

    assert ("critical", str(path)) == (first.level, first.file)
    assert str(made.path) in first.fix


async def test_a_newer_schema_is_critical(settings: Settings, path: Path) -> None:
    """After a roll-back of the program."""
    store = await Store.open(path)
    await store.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '0042'")
    connection.close()

    assert "has schema 0042" in of_database(settings)[0].message
