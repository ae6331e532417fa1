"""`quarterdeck person`: say who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.person import ROLES
from quarterdeck.core.ports import Json

COLUMNS = ("id", "name", "role", "identities")


@click.group("person", cls=VerbGroup)
def verb() -> None:
    """Say who may do what.

    \b
    Example:
      quarterdeck person grant slack:T1:U1 operator
    """


@verb.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the people who were granted a role, with their accounts.

    \b
    Example:
      quarterdeck person list --json
    """
    found = cast("list[Mapping[str, Json]]", call("person.list"))
    invocation.show(found, table(map(_row, found), COLUMNS, empty="Nobody was granted a role yet."))


@verb.command("grant")
@click.argument("identity")
@click.argument("role", type=click.Choice(ROLES))
@click.option("--name", default="", help="How to call them; for people to read, never for deciding.")
@click.pass_obj
def grant(invocation: Invocation, identity: str, role: str, name: str) -> None:
    """Give the person behind IDENTITY a role, in place of the one they had; somebody new is made.

    IDENTITY is platform:workspace:user with the platform's own ids: slack:T1:U1, discord::42, telegram::42.

    \b
    Example:
      quarterdeck person grant slack:T1:U1 owner
    """
    granted = cast(
        "Mapping[str, Json]", call("person.grant", {"identity": identity, "role": role, "name": name})
    )
    invocation.show(granted, f"{identity} is {granted['role']} now.")


@verb.command("revoke")
@click.argument("identity")
@click.pass_obj
def revoke(invocation: Invocation, identity: str) -> None:
    """Take the role from the person behind IDENTITY, from all their accounts at once.

    \b
    Example:
      quarterdeck person revoke slack:T1:U1
    """
    revoked = cast("Mapping[str, Json]", call("person.revoke", {"identity": identity}))
    invocation.show(revoked, f"{identity} has no role any more.")


def _row(person: Mapping[str, Json]) -> dict[str, Json]:
    return {**person, "identities": ", ".join(cast("list[str]", person["identities"]))}
