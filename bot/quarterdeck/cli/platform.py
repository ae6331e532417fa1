"""`quarterdeck platform`: show which chat platforms are connected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

COLUMNS = ("platform", "state", "reason")


@click.group("platform", cls=VerbGroup)
def verb() -> None:
    """Show chat platforms.

    \b
    Example:
      quarterdeck platform list
    """


@verb.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the platforms there are, with their state and what would switch them on.

    \b
    Example:
      quarterdeck platform list --json
    """
    found = cast("list[Mapping[str, Json]]", call("platform.list"))
    invocation.show(found, table(found, COLUMNS, empty="No platforms."))
