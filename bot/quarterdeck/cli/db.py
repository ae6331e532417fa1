"""`quarterdeck db`: check, back up, restore and migrate the database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.errors import NotFound
from quarterdeck.core.ports import Json

COLUMNS = ("made_at", "size_bytes", "path")


@click.group("db", cls=VerbGroup)
def verb() -> None:
    """Check, back up, restore and migrate the database.

    \b
    Example:
      quarterdeck db backup
    """


@verb.command("backup")
@click.option("--list", "is_list", is_flag=True, help="Show the backups there are instead.")
@click.pass_obj
def backup(invocation: Invocation, is_list: bool) -> None:
    """Copy the database, verify the copy and keep it with the hourly ones; the bot may run.

    \b
    Examples:
      quarterdeck db backup
      quarterdeck db backup --list
    """
    if is_list:
        found = cast("list[Mapping[str, Json]]", call("db.backups"))
        invocation.show(found, table(found, COLUMNS, empty="No backups."))
        return
    made = cast("Mapping[str, Json]", call("db.backup"))
    invocation.show(made, f"Verified, {made['rows']} rows: {made['path']}")


@verb.command("check")
@click.pass_obj
def check(invocation: Invocation) -> int:
    """Read every page and compare every index with its table; exit status 1 when something is wrong.

    \b
    Example:
      quarterdeck db check
    """
    found = cast("Mapping[str, Json]", call("db.check"))
    if found["ok"]:
        rows = sum(cast("Mapping[str, int]", found["rows"]).values())
        text = f"Whole: schema {found['schema']}, {rows} rows, SQLite {found['sqlite']}."
        text += f"\n{found['warning']}" if found["warning"] else ""
    else:
        text = f"{found['problem']}\n  fix: {found['fix']}"
    invocation.show(found, text)
    return 0 if found["ok"] else 1


@verb.command("restore")
@click.argument("backup", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def restore(invocation: Invocation, backup: Path | None) -> None:
    """Put BACKUP, or the last one, in the place of the database, which is kept beside it. Stop the bot first.

    \b
    Examples:
      quarterdeck db restore
      quarterdeck db restore ~/old/quarterdeck-20261121T090000000000Z.db
    """
    from quarterdeck.runtime.process.lock import Lock
    from quarterdeck.store.upkeep import backup as backups

    paths = invocation.loaded.settings.paths()
    paths.create()
    with Lock(paths.lock, "db restore"):
        kept = backups.Backups(paths.database, paths.backups).all()
        if backup is None and not kept:
            raise NotFound(f"there is no backup in {paths.backups}", hint="name the file: db restore BACKUP")
        chosen = backup or kept[0].path
        aside = backups.restore(paths.database, chosen)
    done: dict[str, Json] = {"restored": str(chosen), "replaced": str(aside) if aside else None}
    text = f"Restored {chosen}." + (f" What was there is kept as {aside}." if aside else "")
    invocation.show(done, text)


@verb.command("upgrade")
@click.pass_obj
def upgrade(invocation: Invocation) -> None:
    """Bring the database to this program's schema, after a verified backup; every start does so by itself.

    \b
    Example:
      quarterdeck db upgrade
    """
    from quarterdeck.runtime.process.lock import Held, Lock
    from quarterdeck.store.upkeep import revision, schema

    paths = invocation.loaded.settings.paths()
    paths.create()
    before = revision.revision_of(paths.database) if paths.database.exists() else None
    try:
        with Lock(paths.lock, "db upgrade"):
            schema.prepare(paths.database, paths.backups)
    except Held:
        if before != revision.HEAD:
            raise
    done: dict[str, Json] = {"from": before, "to": revision.HEAD}
    is_same = before == revision.HEAD
    text = (
        f"Schema {revision.HEAD} already." if is_same else f"From {before or 'nothing'} to {revision.HEAD}."
    )
    invocation.show(done, text)
