"""Keep verified copies of the database, made while it is in use, and put one back.

A copy counts only once it was read in full: it is written under another name, checked page by page and
its rows counted against the original's, and renamed last. So whatever ends in `.db` there is whole.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.store.database.errors import SERVICE, StorageCorrupt, mapped
from quarterdeck.store.database.sqlite import connect
from quarterdeck.store.upkeep import integrity
from quarterdeck.store.upkeep.revision import refuse_newer, revision_of

KEEP = 24
EVERY_S = 3600.0
_NAME = re.compile(r"quarterdeck-(\d{8}T\d{12}Z)(?:-[a-z0-9-]+)?\.db")
_MOMENT = "%Y%m%dT%H%M%S%fZ"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """Name one verified copy."""

    path: Path
    made_at: datetime
    size_bytes: int
    rows: Mapping[str, int] | None = None


class Backups:
    """Make, keep and find the backups of one database; they lie in `folder`, the last `keep` of them."""

    def __init__(self, database: Path, folder: Path, *, clock: Clock | None = None, keep: int = KEEP) -> None:
        self.database, self.folder = database, folder
        self._clock: Clock = clock or SystemClock()
        self._keep = keep

    async def make(self, label: str = "") -> Backup:
        """Copy the database while it is in use and return the copy, verified.

        Raises:
            StorageCorrupt: the copy, and so most likely the database, is damaged; older backups are kept.
            StorageFull, StorageBusy, StorageUnusable: no copy could be made.
        """
        return await in_thread(self.make_now, label)

    def make_now(self, label: str = "") -> Backup:
        """Do the same in the calling thread."""
        made_at = self._clock.now().astimezone(UTC)
        name = f"quarterdeck-{made_at.strftime(_MOMENT)}{'-' + label if label else ''}.db"
        final, partial = self.folder / name, self.folder / f"{name}.partial"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                rows = copy(self.database, partial)
                os.replace(partial, final)
                integrity.sync_folder(self.folder)
            finally:
                remove(partial)
        except OSError as error:
            raise SetupError(
                f"no backup could be made in {self.folder}: {error.strerror}",
                hint="look at the folder's owner and mode, and at the space on its disk",
                file=str(self.folder),
            ) from error
        self._prune()
        return Backup(path=final, made_at=made_at, size_bytes=final.stat().st_size, rows=rows)

    def all(self) -> list[Backup]:
        """Return the backups, newest first."""
        found = []
        for path in self.folder.glob("quarterdeck-*.db"):
            match = _NAME.fullmatch(path.name)
            if match:
                made_at = datetime.strptime(match[1], _MOMENT).replace(tzinfo=UTC)
                found.append(Backup(path=path, made_at=made_at, size_bytes=path.stat().st_size))
        return sorted(found, key=lambda backup: backup.path.name, reverse=True)

    async def run(self, every_s: float = EVERY_S) -> None:
        """Make a backup whenever the newest one is `every_s` seconds old, until cancelled."""
        while True:
            newest = next(iter(await in_thread(self.all)), None)
            age_s = (self._clock.now() - newest.made_at).total_seconds() if newest else every_s
            if 0 <= age_s < every_s:
                await self._clock.sleep(every_s - age_s)
                continue
            made = await self.make()
            log.info("Backup made", extra={"path": str(made.path), "size_bytes": made.size_bytes})

    def _prune(self) -> None:
        for old in self.all()[self._keep :]:
            remove(old.path)


def copy(source: Path, target: Path) -> Mapping[str, int]:
    """Copy a database, whoever writes to it meanwhile, verify the copy and return the rows of each table.

    Raises:
        StorageCorrupt: the copy is damaged or lacks rows.
        StorageFull, StorageBusy, StorageUnusable: it could not be made.
    """
    remove(target)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        reading = connect(source, read_only=True)
        try:
            reading.execute("BEGIN")  # one moment for the rows counted and the pages copied
            rows = _count(reading)
            writing = connect(target, read_only=False)
            try:
                reading.backup(writing)
                writing.execute("PRAGMA journal_mode = DELETE")  # a backup is one file, whole by itself
            finally:
                writing.close()
        finally:
            reading.close()
    except sqlite3.Error as error:
        raise mapped(error, source) from error
    _sync(target)
    verify(target, rows)
    return rows


def verify(path: Path, rows: Mapping[str, int] | None = None) -> Mapping[str, int]:
    """Read a copy in full and return the rows of each table; `rows` says how many there must be.

    Raises:
        StorageCorrupt: what is wrong with it.
        StorageUnusable: it cannot be read.
    """
    integrity.check(path, is_thorough=True)
    try:
        connection = connect(path, read_only=True)
        try:
            found = _count(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise mapped(error, path) from error
    if rows is not None and rows != found:
        short = next(name for name in {*rows, *found} if rows.get(name) != found.get(name))
        raise StorageCorrupt(
            f"{path} holds {found.get(short)} rows of {short} instead of {rows.get(short)}",
            service=SERVICE,
            retryable=False,
        )
    return found


def restore(database: Path, chosen: Path, *, clock: Clock | None = None) -> Path | None:
    """Put the backup `chosen` in the place of `database`; return where the replaced file lies now, if any.

    The caller holds the lock of the data folder. What is moved into place is a verified copy; the replaced
    file is moved aside with all that belongs to it and never deleted.

    Raises:
        NotFound: `chosen` does not exist.
        SetupError: it is no database of ours, or a newer program's; nothing was changed.
        StorageCorrupt: `chosen` is damaged; nothing was changed.
        StorageFull, StorageUnusable: it cannot be read or copied; nothing was changed.
    """
    if not chosen.is_file():
        raise NotFound(
            f"there is no backup {str(chosen)!r}", hint="`quarterdeck db backup --list` shows them"
        )
    fresh = database.with_name(f"{database.name}.restoring")
    try:
        copy(chosen, fresh)
        found = revision_of(fresh)
        if found is None:
            raise SetupError(f"{chosen} holds no tables", hint="choose another backup", file=str(chosen))
        refuse_newer(found, chosen)
        aside = _put_aside(database, (clock or SystemClock()).now())
        os.replace(fresh, database)
        integrity.sync_folder(database.parent)
    finally:
        remove(fresh)
    return aside


def _put_aside(database: Path, now: datetime) -> Path | None:
    """Move the database away, its companions first: what they say must never meet another file."""
    aside = database.with_name(f"{database.name}.replaced-{now.astimezone(UTC).strftime(_MOMENT)}")
    there = [path for path in (*integrity.companions(database), database) if path.exists()]
    for path in there:
        os.replace(path, path.with_name(path.name.replace(database.name, aside.name, 1)))
    return aside if there else None


def offer(database: Path, folder: Path) -> str:
    """Say in one sentence which backup would help a damaged `database`."""
    newest = next(iter(Backups(database, folder).all()), None)
    if newest is None:
        return f"there is no backup in {folder}; keep a copy of the file before you try anything with it"
    moment = newest.made_at.isoformat(timespec="seconds")
    return f"restore the last verified backup, of {moment}: quarterdeck db restore {newest.path}"


def remove(path: Path) -> None:
    """Delete a database file and what SQLite laid beside it."""
    for victim in (path, *integrity.companions(path), path.with_name(f"{path.name}-journal")):
        victim.unlink(missing_ok=True)


def _count(connection: sqlite3.Connection) -> dict[str, int]:
    names = [
        row[0]
        for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
