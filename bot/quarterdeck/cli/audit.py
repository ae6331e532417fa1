"""`quarterdeck audit`: check the record of who did what, and give it out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Final, cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

PAGE: Final = 1000


@click.group("audit", cls=VerbGroup)
def verb() -> None:
    """Check and export the record of who did what.

    \b
    Example:
      quarterdeck audit verify
    """


@verb.command("verify")
@click.pass_obj
def verify(invocation: Invocation) -> int:
    """Follow the chain of hashes from the first row to the last.

    Exit status 1 when a row was changed, taken out, put in or moved, or the end was cut off.

    \b
    Example:
      quarterdeck audit verify
    """
    verdict = cast("Mapping[str, Json]", call("audit.verify"))
    problems = cast("list[str]", verdict["problems"])
    text = "\n".join(problems) if problems else f"{verdict['rows']} rows, all as they were written."
    invocation.show(verdict, text)
    return 0 if verdict["ok"] else 1


@verb.command("export")
@click.option("--after", type=click.IntRange(0), default=0, help="Leave out rows up to this number.")
@click.pass_obj
def export(invocation: Invocation, after: int) -> None:
    """Print rows as JSON Lines, oldest first, secrets masked; with --json as one list.

    \b
    Example:
      quarterdeck audit export --after 5000 >> audit.jsonl
    """
    everything: list[Json] = []

    def show(row: Json) -> None:
        if invocation.as_json:
            everything.append(row)
        else:
            click.echo(invocation.clean(json.dumps(row, ensure_ascii=False)))

    asyncio.run(_export(invocation, after, show))
    if invocation.as_json:
        invocation.show(everything, "")


async def _export(invocation: Invocation, after: int, show: Callable[[Json], None]) -> None:
    """Show row by row, page by page, through one door."""
    from quarterdeck.cli.host import reach

    is_more = True
    async with reach(invocation, "audit.export") as door:
        while is_more:
            page = await door.call("audit.export", {"after": after, "limit": PAGE})
            rows = cast("list[Mapping[str, Json]]", page)
            for row in rows:
                show(row)
            is_more = len(rows) == PAGE
            after = cast("int", rows[-1]["n"]) if rows else after
