"""Say for `check` how policy and directory stand."""

from __future__ import annotations

from collections.abc import Iterator

from quarterdeck.core.errors import SetupError
from quarterdeck.core.roles import Roles
from quarterdeck.core.text import did_you_mean
from quarterdeck.router.command.catalogue import discover
from quarterdeck.router.policy.directory import read_directory
from quarterdeck.router.policy.document import PolicyFile
from quarterdeck.router.policy.reading import policy_file, read_policy
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.findings import Finding
from quarterdeck.runtime.settings import Settings

AREA = "policy"


def findings(settings: Settings) -> Iterator[Finding]:
    """Return what is in force, and what is wrong with it."""
    access = settings.access
    user_dir = settings.paths().user_dir
    file = policy_file(access.policy, user_dir)
    try:
        policy = read_policy(file, roles=Roles(access.roles))
    except SetupError as error:
        yield Finding.of(error, area=AREA)
    else:
        source = (
            f"read from {file}" if file else "the shipped rules; write policy.yaml in user_dir to add yours"
        )
        groups = f", {len(policy.groups.by_name)} groups" if policy.groups.by_name else ""
        yield Finding(level="ok", area=AREA, message=f"{len(policy.rules)} rules{groups}: {source}")
        if file is not None:
            known = {
                command.name for command in discover("quarterdeck.commands", user_dir / "commands").all()
            }
            yield from _unknown_commands(yaml.load(file), known)
    if access.directory is not None:
        try:
            people = len(read_directory(access.directory))
        except SetupError as error:
            yield Finding.of(error, area=AREA)
        else:
            yield Finding(
                level="ok", area=AREA, message=f"{people} people in the directory {access.directory}"
            )
    yield from _emails(settings)


def _emails(settings: Settings) -> Iterator[Finding]:
    """Say who is joined by mail addresses, and what that needs."""
    emails = settings.access.emails
    if not emails.domains:
        return
    where = " and ".join(emails.domains)
    message = f"accounts that prove the same address at {where} become one person, up to the role {emails.most_role}"
    yield Finding(level="ok", area=AREA, message=message)
    if settings.platforms.missing().get("slack") == "":
        needs = "Slack proves addresses once its app has the scope users:read.email"
        yield Finding(level="ok", area=AREA, message=f"{needs}: `quarterdeck platform manifest slack` has it")
    else:
        yield Finding(
            level="warning",
            area=AREA,
            message="access.emails.domains is set, and Slack, which proves addresses, is off",
            fix="connect Slack, or take the domains out; invitations with --email prove them, too",
        )


def _unknown_commands(located: yaml.Located, known: set[str]) -> Iterator[Finding]:
    """Warn of rules about commands that do not exist: one that denies would be a hole."""
    document = PolicyFile.model_validate(located.data or {})
    for at, row in enumerate(document.rules):
        for action in row.actions:
            name = action.removeprefix("command:").removeprefix("/")
            if not action.startswith(("command:", "/")) or "*" in name or name.lower() in known:
                continue
            path = ("rules", at, "allow" if row.allow is not None else "deny")
            error = located.error(
                f"the rule {row.name!r} is about /{name}, and there is no such command",
                path,
                hint=did_you_mean(name, known) or "take it out, or add the command",
            )
            yield Finding.of(error, area=AREA, level="warning")
