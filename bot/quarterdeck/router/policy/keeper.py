"""Keep the last good policy, and the directory of people, up to date with their files.

A file that changed is read within `LOOK_S`. One that is wrong changes nothing: the last good one stays in force, and
log, `check` and `policy reload` say what is wrong and where.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

from quarterdeck.core.errors import QuarterdeckError, SetupError
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.router.policy.authority import Authority
from quarterdeck.router.policy.policy import Policy
from quarterdeck.runtime.process.tasks import in_thread

LOOK_S = 0.5

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int] | None
Entries = Mapping[str, tuple[str, tuple[str, ...]]]


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None:
        """Add one row to the audit record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Say where things are read from, and what is done with them.

    `policy` reads a file, or what is shipped for None; `entries` reads the directory; `sync` makes it true.
    """

    policy: Callable[[Path | None], Policy]
    policy_file: Path
    is_policy_named: bool = False
    directory_file: Path | None = None
    entries: Callable[[Path], Entries] | None = None
    sync: Callable[[Entries], Awaitable[Mapping[str, str]]] | None = None


class Keeper:
    """Read the files at the start, and whenever they change. `authority` always holds the last good policy."""

    def __init__(self, sources: Sources, record: Record, clock: Clock) -> None:
        """Read the policy.

        Raises:
            SetupError: it is wrong; there is no last good one yet.
        """
        self._sources, self._record, self._clock = sources, record, clock
        self._policy_stamp = _stamp(sources.policy_file)
        self._directory_stamp: Stamp = None
        self.problem: SetupError | None = None
        self.authority = Authority(sources.policy(self._file()))

    async def start(self) -> None:
        """Make the directory true.

        Raises:
            SetupError: its file is wrong.
        """
        await self._read_directory()

    async def watch(self) -> None:
        """Take over what changes, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Take over what has changed since the last look; what is wrong is logged."""
        if _stamp(self._sources.policy_file) != self._policy_stamp:
            await self._tolerate(self._read_policy)
        directory = self._sources.directory_file
        if directory is not None and _stamp(directory) != self._directory_stamp:
            await self._tolerate(self._read_directory)

    async def reload(self) -> None:
        """Read both files now.

        Raises:
            SetupError: one is wrong; what held before still holds.
        """
        await self._read_policy()
        await self._read_directory()

    async def _tolerate(self, read: Callable[[], Awaitable[None]]) -> None:
        try:
            await read()
        except QuarterdeckError as error:
            log.error(
                "Policy not taken over: the last good one stays",
                extra={
                    "error": error.message,
                    "fix": error.hint,
                    "file": getattr(error, "file", None),
                    "line": getattr(error, "line", None),
                    "column": getattr(error, "column", None),
                },
            )

    async def _read_policy(self) -> None:
        self._policy_stamp = _stamp(self._sources.policy_file)
        try:
            policy = await in_thread(self._sources.policy, self._file())
        except SetupError as error:
            self.problem = error
            raise
        detail = {"what": "reload", "file": str(self._sources.policy_file), "rules": len(policy.rules)}
        await self._record.append("policy", detail)
        self.authority.policy, self.problem = policy, None
        log.info("Policy taken over", extra={"rules": len(policy.rules)})

    async def _read_directory(self) -> None:
        sources = self._sources
        if sources.directory_file is None or sources.entries is None or sources.sync is None:
            return
        self._directory_stamp = _stamp(sources.directory_file)
        entries = await in_thread(sources.entries, sources.directory_file)
        await self._record.append("directory", {"what": "read", "entries": len(entries)})
        for key, problem in (await sources.sync(entries)).items():
            log.error("Directory entry not taken over", extra={"entry": key, "error": problem})

    def _file(self) -> Path | None:
        """Return the owner's file; None where there is none and nobody named one."""
        is_wanted = self._sources.is_policy_named or self._policy_stamp is not None
        return self._sources.policy_file if is_wanted else None


def _stamp(file: Path) -> Stamp:
    """Return what changes when the file does; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
