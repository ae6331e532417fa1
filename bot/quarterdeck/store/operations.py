"""Offer secrets, the audit record and the database itself to the program's own verbs."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.runtime.secrets import NAME, Resolver, why_unusable
from quarterdeck.store.database.errors import StorageCorrupt
from quarterdeck.store.database.sqlite import version_warning
from quarterdeck.store.ledger.audit import PAGE, Audit
from quarterdeck.store.upkeep import backup
from quarterdeck.store.upkeep.backup import Backup, Backups
from quarterdeck.store.upkeep.revision import revision_of
from quarterdeck.store.vault.vault import Vault

LONGEST_SECRET: Final = 65_536  # characters; a key file with its chain of certificates is a tenth of that


def operations(*, vault: Vault, audit: Audit, backups: Backups, resolver: Resolver) -> list[Operation]:
    """Return all of them; `resolver` learns at once what is set and removed."""
    return [
        *_secret_operations(vault, resolver),
        *_audit_operations(audit),
        *_database_operations(backups),
    ]


def _secret_operations(vault: Vault, resolver: Resolver) -> list[Operation]:
    async def list_(_: Mapping[str, Json], __: Progress) -> Json:
        _values, described = await vault.load()
        return [
            {
                "name": one.id,
                "kind": one.kind,
                "created_at": _moment(one.created_at_ms),
                "rotated_at": _moment(one.rotated_at_ms),
                "problem": one.problem,
            }
            for one in described
        ]

    async def set_(parameters: Mapping[str, Json], _: Progress) -> Json:
        name, value = _name(parameters), str(parameters.get("value") or "")
        if reason := why_unusable(value):
            raise UsageError(f"the value for {name!r} is {reason}", hint="give the secret itself")
        if len(value) > LONGEST_SECRET:
            raise UsageError(
                f"the value for {name!r} is too long", hint=f"at most {LONGEST_SECRET} characters"
            )
        is_new = await vault.set(name, value)
        resolver.offer(name, value)
        return {"name": name, "is_new": is_new}

    async def remove(parameters: Mapping[str, Json], _: Progress) -> Json:
        name = _name(parameters)
        await vault.remove(name)
        resolver.withdraw(name)
        return {"name": name}

    async def rotate(parameters: Mapping[str, Json], _: Progress) -> Json:
        done = await vault.rotate(lost_key=parameters.get("lost_key") is True)
        return {"key_version": done.key_version, "rotated": done.rotated, "unreadable": list(done.unreadable)}

    return [
        Operation(name="secret.list", handler=list_),
        Operation(name="secret.set", handler=set_, effect="write"),
        Operation(name="secret.remove", handler=remove, effect="destructive"),
        Operation(name="secret.rotate", handler=rotate, effect="write"),
    ]


def _audit_operations(audit: Audit) -> list[Operation]:
    async def verify(_: Mapping[str, Json], __: Progress) -> Json:
        verdict = await audit.verify()
        return {"ok": verdict.is_whole, "rows": verdict.rows, "problems": list(verdict.problems)}

    async def export(parameters: Mapping[str, Json], _: Progress) -> Json:
        after, limit = _whole(parameters, "after", 0), _whole(parameters, "limit", PAGE)
        return list(await audit.rows(after=after, limit=min(limit, PAGE)))

    async def show(parameters: Mapping[str, Json], _: Progress) -> Json:
        key = str(parameters.get("event") or "")
        found = await audit.chain(key)
        if not (found["event"] or found["rows"] or found["deliveries"]):
            raise NotFound(
                f"nothing is known of the event {key[:120]!r}",
                hint="a key is platform:workspace:id, as it stands in `quarterdeck audit export`",
            )
        return found

    return [
        Operation(name="audit.show", handler=show),
        Operation(name="audit.verify", handler=verify),
        Operation(name="audit.export", handler=export),
    ]


def _database_operations(backups: Backups) -> list[Operation]:
    async def make(_: Mapping[str, Json], progress: Progress) -> Json:
        await progress("Copying and verifying the database")
        return _shown(await backups.make())

    async def all_(_: Mapping[str, Json], __: Progress) -> Json:
        return [_shown(one) for one in await in_thread(backups.all)]

    async def check(_: Mapping[str, Json], progress: Progress) -> Json:
        await progress("Reading every page")
        problem, rows = "", dict[str, int]()
        try:
            rows = dict(await in_thread(backup.verify, backups.database))
        except StorageCorrupt as error:
            problem = error.message
        return {
            "ok": not problem,
            "problem": problem,
            "fix": await in_thread(backup.offer, backups.database, backups.folder) if problem else "",
            "schema": await in_thread(revision_of, backups.database),
            "sqlite": sqlite3.sqlite_version,
            "warning": version_warning(),
            "rows": rows,
        }

    return [
        Operation(name="db.backup", handler=make, effect="write"),
        Operation(name="db.backups", handler=all_),
        Operation(name="db.check", handler=check),
    ]


def _name(parameters: Mapping[str, Json]) -> str:
    name = str(parameters.get("name") or "")
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a secret",
            hint="use letters, digits, '_', '.' and '-', with a letter or '_' first",
        )
    return name


def _whole(parameters: Mapping[str, Json], name: str, default: int) -> int:
    value = parameters.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{name} must be a whole number", hint="0 or more")
    return value


def _shown(one: Backup) -> dict[str, Json]:
    return {
        "path": str(one.path),
        "made_at": one.made_at.isoformat(timespec="milliseconds"),
        "size_bytes": one.size_bytes,
        "rows": None if one.rows is None else sum(one.rows.values()),
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
