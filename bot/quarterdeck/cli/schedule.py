"""`quarterdeck schedule`: show and change what runs by itself."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

NO_LIMIT = -1
DETAILS = (
    "id",
    "trigger",
    "timezone",
    "what",
    "conversation",
    "misfire",
    "overlap",
    "lateness_s",
    "paused",
    "version",
)
COLUMNS = ("id", "trigger", "timezone", "what", "conversation", "state", "next", "last")


@click.group("schedule", cls=VerbGroup)
def verb() -> None:
    """Show and change schedules.

    \b
    Example:
      quarterdeck schedule add "every weekday at 9" Europe/Berlin /digest
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


MISFIRE = click.option("--misfire", help='Missed times: skip, once (the default), all, "all <= N", or ask.')
OVERLAP = click.option(
    "--overlap",
    type=click.Choice(["skip", "queue", "parallel", "cancel"]),
    help="While an earlier one still runs: skip (the default), queue, parallel, or cancel it.",
)
LATE = click.option(
    "--late", type=float, metavar="MINUTES", help="How late a missed time may be made up for; 0 is any."
)
VERSION = click.option("--version", "version", type=int, default=0, help="Only if it still has this version.")
YES = click.option("--yes", "-y", "is_sure", is_flag=True, help="Store it without asking.")


@verb.command("add")
@click.argument("trigger")
@click.argument("words", nargs=-1, required=True, metavar="[ZONE] /COMMAND…")
@click.option("--conversation", default="", help="Where it runs; the console unless given.")
@MISFIRE
@OVERLAP
@LATE
@YES
@click.pass_obj
def add(
    invocation: Invocation,
    trigger: str,
    words: tuple[str, ...],
    conversation: str,
    misfire: str | None,
    overlap: str | None,
    late: float | None,
    is_sure: bool,
) -> None:
    """Run a command at planned times: plain words, a cron line, "every 10m", or one moment.

    What was understood is shown with the next times, and stored after a yes. Without a terminal give --yes.

    \b
    Example:
      quarterdeck schedule add --yes "every weekday at 9" Europe/Berlin /digest
    """
    timezone, what = _split(words)
    understood = _agreed({"trigger": trigger, "timezone": timezone}, what, is_sure=is_sure)
    added = call(
        "schedule.add",
        {
            "key": uuid.uuid4().hex,
            "trigger": understood["trigger"],
            "timezone": understood["timezone"],
            "what": what,
            "conversation": conversation,
            "misfire": misfire or "",
            "overlap": overlap or "",
            "lateness_s": _lateness(late),
        },
    )
    _show(invocation, added)


@verb.command("edit")
@click.argument("schedule_id", metavar="ID")
@click.option("--trigger", default="", help="When it runs.")
@click.option("--timezone", default="", help="By whose clock.")
@click.option("--what", default="", help="The command line.")
@MISFIRE
@OVERLAP
@LATE
@VERSION
@YES
@click.pass_obj
def edit(
    invocation: Invocation,
    schedule_id: str,
    trigger: str,
    timezone: str,
    what: str,
    misfire: str | None,
    overlap: str | None,
    late: float | None,
    version: int,
    is_sure: bool,
) -> None:
    """Change a schedule, unless somebody else was faster.

    \b
    Example:
      quarterdeck schedule edit 1f2e3d4c --trigger "every weekday at 10" --yes
    """
    parameters: dict[str, Json] = {"id": schedule_id, "trigger": trigger, "timezone": timezone, "what": what}
    if trigger or timezone:
        understood = _agreed(parameters, what or f"the command of {schedule_id}", is_sure=is_sure)
        parameters["trigger"] = understood["trigger"] if trigger else ""
        version = version or cast("int", understood["version"])
    parameters |= {"misfire": misfire or "", "overlap": overlap or "", "lateness_s": _lateness(late)}
    _show(invocation, call("schedule.edit", {**parameters, "version": version}))


@verb.command("show")
@click.argument("schedule_id", metavar="ID")
@click.pass_obj
def show(invocation: Invocation, schedule_id: str) -> None:
    """Show a schedule, and how its latest times went.

    \b
    Example:
      quarterdeck schedule show 1f2e3d4c
    """
    found = cast("Mapping[str, Json]", call("schedule.show", {"id": schedule_id}))
    fires = cast("list[Mapping[str, Json]]", found["fires"])
    rows = "\n".join(f"{name}: {found[name]}" for name in DETAILS)
    listed = table(fires, ("planned", "outcome", "result", "reason"), empty="No planned time has come yet.")
    invocation.show(found, f"{rows}\nnext:\n{_moments(found) or '  none'}\n\n{listed}")


@verb.command("preview")
@click.argument("trigger")
@click.argument("timezone", default="")
@click.pass_obj
def preview(invocation: Invocation, trigger: str, timezone: str) -> None:
    """Show what a trigger means and its next five times, storing nothing.

    \b
    Example:
      quarterdeck schedule preview "every weekday at 9" Europe/Berlin
    """
    found = cast("Mapping[str, Json]", call("schedule.preview", {"trigger": trigger, "timezone": timezone}))
    invocation.show(found, _understood(found))


@verb.command("pause")
@click.argument("schedule_id", metavar="ID")
@VERSION
@click.pass_obj
def pause(invocation: Invocation, schedule_id: str, version: int) -> None:
    """Stop a schedule from firing; times that pass meanwhile are not made up for.

    \b
    Example:
      quarterdeck schedule pause 1f2e3d4c
    """
    _show(invocation, call("schedule.pause", {"id": schedule_id, "version": version}))


@verb.command("resume")
@click.argument("schedule_id", metavar="ID")
@VERSION
@click.pass_obj
def resume(invocation: Invocation, schedule_id: str, version: int) -> None:
    """Let a paused schedule go on.

    \b
    Example:
      quarterdeck schedule resume 1f2e3d4c
    """
    _show(invocation, call("schedule.resume", {"id": schedule_id, "version": version}))


@verb.command("remove")
@click.argument("schedule_id", metavar="ID")
@VERSION
@click.pass_obj
def remove(invocation: Invocation, schedule_id: str, version: int) -> None:
    """Delete a schedule.

    \b
    Example:
      quarterdeck schedule remove 1f2e3d4c
    """
    removed = cast("Mapping[str, Json]", call("schedule.remove", {"id": schedule_id, "version": version}))
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


def _agreed(parameters: Mapping[str, Json], what: str, *, is_sure: bool) -> Mapping[str, Json]:
    """Show what was understood and return it once somebody has agreed.

    Raises:
        UsageError: nobody is there to agree.
        Abort: they did not.
    """
    found = cast("Mapping[str, Json]", call("schedule.preview", dict(parameters)))
    if is_sure:
        return found
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"nobody is there to agree to: {found['said']}, {found['timezone']}; add --yes to store it"
        )
    click.echo(f"{what}: {_understood(found)}", err=True)
    click.confirm("Store this?", abort=True, err=True)
    return found


def _understood(found: Mapping[str, Json]) -> str:
    lines = [f"{found['said']}, {found['timezone']} ({found['trigger']})", _moments(found)]
    if change := cast("Mapping[str, Json] | None", found["clock_change"]):
        around = [f"{word} it {change[word]}" for word in ("before", "after") if change[word]]
        lines.append(f"clocks change at {change['at']}: {', '.join(around) or 'no planned time is near'}")
    return "\n".join(lines)


def _lateness(minutes: float | None) -> int | None:
    return None if minutes is None else round(minutes * 60) or NO_LIMIT


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
