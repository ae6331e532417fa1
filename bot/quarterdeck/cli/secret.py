"""`quarterdeck secret`: keep secrets encrypted, by name. A value never stands on the command line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json

COLUMNS = ("name", "kind", "created_at", "rotated_at", "problem")


@click.group("secret", cls=VerbGroup)
def verb() -> None:
    """Keep secrets encrypted, by name; settings refer to them as secret:NAME.

    \b
    Example:
      quarterdeck secret set SLACK_BOT_TOKEN
    """


@verb.command("set")
@click.argument("name")
@click.argument("value", nargs=-1, metavar="")
@click.pass_obj
def set_(invocation: Invocation, name: str, value: tuple[str, ...]) -> None:
    """Keep a secret under NAME. Its value is asked for without echo, or read from standard input.

    \b
    Examples:
      quarterdeck secret set OPENAI_API_KEY
      pass show openai | quarterdeck secret set OPENAI_API_KEY
    """
    if value:
        raise UsageError(
            "a secret does not stand on the command line, where other users and your shell's history see it",
            hint=f"run `quarterdeck secret set {name}` and type it when asked; what you typed is known now: change it",
        )
    done = cast("Mapping[str, Json]", call("secret.set", {"name": name, "value": _read(name)}))
    invocation.show(done, f"{'Kept' if done['is_new'] else 'Replaced'} {name}: refer to it as secret:{name}")


@verb.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the names of secrets; a problem is named where one cannot be read.

    \b
    Example:
      quarterdeck secret list
    """
    found = cast("list[Mapping[str, Json]]", call("secret.list"))
    invocation.show(found, table(found, COLUMNS, empty="No secrets."))


@verb.command("remove")
@click.argument("name")
@click.pass_obj
def remove(invocation: Invocation, name: str) -> None:
    """Forget a secret.

    \b
    Example:
      quarterdeck secret remove OPENAI_API_KEY
    """
    invocation.show(call("secret.remove", {"name": name}), f"Removed {name}.")


@verb.command("rotate")
@click.option("--lost-key", is_flag=True, help="Go on though the present key is gone for good.")
@click.pass_obj
def rotate(invocation: Invocation, lost_key: bool) -> int:
    """Encrypt all secrets anew under a new key. Earlier keys are kept: earlier backups need them.

    Exit status 1 when some could not be read; they stay as they are until they are set again.

    \b
    Example:
      quarterdeck secret rotate
    """
    done = cast("Mapping[str, Json]", call("secret.rotate", {"lost_key": lost_key}))
    unreadable = cast("list[str]", done["unreadable"])
    text = f"{done['rotated']} secrets have key version {done['key_version']} now."
    if unreadable:
        text += f" Not readable, set them again: {', '.join(unreadable)}"
    invocation.show(done, text)
    return 1 if unreadable else 0


def _read(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Value of {name} (not shown)", hide_input=True, err=True))
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")
