"""Prove that every error of the driver comes out as one of ours."""

import inspect
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy.exc
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.store.database.errors import (
    StorageBusy,
    StorageCorrupt,
    StorageFull,
    StorageRefused,
    StorageTooSlow,
    StorageUnusable,
    mapped,
)

PATH = Path("/data/quarterdeck.db")
DRIVER = [
    found for _, found in inspect.getmembers(sqlite3, inspect.isclass) if issubclass(found, sqlite3.Error)
]
TOOLKIT = [
    found
    for _, found in inspect.getmembers(sqlalchemy.exc, inspect.isclass)
    if issubclass(found, SQLAlchemyError)
]


@pytest.mark.parametrize("kind", DRIVER, ids=lambda kind: kind.__name__)
def test_every_error_of_the_driver_is_ours(kind: type[sqlite3.Error]) -> None:
    """Whoever calls the store knows our errors only."""
    assert isinstance(mapped(kind("said"), PATH), QuarterdeckError)


@pytest.mark.parametrize("kind", TOOLKIT, ids=lambda kind: kind.__name__)
def test_every_error_of_the_toolkit_is_ours(kind: type[SQLAlchemyError]) -> None:
    """A new class in a new release of the toolkit shows here."""
    error = (
        kind("SELECT 'canary'", {"value": "canary"}, sqlite3.OperationalError("said"))  # type: ignore[call-arg]
        if issubclass(kind, DBAPIError)
        else kind.__new__(kind)
    )
    ours = mapped(error, PATH)

    assert isinstance(ours, QuarterdeckError)
    assert "canary" not in ours.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StorageFull),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StorageBusy),
        (sqlite3.SQLITE_LOCKED, StorageBusy),
        (sqlite3.SQLITE_CORRUPT_INDEX, StorageCorrupt),
        (sqlite3.SQLITE_NOTADB, StorageCorrupt),
        (sqlite3.SQLITE_IOERR_FSYNC, StorageUnusable),
        (sqlite3.SQLITE_READONLY, StorageUnusable),
        (sqlite3.SQLITE_INTERRUPT, StorageTooSlow),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, StorageRefused),
    ],
)
def test_the_code_decides(code: int, kind: type[QuarterdeckError]) -> None:
    """Extended codes belong to their primary one."""
    error = sqlite3.OperationalError("said")
    error.sqlite_errorcode = code

    assert kind is type(mapped(error, PATH))
