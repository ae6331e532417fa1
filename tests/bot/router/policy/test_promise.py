"""Who may do what, held against the table that people were promised: written here anew, from the documentation."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import quarterdeck.commands
from quarterdeck.core.access import AccessRequest, Way
from quarterdeck.core.command import Command, Effect
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.roles import Roles
from quarterdeck.router.policy import STRANGER, Authority
from quarterdeck.router.policy.reading import read_policy

VIEWERS_MAY = {"help", "ping", "echo", "ask", "whoami", "why", "link"}  # as promised, not as implemented
VIEWERS_MAY |= {"answer"}  # the buttons of what /ask says
ROLES = ["viewer", "operator", "editor", "admin", "owner"]
EVERYBODY = ("none", *ROLES, "superuser", "")
COMMANDS = 40


async def never(call: object) -> None:
    """Stand in for a handler."""


THEMSELVES = ("approve", "deny", "link")


def shipped() -> list[Command]:
    """Return every command that we ship."""
    names = [module.name for module in pkgutil.iter_modules(quarterdeck.commands.__path__)]
    return [importlib.import_module(f"quarterdeck.commands.{name}").COMMAND for name in names]


def forty() -> list[Command]:
    """Return what we ship, and made-up commands of every role and effect, 40 at the least."""
    effects = ["none", "read", "write", "destructive", "money"]
    made = [
        Command(name=f"made-{role}-{effect}", summary="x", handler=never, allow=role, effect=effect)
        for role, effect in itertools.product(ROLES, effects)
    ]
    return [*shipped(), *made]


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


def promised(role: str, command: Command, way: str = "message") -> bool:
    """Say what the promise says: strangers nothing, viewers the seven, others by the declared role.

    Nobody has a model or a workflow agree for them, or make two accounts one person.
    """
    if role not in ROLES or (command.name in THEMSELVES and way in ("tool", "mcp", "workflow")):
        return False
    if role == "viewer":
        return command.name in VIEWERS_MAY and command.allow == "viewer"
    return ROLES.index(role) >= ROLES.index(command.allow)


async def test_the_shipped_rules_equal_the_promise() -> None:
    """T13: every role, command and way in, no mismatch; but for the guards the way never changes the decision."""
    authority, commands = Authority(), forty()
    cases = list(itertools.product(EVERYBODY, commands, get_args(Way)))
    mismatches = [
        (role, command.name, way)
        for role, command, way in cases
        if (await authority.authorise(request(role, command, way))).allowed != promised(role, command, way)
    ]

    assert 13 == len(get_args(Way))
    assert len(commands) >= COMMANDS
    assert len(cases) >= 13 * COMMANDS * 5
    assert [] == mismatches


def test_the_viewers_commands_that_exist_are_open_to_viewers() -> None:
    """The promise also holds the other way round."""
    assert VIEWERS_MAY == {command.name for command in shipped() if promised("viewer", command)}


async def test_operations_need_their_role() -> None:
    """The command line goes through the same decision."""
    authority = Authority()
    for role, least in itertools.product(EVERYBODY, (*ROLES, "nobody")):
        asked = AccessRequest(
            person=Person(id="p", name="", role=role),
            identity=Identity(platform="console", user_id="1000"),
            action="operation:db.backup",
            way="cli",
            least_role=least,
        )
        decision = await authority.authorise(asked)

        expected = role in ROLES and least in ROLES and ROLES.index(role) >= ROLES.index(least)
        assert expected == decision.allowed, (role, least)


async def test_no_tool_touches_rights_whoever_asks() -> None:
    """E4: a model never edits who may do what, not even for an owner; and no rule can allow it."""
    decisions = {
        (name, way): (
            await Authority().authorise(
                AccessRequest(
                    person=Person(id="p", name="", role="owner"),
                    identity=Identity(platform="console", user_id="1000"),
                    action=f"operation:{name}",
                    way=way,
                    least_role="owner",
                )
            )
        ).allowed
        for name in ("policy.reload", "person.grant", "secret.set", "audit.export", "db.backup")
        for way in get_args(Way)
    }

    assert {"tool", "mcp", "workflow"} == {way for (_, way), allowed in decisions.items() if not allowed}
    assert 5 * 3 == sum(not allowed for allowed in decisions.values())


@pytest.mark.parametrize(
    ("role", "effect", "expected"),
    [
        ("none", "read", (False, None)),
        ("viewer", "read", (False, None)),
        ("editor", "read", (True, None)),
        ("editor", "none", (True, None)),
        ("viewer", "write", (False, None)),
        ("editor", "write", (False, ("asker",))),
        ("owner", "destructive", (False, ("asker",))),
        ("owner", "money", (False, ("asker",))),
    ],
)
async def test_a_model_reads_by_role_and_changes_nothing_by_itself(
    role: str, effect: Effect, expected: tuple[bool, tuple[str, ...] | None]
) -> None:
    """E7: a tool needs the role that it declares; what changes something waits for the person who asks."""
    asked = AccessRequest(
        person=Person(id="p", name="", role=role),
        identity=Identity(platform="fake", user_id="U1"),
        action="tool:web.search",
        way="tool",
        least_role="editor",
        effect=effect,
    )

    decision = await Authority().authorise(asked)

    needs = decision.needs_approval
    assert expected == (decision.allowed, needs.by if needs is not None else None)


@pytest.mark.parametrize("name", ["approve", "deny", "link"])
async def test_no_tool_agrees_for_anybody(name: str) -> None:
    """A model that approves what it asked for would need nobody; no rule of the owner's changes that."""
    for action in (f"command:{name}", f"tool:command.{name}"):
        asked = AccessRequest(
            person=Person(id="p", name="", role="owner"),
            identity=Identity(platform="fake", user_id="U1"),
            action=action,
            way="tool",
            least_role="viewer",
        )
        decision = await Authority().authorise(asked)

        assert (False, None) == (decision.allowed, decision.needs_approval)


