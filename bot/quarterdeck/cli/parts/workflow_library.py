"""Be the verbs of `quarterdeck workflow` that switch the library's workflows on and off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, Verb
from quarterdeck.cli.remote import call
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json


@click.command("enable", cls=Verb)
@click.argument("name")
@click.argument("inputs", nargs=-1, metavar="[NAME=VALUE]...")
@click.pass_obj
def enable(invocation: Invocation, name: str, inputs: tuple[str, ...]) -> None:
    """Offer a workflow of the library: its own command, in help and menus, and to models.

    NAME=VALUE sets inputs that are always the same; who starts it need not give them. The bot takes it up while it
    runs. `workflow list` shows what there is.

    \b
    Examples:
      quarterdeck workflow enable watch
      quarterdeck workflow enable deploy pipeline=https://ci.example.com/api/deployments
    """
    given: dict[str, Json] = {}
    for one in inputs:
        key, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"{one!r} is no input", hint="write NAME=VALUE, such as days=21")
        given[key] = value
    done = cast("Mapping[str, Json]", call("workflow.enable", {"name": name, "inputs": given}))
    fixed = ", ".join(f"{key}={value}" for key, value in cast("Mapping[str, Json]", done["inputs"]).items())
    invocation.show(done, f"{name} is on{f' with {fixed}' if fixed else ''}: {done['title']}")


@click.command("disable", cls=Verb)
@click.argument("name")
@click.pass_obj
def disable(invocation: Invocation, name: str) -> None:
    """Offer a workflow of the library no more; runs that are under way go on.

    \b
    Example:
      quarterdeck workflow disable watch
    """
    done = cast("Mapping[str, Json]", call("workflow.disable", {"name": name}))
    invocation.show(done, f"{name} {'is off' if done['changed'] else 'was off already'}.")


LIBRARY_VERBS = (enable, disable)
