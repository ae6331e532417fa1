"""Be the verbs of `quarterdeck workflow` that start, show, stop and resume runs; `workflow.py` takes them in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from quarterdeck.cli.invocation import Invocation, Verb
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json

if TYPE_CHECKING:
    from quarterdeck_workflows.engine.rehearsal import Verdict

COLUMNS = ("run_id", "workflow", "state", "step", "started_at", "finished_at", "conversation")
TIMELINE = ("at", "place", "outcome", "took_ms", "detail")
PLAN = ("path", "id", "kind", "action", "effect", "may", "rule")
ENDED_BADLY = ("failed", "cancelled", "unknown")


@click.command("run", cls=Verb)
@click.argument("name")
@click.argument("inputs", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--dry-run", is_flag=True, help="Say what would run and with which rights, and do none of it.")
@click.option("--no-wait", is_flag=True, help="Return as soon as the run is on disk.")
@click.pass_obj
def run(invocation: Invocation, name: str, inputs: tuple[str, ...], dry_run: bool, no_wait: bool) -> int:
    """Start a workflow as yourself, and wait until it is over or waits for people.

    \b
    Examples:
      quarterdeck workflow run deploy service=api
      quarterdeck workflow run deploy service=api --dry-run
      quarterdeck workflow run check-report report=./march.csv
    """
    line = " ".join(_quoted(one) for one in inputs)
    if dry_run:
        plan = cast("Mapping[str, Json]", call("workflow.plan", {"name": name, "inputs": line}))
        rows = cast("list[Mapping[str, Json]]", plan["steps"])
        invocation.show(plan, table(rows, PLAN, empty="No steps."))
        return 0
    parameters: dict[str, Json] = {"name": name, "inputs": line, "key": uuid.uuid4().hex, "wait": not no_wait}
    parameters["folder"] = str(Path.cwd())  # where inputs of the kind file are looked for
    started = cast("Mapping[str, Json]", call("workflow.run", parameters))
    message = f"\n{started['message']}" if started["message"] else ""
    invocation.show(started, f"{started['run_id']}: {started['state']}{message}")
    return 1 if started["state"] in ENDED_BADLY else 0


@click.command("runs", cls=Verb)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@click.pass_obj
def runs(invocation: Invocation, limit: int) -> None:
    """List runs, newest first.

    \b
    Example:
      quarterdeck workflow runs --json
    """
    found = cast("list[Mapping[str, Json]]", call("workflow.runs", {"limit": limit}))
    invocation.show(found, table(found, COLUMNS, empty="No runs."))


@click.command("show", cls=Verb)
@click.argument("run_id")
@click.pass_obj
def show(invocation: Invocation, run_id: str) -> None:
    """Show a run with everything that it has done, and when.

    \b
    Example:
      quarterdeck workflow show deploy-1f2e3d4c5b
    """
    found = cast("Mapping[str, Json]", call("workflow.show", {"run_id": run_id}))
    head = "\n".join(
        f"{name}: {found[name]}" for name in (*COLUMNS, "message", "digest", "page") if found[name]
    )
    timeline = cast("list[Mapping[str, Json]]", found["timeline"])
    invocation.show(found, f"{head}\n\n{table(timeline, TIMELINE, empty='It has done nothing yet.')}")


@click.command("cancel", cls=Verb)
@click.argument("run_id")
@click.pass_obj
def cancel(invocation: Invocation, run_id: str) -> None:
    """Stop a run, and the step that it is in where that can be stopped; one that has ended stays as it is.

    \b
    Example:
      quarterdeck workflow cancel deploy-1f2e3d4c5b
    """
    stopped = cast("Mapping[str, Json]", call("workflow.cancel", {"run_id": run_id}))
    invocation.show(stopped, f"{stopped['run_id']}: {stopped['state']}")


@click.command("resume", cls=Verb)
@click.argument("run_id")
@click.option(
    "--step",
    "decision",
    type=click.Choice(["retry", "skip", "fail"]),
    default="retry",
    show_default=True,
    help="What is to become of a step of which nobody knows whether it was done.",
)
@click.pass_obj
def resume(invocation: Invocation, run_id: str, decision: str) -> None:
    """Go on with a failed run at the step that failed, or decide about a step that is held.

    \b
    Examples:
      quarterdeck workflow resume deploy-1f2e3d4c5b
      quarterdeck workflow resume deploy-1f2e3d4c5b --step skip
    """
    found = cast("Mapping[str, Json]", call("workflow.resume", {"run_id": run_id, "decision": decision}))
    invocation.show(found, f"{found['run_id']}: {found['state']}. {found['message']}")


@click.command("signal", cls=Verb)
@click.argument("event")
@click.option("--data", default="null", help="What comes with it, as JSON.")
@click.pass_obj
def signal(invocation: Invocation, event: str, data: str) -> None:
    """Hand an event to every run that waits for it.

    \b
    Example:
      quarterdeck workflow signal build-finished --data '{"version": "1.4.2"}'
    """
    try:
        payload = cast("Json", json.loads(data))
    except ValueError as error:
        raise UsageError(f"--data is no JSON: {error}", hint='write it as \'{"name": "value"}\'') from error
    parameters: dict[str, Json] = {"event": event, "payload": payload, "key": uuid.uuid4().hex}
    found = cast("Mapping[str, Json]", call("workflow.signal", parameters))
    invocation.show(found, f"{found['event']}: {found['runs']} runs waited for it.")


@click.command("test", cls=Verb)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.pass_obj
def test(invocation: Invocation, files: tuple[str, ...]) -> int:
    """Run the cases of workflow files: actions are stubbed, the clock is virtual, nothing reaches the world.

    FILE is a path or a name; without one, all of them. Exit status 1 when a case fails.

    \b
    Example:
      quarterdeck workflow test deploy.yaml
    """
    import asyncio

    from quarterdeck.cli.parts.workflow_files import shelf_of
    from quarterdeck_workflows.engine.rehearsal import rehearse
    from quarterdeck_workflows.language.parse import read_file

    shelf = shelf_of(invocation.loaded.settings)
    paths = [Path(one) if Path(one).is_file() else shelf.files.get(one) for one in files]
    for given, path in zip(files, paths, strict=True):
        if path is None:
            shelf.find(given)  # raises, and names the nearest
    wanted = [path for path in paths if path is not None] or list(shelf.files.values())
    verdicts: list[Verdict] = []
    for path in wanted:
        workflow = read_file(path)
        verdicts += asyncio.run(rehearse(workflow, {**shelf.workflows, workflow.name: workflow}))
    documents: list[Json] = [one.json() for one in verdicts]
    lines = [one.text() for one in verdicts] or ["No cases."]
    invocation.show(documents, "\n".join(lines))
    return 0 if all(one.is_passed for one in verdicts) else 1


VERBS = (run, runs, show, cancel, resume, signal, test)


def _quoted(pair: str) -> str:
    """Return `name=value` as one word of a line, whatever the value holds."""
    name, equals, value = pair.partition("=")
    if not equals or not any(sign.isspace() for sign in value):
        return pair
    return f"{name}='{value}'" if '"' in value else f'{name}="{value}"'
