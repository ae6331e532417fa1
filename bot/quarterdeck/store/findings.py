"""Say what `quarterdeck check` should know of the database: SQLite's version, the file's shape, the backups."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import ServiceError, SetupError
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.settings import Settings
from quarterdeck.store.database.errors import StorageCorrupt
from quarterdeck.store.database.sqlite import version_warning
from quarterdeck.store.upkeep import backup, integrity
from quarterdeck.store.upkeep.backup import Backups
from quarterdeck.store.upkeep.revision import HEAD, refuse_newer, revision_of

AREA: Final = "database"
LATE: Final = 3  # times the interval between backups


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at the file as it lies there, whether a bot works on it or not; nothing is written."""
    paths = settings.paths()
    warning = version_warning()
    yield Finding(
        level="warning" if warning else "ok",
        area=AREA,
        message=warning or f"SQLite {sqlite3.sqlite_version}",
        fix="use a Python that brings a newer SQLite" if warning else "",
    )
    if not paths.database.exists() and not integrity.marker_of(paths.database).exists():
        yield Finding(level="off", area=AREA, message=f"{paths.database} is made at the first start")
        return
    yield _file(paths.database, paths.backups)
    yield from _backups(Backups(paths.database, paths.backups), settings.backup.every_s)


def _file(path: Path, backups: Path) -> Finding:
    try:
        integrity.check_at_start(path)
        found = revision_of(path)
        refuse_newer(found, path)
    except StorageCorrupt as error:
        fix = backup.offer(path, backups)
        return Finding(level="critical", area=AREA, message=error.message, fix=fix, file=str(path))
    except SetupError as error:
        return Finding.of(error, area=AREA, level="critical")
    except ServiceError as error:
        return Finding(level="critical", area=AREA, message=error.message, fix=error.hint, file=str(path))
    except OSError as error:
        return Finding(level="critical", area=AREA, message=f"{path}: {error.strerror}", file=str(path))
    is_old = found is not None and found != HEAD
    state = f"schema {found}, migrated to {HEAD} at the next start" if is_old else f"schema {HEAD}"
    return Finding(level="ok", area=AREA, message=f"{path}: {state}")


def _backups(backups: Backups, every_s: float) -> Iterator[Finding]:
    newest = next(iter(backups.all()), None)
    if newest is None:
        message = f"no backup in {backups.folder} yet; the first is made while the bot runs"
        yield Finding(level="warning", area=AREA, message=message, fix="quarterdeck db backup")
        return
    age_s = (SystemClock().now() - newest.made_at).total_seconds()
    is_late = age_s > LATE * every_s
    yield Finding(
        level="warning" if is_late else "ok",
        area=AREA,
        message=f"last verified backup {age_s / 3600:.1f} h ago: {newest.path}",
        fix="quarterdeck db backup" if is_late else "",
    )
