"""`quarterdeck person`: say who is who, which accounts are theirs, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.remote import call
from quarterdeck.core.ports import Json

COLUMNS = ("id", "name", "role", "identities")
TOKEN_COLUMNS = ("id", "name", "scopes", "created_at", "expires_at", "revoked_at")


@click.group("person", cls=VerbGroup)
def verb() -> None:
    """Say who is who, which accounts are theirs, and what they may do.

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
@click.argument("role")
@click.option("--name", default="", help="How to call them; for people to read, never for deciding.")
@click.pass_obj
def grant(invocation: Invocation, identity: str, role: str, name: str) -> None:
    """Give the person behind IDENTITY a role, in place of the one they had; somebody new is made.

    IDENTITY is platform:workspace:user with the platform's own ids: slack:T1:U1, discord::42, telegram::42; a
    webhook is hook::NAME, a workflow that nobody starts workflow::NAME. ROLE is viewer, operator, editor, admin,
    owner, or one of your own (access.roles).

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


@verb.command("show")
@click.argument("person")
@click.pass_obj
def show(invocation: Invocation, person: str) -> None:
    """Show PERSON as they are now: role, groups, accounts, tokens.

    PERSON is one of their accounts, or their id.

    \b
    Example:
      quarterdeck person show slack:T1:U1
    """
    found = cast("Mapping[str, Json]", call("person.show", {"person": person}))
    invocation.show(found, "\n".join(_lines(found)))


@verb.command("link")
@click.argument("identity")
@click.argument("other")
@click.pass_obj
def link(invocation: Invocation, identity: str, other: str) -> None:
    """Make two accounts one person's, because you know that they are.

    What either was granted holds for both; the higher role is kept. People do this themselves with /link.

    \b
    Example:
      quarterdeck person link slack:T1:U1 telegram::42
    """
    linked = cast("Mapping[str, Json]", call("person.link", {"identity": identity, "other": other}))
    dropped = f" The role {linked['dropped_role']} was not kept." if linked["dropped_role"] else ""
    invocation.show(linked, f"{identity} and {other} are one person now.{dropped}")


@verb.command("unlink")
@click.argument("identity")
@click.pass_obj
def unlink(invocation: Invocation, identity: str) -> None:
    """Take the account IDENTITY from its person; from then on it is a stranger's.

    \b
    Example:
      quarterdeck person unlink telegram::42
    """
    parted = cast("Mapping[str, Json]", call("person.unlink", {"identity": identity}))
    invocation.show(parted, f"{identity} belongs to nobody now.")


@verb.command("invite")
@click.argument("role")
@click.option("--name", default="", help="The account's name; the invited person chooses one unless given.")
@click.option("--email", default="", help="Where you send the code, and nowhere else: see access.emails.")
@click.pass_obj
def invite(invocation: Invocation, role: str, name: str, email: str) -> None:
    """Print a one-time code for the chat page; who signs in with it gets an account with ROLE.

    It holds for seven days and for one person. ROLE is viewer, operator, editor, admin, owner, or one of your own.
    With --email, whoever has the code counts as the owner of that address: where access.emails has its domain, the
    account becomes one person with the Slack account of the same address.

    \b
    Examples:
      quarterdeck person invite operator --name anna
      quarterdeck person invite operator --email anna@example.com
    """
    wanted: dict[str, Json] = {"role": role, "name": name, "email": email}
    made = cast("Mapping[str, Json]", call("person.invite", wanted))
    invocation.show(made, f"{made['link']}\ncode: {made['code']}")


@verb.command("sign-out")
@click.argument("identity")
@click.pass_obj
def sign_out(invocation: Invocation, identity: str) -> None:
    """End every session of the web account IDENTITY, open pages included, within a second.

    \b
    Example:
      quarterdeck person sign-out web::anna
    """
    ended = cast("Mapping[str, Json]", call("person.sign_out", {"identity": identity}))
    invocation.show(ended, f"{ended['identity']} is signed out everywhere.")


@verb.command("token")
@click.argument("person")
@click.option("--name", default="", help="What it is for; for people to read.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="An action, such as /ask or operation:delivery.*; all unless given.",
)
@click.option(
    "--days", type=click.IntRange(1, 3650), help="How long it holds; until it is revoked unless given."
)
@click.option("--list", "is_list", is_flag=True, help="List the tokens of PERSON instead.")
@click.option("--revoke", "token_id", default="", help="End the token of this id instead.")
@click.pass_obj
def token(
    invocation: Invocation,
    person: str,
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
    is_list: bool,
    token_id: str,
) -> None:
    """Print an API token that speaks for PERSON, once: it is kept as a hash only.

    It may do what PERSON may do at the time, and of that only what its scopes say.

    \b
    Examples:
      quarterdeck person token slack:T1:U1 --name ci --scope /deploy --days 90
      quarterdeck person token slack:T1:U1 --list
      quarterdeck person token slack:T1:U1 --revoke 3f9c02a17b
    """
    if is_list:
        found = cast("list[Mapping[str, Json]]", call("token.list", {"person": person}))
        invocation.show(found, table(map(_token_row, found), TOKEN_COLUMNS, empty="No tokens."))
    elif token_id:
        ended = cast("Mapping[str, Json]", call("token.revoke", {"id": token_id}))
        invocation.show(ended, f"The token {token_id} speaks for nobody any more.")
    else:
        wanted: dict[str, Json] = {"person": person, "name": name, "days": days}
        made = cast(
            "Mapping[str, Json]", call("token.create", wanted | ({"scopes": list(scopes)} if scopes else {}))
        )
        invocation.show(made, str(made["token"]))


def _row(person: Mapping[str, Json]) -> dict[str, Json]:
    return {**person, "identities": ", ".join(cast("list[str]", person["identities"]))}


def _token_row(token: Mapping[str, Json]) -> dict[str, Json]:
    return {**token, "scopes": ", ".join(cast("list[str]", token["scopes"]))}


def _lines(found: Mapping[str, Json]) -> Iterator[str]:
    granted = found["granted"] or "nothing granted"
    yield f"{found['name'] or '(no name)'}  {found['id']}"
    yield f"role      {found['role']} ({granted})"
    for key in ("groups", "identities"):
        yield f"{key:10}{', '.join(cast('list[str]', found[key])) or '-'}"
    for one in cast("list[Mapping[str, Json]]", found["tokens"]):
        state = (
            "revoked"
            if one["revoked_at"]
            else f"until {one['expires_at']}"
            if one["expires_at"]
            else "no end"
        )
        yield f"token     {one['id']} {one['name']} {', '.join(cast('list[str]', one['scopes']))} ({state})"