async def test_a_refusal_names_the_rule_and_the_missing_role() -> None:
    """`/why` shows it."""
    command = Command(name="deploy", summary="x", handler=never, allow="editor")
    decision = await Authority().authorise(request("operator", command, "message"))

    assert ("editor" in decision.rule, "editor" in decision.reason) == (True, True)
    assert "operator" in decision.reason
    assert ["commands by role"] == [one.rule for one in decision.trace]


async def test_strangers_get_one_sentence_for_everything() -> None:
    """It says nothing of what there is."""
    authority = Authority()
    commands = [*shipped(), Command(name="nothing-of-this-name", summary="x", handler=never)]
    reasons = {(await authority.authorise(request("none", one, "message"))).reason for one in commands}

    assert {STRANGER} == reasons


OWN = """
groups:
  oncall: [slack:T1:S1]
  leads:
    people: [slack:T1:ULEAD]
    role: admin
rules:
  - name: nobody deploys from telegram
    deny: /deploy
    platform: telegram
  - name: production takes on-call, and an approval
    allow: /deploy
    group: oncall
    arguments: {env: prod}
    approval: {by: [role:admin, group:leads], quorum: 2, within_s: 600}
  - name: staging from the deploy room
    allow: /deploy
    role: viewer
    conversation: slack:T1:CDEPLOY
    arguments: {env: [staging, test], replicas: {max: 3}}
  - name: releasers release by hand
    allow: "command:release-*"
    role: releaser
    way: [message, native, button, form]
"""
PLACES = ("slack:T1:CDEPLOY", "slack:T1:CDEPLOY:17.1", "slack:T1:CDEPLOYER", "telegram:42", None)
ARGUMENTS: tuple[dict[str, object] | None, ...] = (
    {},
    {"env": "prod"},
    {"env": "staging", "replicas": 2},
    {"env": "staging", "replicas": 4},
    {"env": "Staging", "replicas": 1},
    None,
)
WHO = [
    (role, groups) for role in ("none", *ROLES, "releaser") for groups in (frozenset(), frozenset({"oncall"}))
]


def expected(role: str, groups: frozenset[str], name: str, where: str | None, how: Way, given: object) -> str:
    """Say what the file above says, in plain words of Python, without a look at the code that reads it."""
    ladder = {"none": -1, "releaser": 1} | {one: at for at, one in enumerate(ROLES)}
    platform = (where or "slack").partition(":")[0]
    arguments = given if isinstance(given, dict) else None
    if name == "deploy":
        if platform == "telegram":
            return "deny"
        if "oncall" in groups and (arguments is None or arguments.get("env") == "prod"):
            return "approval"
        in_room = where is not None and (where == PLACES[0] or where.startswith(f"{PLACES[0]}:"))
        is_small = arguments is None or (
            arguments.get("env") in ("staging", "test") and arguments.get("replicas", 99) <= 3
        )
        if ladder[role] >= 0 and in_room and is_small:
            return "allow"
    if name == "release-api" and role == "releaser" and how in ("message", "native", "button", "form"):
        return "allow"
    return "allow" if ladder[role] >= ladder["editor"] else "deny"


def questions() -> Iterator[tuple[str, frozenset[str], str, str | None, Way, dict[str, object] | None]]:
    """Yield everybody, doing everything, everywhere, in every way."""
    for (role, groups), name, where, way, given in itertools.product(
        WHO, ("deploy", "release-api"), PLACES, get_args(Way), ARGUMENTS
    ):
        yield role, groups, name, where, way, given


async def test_an_owners_rules_decide_as_they_are_written(tmp_path: Path) -> None:
    """Thousands of decisions, held against plain Python."""
    file = tmp_path / "policy.yaml"
    file.write_text(OWN, "utf-8")
    roles = Roles({"releaser": ("operator",)})
    policy = read_policy(file, roles=roles)
    mismatches, count = [], 0
    for role, groups, name, where, way, given in questions():
        asked = AccessRequest(
            person=Person(id="p", name="", role=role, roles=roles.of(role), groups=groups),
            identity=Identity(platform="slack", workspace="T1", user_id="U1"),
            action=f"command:{name}",
            way=way,
            conversation=None if where is None else Conversation(id=where, platform=where.partition(":")[0]),
            least_role="editor",
            arguments=given,
        )
        decision = policy.decide(asked)
        got = "approval" if decision.needs_approval else "allow" if decision.allowed else "deny"
        count += 1
        if got != expected(role, groups, name, where, way, given):
            mismatches.append((role, sorted(groups), name, where, way, given, got))

    assert count > 2600
    assert [] == mismatches
