"""Who may do what, held against the table that people were promised."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from typing import get_args

import pytest

import quarterdeck.commands
from quarterdeck.core.command import Command
from quarterdeck.core.errors import UsageError
from quarterdeck.core.person import ROLES, Identity, Person
from quarterdeck.core.ports import AccessRequest, Way
from quarterdeck.router.identity import Directory
from quarterdeck.router.policy import STRANGER, Authority
from quarterdeck.store.people import PersonRow

VIEWERS_MAY = {"help", "ping", "echo", "ask", "whoami", "why", "link"}  # as promised, not as implemented
EVERYBODY = ("none", *ROLES, "superuser", "")


def shipped() -> list[Command]:
    """Return every command that we ship."""
    names = [module.name for module in pkgutil.iter_modules(quarterdeck.commands.__path__)]
    return [importlib.import_module(f"quarterdeck.commands.{name}").COMMAND for name in names]


def oracle(role: str, command: Command) -> bool:
    """Say what the promise says: strangers nothing, viewers the seven, others by the declared role."""
    if role not in ROLES:
        return False
    if role == "viewer":
        return command.name in VIEWERS_MAY and command.allow == "viewer"
    return ROLES.index(role) >= ROLES.index(command.allow)


def request(role: str, command: Command, way: Way) -> AccessRequest:
    """Ask for a command."""
    return AccessRequest(
        person=Person(id="p", name="", role=role),
        identity=Identity(platform="fake", user_id="U1"),
        action=f"command:{command.name}",
        way=way,
        least_role=command.allow,
        effect=command.effect,
    )


async def test_the_policy_equals_the_promise() -> None:
    """T13: every role × command × way, no mismatch; the way in never changes the decision."""
    declared = [Command(name=f"made-{allow}", summary="x", handler=never, allow=allow) for allow in ROLES]
    cases = list(itertools.product(EVERYBODY, [*shipped(), *declared], get_args(Way)))

    mismatches = [
        (role, command.name, way)
        for role, command, way in cases
        if (await Authority().authorise(request(role, command, way))).allowed != oracle(role, command)
    ]

    assert 13 == len(get_args(Way))
    assert 1000 < len(cases)
    assert [] == mismatches


async def never(call: object) -> None:
    """Stand in for a handler."""


def test_the_viewers_commands_that_exist_are_open_to_viewers() -> None:
    """The promise also holds the other way round."""
    open_to_viewers = {command.name for command in shipped() if oracle("viewer", command)}

    assert VIEWERS_MAY == open_to_viewers | ({"ask"} - {c.name for c in shipped()})


async def test_operations_need_their_role() -> None:
    """The command line goes through the same decision."""
    for role, least in itertools.product(EVERYBODY, (*ROLES, "nobody")):
        asked = AccessRequest(
            person=Person(id="p", name="", role=role),
            identity=Identity(platform="console", user_id="1000"),
            action="operation:db.backup",
            way="cli",
            least_role=least,
        )
        decision = await Authority().authorise(asked)

        expected = role in ROLES and least in ROLES and ROLES.index(role) >= ROLES.index(least)
        assert expected == decision.allowed, (role, least)


async def test_a_refusal_names_the_rule_and_the_missing_role() -> None:
    """`/why` shows it."""
    command = Command(name="deploy", summary="x", handler=never, allow="editor")
    decision = await Authority().authorise(request("operator", command, "message"))

    assert ("editor" in decision.rule, "editor" in decision.reason) == (True, True)
    assert "operator" in decision.reason


async def test_strangers_get_one_sentence_for_everything() -> None:
    """It says nothing of what there is."""
    reasons = {
        (await Authority().authorise(request("none", command, "message"))).reason for command in shipped()
    }

    assert {STRANGER} == reasons


class NoRows:
    """Know nobody but one."""

    async def known(self, identity: Identity) -> PersonRow | None:
        """Return the one admin that was granted."""
        anna = PersonRow(person=Person(id="1", name="Anna", role="admin"), identities=("slack:T1:U1",))
        return anna if identity == Identity.parse("slack:T1:U1") else None


HOMOGLYPHS = (
    "\u0455\u04cf\u0430\u0441k\u0422U\uff11\uff19\u0131"  # Cyrillic and full-width signs that look like ours
)
LOOK_ALIKES = [
    form
    for base in ("slack:T1:U1", "slack:T1:U9")
    for form in {
        *(
            base[:at] + sign + base[at:]
            for at in range(len(base) + 1)
            for sign in "\u200b\u200d\u202e\ufeff "
        ),
        *(base.replace(*pair) for pair in itertools.product("slackTU19", HOMOGLYPHS)),
        base.upper(),
        base.lower(),
        base.title(),
        base + ":",
        base + "\n",
        base + "\x00",
        f"{base}/..",
    }
    if form != base
]


async def test_accounts_that_look_alike_are_nobody() -> None:
    """T14: homoglyphs, invisible signs, other case: no match among hundreds."""
    directory = Directory(NoRows(), owners={Identity.parse("slack:T1:U9"): ""})
    matches = []
    for form in LOOK_ALIKES:
        try:
            person = await directory.person_of(Identity.parse(form), name="Anna")
        except UsageError:
            continue
        if person.role != "none" and form not in ("slack:T1:U1", "slack:T1:U9"):
            matches.append(form)

    assert 300 <= len(LOOK_ALIKES)
    assert [] == matches


async def test_owners_of_the_settings_are_owners_whatever_the_database_says() -> None:
    """Nobody is locked out of their own machine."""
    directory = Directory(NoRows(), owners={Identity.parse("slack:T1:U1"): ""})

    person = await directory.person_of(Identity.parse("slack:T1:U1"))

    assert ("1", "Anna", "owner") == (person.id, person.name, person.role)


@pytest.mark.parametrize("default", ["none", "viewer"])
async def test_who_was_never_met_has_the_default_role(default: str) -> None:
    """`none` unless the operator opens the door."""
    directory = Directory(NoRows(), owners={}, default_role=default)

    person = await directory.person_of(Identity.parse("discord::7"), name="Ben")

    assert (default, "discord::7", "Ben") == (person.role, person.id, person.name)
