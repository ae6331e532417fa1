"""`quarterdeck policy`: test, explain and reload the rules of who may do what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.remote import call
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json

if TYPE_CHECKING:
    from quarterdeck.router.policy.cases import Result


@click.group("policy", cls=VerbGroup)
def verb() -> None:
    """Test, explain and reload the rules of who may do what.

    \b
    Example:
      quarterdeck policy explain slack:T1:U1 /deploy --arg env=prod
    """


@verb.command("test")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def test(invocation: Invocation, file: Path) -> int:
    """Hold the policy to the table of cases in FILE; needs no bot and no database.

    Exit status 1 when a case comes otherwise than expected; what was tried is shown then.

    \b
    Example:
      quarterdeck policy test policy-cases.yaml
    """
    results = _results(invocation, file)
    wrong = [one for one in results if not one.is_right]
    shown: Json = {"cases": len(results), "wrong": [cast("Json", asdict(one)) for one in wrong]}
    invocation.show(shown, _report(results, wrong))
    return 1 if wrong else 0


@verb.command("explain")
@click.argument("person")
@click.argument("action")
@click.option("--platform", default="", help="Where from; the platform of PERSON unless given.")
@click.option("--conversation", default="", help="In which conversation, by its id.")
@click.option("--kind", default="", help="direct, group or thread.")
@click.option("--way", default="message", show_default=True, help="How: message, native, button, schedule …")
@click.option("--arg", "arguments", multiple=True, metavar="NAME=VALUE", help="An argument; may be repeated.")
@click.pass_obj
def explain(
    invocation: Invocation,
    person: str,
    action: str,
    platform: str,
    conversation: str,
    kind: str,
    way: str,
    arguments: tuple[str, ...],
) -> None:
    """Say what would be decided if PERSON wanted ACTION now, and how each rule fared.

    PERSON is one of their accounts, or their id; ACTION is /deploy, or such as operation:delivery.retry. Without
    --arg the question is whether there are arguments with which they may.

    \b
    Example:
      quarterdeck policy explain slack:T1:U1 /deploy --conversation slack:T1:C1 --arg env=prod
    """
    parameters: dict[str, Json] = {
        "person": person,
        "action": action,
        "platform": platform,
        "conversation": conversation,
        "kind": kind,
        "way": way,
    }
    if arguments:
        parameters["arguments"] = _pairs(arguments)
    found = cast("Mapping[str, Json]", call("policy.explain", parameters))
    invocation.show(found, "\n".join(_explained(found)))


@verb.command("reload")
@click.pass_obj
def reload(invocation: Invocation) -> None:
    """Read policy and directory anew, now. What is wrong changes nothing, and is shown.

    The bot that runs does this by itself within a second of a change.

    \b
    Example:
      quarterdeck policy reload
    """
    found = cast("Mapping[str, Json]", call("policy.reload"))
    invocation.show(found, f"{found['rules']} rules and {found['groups']} groups are in force.")


def _results(invocation: Invocation, file: Path) -> list[Result]:
    from quarterdeck.core.roles import Roles
    from quarterdeck.router.command.catalogue import discover
    from quarterdeck.router.policy.cases import FixedTime, run_cases
    from quarterdeck.router.policy.operations import Declarations
    from quarterdeck.router.policy.reading import policy_file, read_policy

    settings, time = invocation.loaded.settings, FixedTime()
    user_dir, roles = settings.paths().user_dir, Roles(settings.access.roles)
    policy = read_policy(policy_file(settings.access.policy, user_dir), roles=roles, now=time.now)
    commands = discover("quarterdeck.commands", user_dir / "commands")
    return run_cases(file, policy, roles, time, Declarations(commands).of)


def _report(results: Sequence[Result], wrong: Sequence[Result]) -> str:
    lines = []
    for one in wrong:
        lines += [
            f"{one.place}: {one.question}",
            f"  - expected: {one.expected}",
            f"  + got:      {one.got} ({one.rule})",
        ]
        lines += [f"      {tried}" for tried in one.trace]
    return "\n".join([*lines, f"{len(results) - len(wrong)} of {len(results)} cases come as expected."])


def _explained(found: Mapping[str, Json]) -> list[str]:
    groups = ", ".join(cast("list[str]", found["groups"])) or "none"
    lines = [
        f"{found['decision']}: {found['rule']}",
        f"{found['action']} declares the role {found['declared']}; the person is {found['role']}, groups: {groups}",
    ]
    if found["reason"]:
        lines.append(f"They read: {found['reason']}")
    lines.append("Rules about this, in order, up to the one that decides:")
    for one in cast("list[Mapping[str, Json]]", found["trace"]):
        lines.append(f"{'→' if one['fits'] else ' '} {one['rule']} ({one['place']}): {one['why']}")
    return lines


def _pairs(arguments: Sequence[str]) -> dict[str, Json]:
    pairs: dict[str, Json] = {}
    for text in arguments:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise UsageError(f"{text!r} is no argument", hint="write --arg NAME=VALUE")
        pairs[name] = value
    return pairs
