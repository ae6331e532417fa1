"""`quarterdeck delivery`: show what of the bot's answers did not arrive, and send it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

STATES = ("waiting", "sending", "sent", "unknown", "dead")
COLUMNS = ("id", "conversation", "state", "attempts", "reason", "created_at")


@click.group("delivery", cls=VerbGroup)
def verb() -> None:
    """Show what did not arrive, and send it again.

    \b
    Example:
      quarterdeck delivery list
    """


@verb.command("list")
@click.option(
    "--open", "is_open", is_flag=True, help="Only what is not sent: waiting, sending, unknown, dead."
)
@click.option("--conversation", default="", help="Only this conversation.")
@click.option("--state", type=click.Choice(STATES), default=None, help="Only what is in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many.")
@click.pass_obj
def list_(invocation: Invocation, *, is_open: bool, conversation: str, state: str | None, limit: int) -> None:
    """List outgoing parts with their state, newest first: waiting, sending, sent, unknown or dead.

    \b
    Example:
      quarterdeck delivery list --open
    """
    asked: dict[str, Json] = {
        "open": is_open,
        "conversation": conversation,
        "state": state or "",
        "limit": limit,
    }
    found = cast("list[Mapping[str, Json]]", call("delivery.list", asked))
    invocation.show(found, table(found, COLUMNS, empty="Nothing here."))


@verb.command("retry")
@click.argument("delivery_id", metavar="[ID]", default="")
@click.option(
    "--conversation", default="", help="Everything that is dead in this conversation, oldest first."
)
@click.pass_obj
def retry(invocation: Invocation, delivery_id: str, *, conversation: str) -> None:
    """Send a part again that is unknown or dead. Look first whether an unknown one arrived.

    \b
    Example:
      quarterdeck delivery retry slack:T1:Ev01#1
    """
    if bool(delivery_id) == bool(conversation):
        raise click.UsageError("name one: the ID of a part, or --conversation ID")
    if conversation:
        all_ = cast("Mapping[str, Json]", call("delivery.retry", {"conversation": conversation}))
        invocation.show(all_, f"{all_['count']} are on their way again.")
        return
    again = cast("Mapping[str, Json]", call("delivery.retry", {"id": delivery_id}))
    invocation.show(again, f"{again['id']} is on its way again.")
