"""`quarterdeck audit`: check the record of who did what, and give it out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
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


@verb.command("show")
@click.argument("event_key")
@click.pass_obj
def show(invocation: Invocation, event_key: str) -> None:
    """Show all that is known of one event: who, what was decided and why, what was done, which messages it led to.

    \b
    Example:
      quarterdeck audit show slack:T1:C1:1732.000100
    """
    found = cast("Mapping[str, Json]", call("audit.show", {"event": event_key}))
    invocation.show(found, "\n".join(_lines(found)))


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


def _lines(found: Mapping[str, Json]) -> Iterator[str]:
    event = cast("Mapping[str, Json] | None", found["event"])
    if event is not None:
        yield f"{_moment(event['received_at_ms'])}  {event['kind']} in {event['conversation']}, {event['state']}"
    for row in cast("list[Mapping[str, Json]]", found["rows"]):
        detail = {
            name: held for name, held in cast("Mapping[str, Json]", row["detail"]).items() if name != "event"
        }
        told = json.dumps(detail, ensure_ascii=False)
        yield f"{_moment(row['at_ms'])}  {row['n']} {row['kind']} by {row['person'] or '-'}: {told}"
    for one in cast("list[Mapping[str, Json]]", found["deliveries"]):
        where = f"{one['state']} in {one['conversation']}"
        yield f"{_moment(one['sent_at_ms'])}  {one['id']} {where}: message {one['message'] or '-'}"


def _moment(at_ms: Json) -> str:
    if not isinstance(at_ms, int):
        return " " * 29
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


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
