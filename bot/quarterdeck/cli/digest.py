"""`quarterdeck digest`: show, try out and send digests."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

COLUMNS = ("name", "title", "at", "timezone", "sources", "to")


@click.group("digest", cls=VerbGroup)
def verb() -> None:
    """Show, try out and send digests of many sources.

    \b
    Example:
      quarterdeck digest preview morning
    """


@verb.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List digests: those of the settings file and those made in conversations.

    \b
    Example:
      quarterdeck digest list --json
    """
    found = cast("list[Mapping[str, Json]]", call("digest.list"))
    invocation.show(found, table(found, COLUMNS, empty="No digests."))


@verb.command("preview")
@click.argument("name")
@click.option("--conversation", default="", help="For whom; its first channel unless given.")
@click.pass_obj
def preview(invocation: Invocation, name: str, conversation: str) -> None:
    """Show what the next issue would be, sending and remembering nothing.

    \b
    Example:
      quarterdeck digest preview morning
    """
    found = cast("Mapping[str, Json]", call("digest.preview", {"name": name, "conversation": conversation}))
    invocation.show(found, str(found["text"]))


@verb.command("send")
@click.argument("name")
@click.option("--conversation", default="", help="To this one only.")
@click.pass_obj
def send(invocation: Invocation, name: str, conversation: str) -> None:
    """Send the next issue to every channel and reader, beside its plan.

    \b
    Example:
      quarterdeck digest send morning
    """
    parameters = {"name": name, "conversation": conversation, "key": uuid.uuid4().hex}
    sent = cast("Mapping[str, Json]", call("digest.send", parameters))
    waiting = cast("list[str]", sent["waiting"])
    invocation.show(
        sent,
        f"Sent to {sent['sent']}, waiting for the end of quiet hours: {', '.join(waiting) or 'none'}, "
        f"without news: {sent['without_news']}.",
    )


@verb.command("remove")
@click.argument("name")
@click.pass_obj
def remove(invocation: Invocation, name: str) -> None:
    """Delete a digest that was made in a conversation.

    \b
    Example:
      quarterdeck digest remove morning
    """
    removed = cast("Mapping[str, Json]", call("digest.remove", {"name": name}))
    invocation.show(removed, f"Removed {removed['name']}.")
