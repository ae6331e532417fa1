"""`quarterdeck schedule`: show and change what runs by itself."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

COLUMNS = ("id", "trigger", "timezone", "what", "conversation", "state", "next", "last")


@click.group("schedule", cls=VerbGroup)
def verb() -> None:
    """Show and change schedules.

    \b
    Example:
      quarterdeck schedule add "0 9 * * mon-fri" Europe/Berlin /digest
    """


@verb.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List schedules with their next times.

    \b
    Example:
      quarterdeck schedule list --json
    """
    found = cast("list[Mapping[str, Json]]", call("schedule.list"))
    invocation.show(found, table(map(_row, found), COLUMNS, empty="No schedules."))


@verb.command("add")
@click.argument("trigger")
@click.argument("words", nargs=-1, required=True, metavar="[ZONE] /COMMAND…")
@click.option("--conversation", default="", help="Where it runs; the console unless given.")
@click.option(
    "--misfire",
    type=click.Choice(["skip", "once", "all"]),
    default="once",
    show_default=True,
    help="What becomes of times missed while the bot was down.",
)
@click.pass_obj
def add(
    invocation: Invocation, trigger: str, words: tuple[str, ...], conversation: str, misfire: str
) -> None:
    """Run a command at planned times: a cron line, "every 10m", or one moment.

    \b
    Example:
      quarterdeck schedule add "0 9 * * mon-fri" Europe/Berlin /digest
    """
    timezone, what = _split(words)
    added = call(
        "schedule.add",
        {
            "key": uuid.uuid4().hex,
            "trigger": trigger,
            "timezone": timezone,
            "what": what,
            "conversation": conversation,
            "misfire": misfire,
        },
    )
    _show(invocation, added)


@verb.command("preview")
@click.argument("trigger")
@click.argument("timezone", default="")
@click.pass_obj
def preview(invocation: Invocation, trigger: str, timezone: str) -> None:
    """Show the next five times of a trigger, storing nothing.

    \b
    Example:
      quarterdeck schedule preview "30 2 * * *" Europe/Berlin
    """
    found = cast("Mapping[str, Json]", call("schedule.preview", {"trigger": trigger, "timezone": timezone}))
    invocation.show(found, _moments(found) or "No time to come.")


@verb.command("pause")
@click.argument("schedule_id", metavar="ID")
@click.pass_obj
def pause(invocation: Invocation, schedule_id: str) -> None:
    """Stop a schedule from firing; times that pass meanwhile are not made up for.

    \b
    Example:
      quarterdeck schedule pause 1f2e3d4c
    """
    _show(invocation, call("schedule.pause", {"id": schedule_id}))


@verb.command("resume")
@click.argument("schedule_id", metavar="ID")
@click.pass_obj
def resume(invocation: Invocation, schedule_id: str) -> None:
    """Let a paused schedule go on.

    \b
    Example:
      quarterdeck schedule resume 1f2e3d4c
    """
    _show(invocation, call("schedule.resume", {"id": schedule_id}))


@verb.command("remove")
@click.argument("schedule_id", metavar="ID")
@click.pass_obj
def remove(invocation: Invocation, schedule_id: str) -> None:
    """Delete a schedule.

    \b
    Example:
      quarterdeck schedule remove 1f2e3d4c
    """
    removed = cast("Mapping[str, Json]", call("schedule.remove", {"id": schedule_id}))
    invocation.show(removed, f"Removed {removed['id']}: {removed['what']}")


@verb.command("run")
@click.argument("schedule_id", metavar="ID")
@click.pass_obj
def run(invocation: Invocation, schedule_id: str) -> None:
    """Fire a schedule now, beside its plan.

    \b
    Example:
      quarterdeck schedule run 1f2e3d4c
    """
    started = cast("Mapping[str, Json]", call("schedule.run", {"id": schedule_id, "key": uuid.uuid4().hex}))
    invocation.show(started, f"Running {started['what']} in {started['conversation']}.")


def _split(words: tuple[str, ...]) -> tuple[str, str]:
    """Take the zone, if there is one, off the command line."""
    if words[0].startswith("/"):
        return "", " ".join(words)
    return words[0], " ".join(words[1:])


def _show(invocation: Invocation, schedule: Json) -> None:
    shown = cast("Mapping[str, Json]", schedule)
    rows = "\n".join(f"{name}: {_row(shown)[name]}" for name in COLUMNS if name != "next")
    invocation.show(shown, f"{rows}\nnext:\n{_moments(shown) or '  none'}")


def _moments(shown: Mapping[str, Json]) -> str:
    return "\n".join(f"  {moment}" for moment in cast("list[str]", shown["next"]))


def _row(schedule: Mapping[str, Json]) -> dict[str, Json]:
    planned = cast("list[str]", schedule["next"])
    state = "paused" if schedule["paused"] else "on"
    return {**schedule, "state": state, "next": planned[0] if planned else None}
