"""Read policy files: ours, and the owner's between our guards and our rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from quarterdeck.core.errors import SetupError
from quarterdeck.core.roles import Roles
from quarterdeck.router.policy.compiling import Compiler
from quarterdeck.router.policy.document import GroupRow, PolicyFile, ShippedPolicy
from quarterdeck.router.policy.groups import Group, GroupMap
from quarterdeck.router.policy.policy import Policy
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck.runtime.settings.validation import problems_of

FILE_NAME = "policy.yaml"
MOST_PARTS = 3  # of a platform's group: platform, workspace, group

Document = TypeVar("Document", bound=PolicyFile)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def read_policy(
    file: Path | None = None, *, roles: Roles | None = None, now: Callable[[], datetime] = _utc_now
) -> Policy:
    """Read the shipped policy, and the owner's `file` into it, where there is one.

    Raises:
        SetupError: something in a file is wrong; names file, line, column and the fix.
    """
    roles = roles or Roles()
    shipped, located = _document(config_dir() / FILE_NAME, ShippedPolicy)
    ours = Compiler(located=located, roles=roles, groups=frozenset(), now=now)
    guards, rules = tuple(ours.rules(shipped.guards, "guards")), tuple(ours.rules(shipped.rules, "rules"))
    if file is None:
        return Policy((*guards, *rules))
    document, located = _document(file, PolicyFile)
    theirs = Compiler(located=located, roles=roles, groups=frozenset(document.groups), now=now)
    groups = GroupMap([_group(theirs, name, row) for name, row in document.groups.items()])
    own = tuple(theirs.rules(document.rules, "rules"))
    return Policy((*guards, *own, *(rules if document.defaults else ())), groups=groups)


def policy_file(named: Path | None, user_dir: Path) -> Path | None:
    """Return the owner's file: the one that the settings name, or policy.yaml in `user_dir` where it is there."""
    default = user_dir / FILE_NAME
    return named or (default if default.exists() else None)


def _document(file: Path, model: type[Document]) -> tuple[Document, yaml.Located]:
    located = yaml.load(file)

    def locate(message: str, path: Keys, *, hint: str = "", at_key: bool = False) -> SetupError:
        return located.error(message, _as_written(path, located), hint=hint, at_key=at_key)

    try:
        return model.model_validate({} if located.data is None else located.data), located
    except ValidationError as error:
        raise next(problems_of(error, model, locate)) from error


def _as_written(path: Keys, located: yaml.Located) -> Keys:
    """Leave out the index of a list that was written as its only item."""
    known: Keys = ()
    for key in path:
        if (*known, key) in located.values or not isinstance(key, int):
            known = (*known, key)
    return known


def _group(compiler: Compiler, name: str, row: GroupRow) -> Group:
    path = ("groups", name)
    if row.role is not None:
        compiler.known_role(row.role, (*path, "role"))
    for outer in row.platforms:
        parts = outer.split(":")
        if (
            len(parts) != MOST_PARTS
            or not all(parts)
            or not outer.isascii()
            or not outer.isprintable()
            or " " in outer
        ):
            raise compiler.error(
                f"{outer[:80]!a} is no group of a platform",
                path,
                "write platform:workspace:group with the platform's own ids, such as slack:T1:S1 or discord:GUILD:ROLE",
            )
    people = frozenset(compiler.account(one, (*path, "people")) for one in row.people)
    return Group(name=name, people=people, platforms=frozenset(row.platforms), role=row.role or "")
