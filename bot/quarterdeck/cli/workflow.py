"""`quarterdeck workflow`: show and stop durable runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

COLUMNS = ("run_id", "workflow", "state", "step", "started_at", "finished_at", "conversation")


@click.group("workflow", cls=VerbGroup)
def verb() -> None:
    """Show and stop durable runs.

    \b
    Example:
      quarterdeck workflow runs
    """


@verb.command("runs")
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


@verb.command("cancel")
@click.argument("run_id")
@click.pass_obj
def cancel(invocation: Invocation, run_id: str) -> None:
    """Stop a run before its next step; one that has ended stays as it is.

    \b
    Example:
      quarterdeck workflow cancel cron:1f2e3d4c:2026-11-23T08:00:00+00:00
    """
    stopped = cast("Mapping[str, Json]", call("workflow.cancel", {"run_id": run_id}))
    invocation.show(stopped, f"{stopped['run_id']}: {stopped['state']}")
