"""Explain and reload the policy for the program's own verbs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import cast, get_args

from quarterdeck.core.access import AccessRequest, People, Way
from quarterdeck.core.command import Effect
from quarterdeck.core.errors import SetupError, UsageError
from quarterdeck.core.message import Conversation, ConversationKind
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Commands, Json, Operation, Progress
from quarterdeck.core.text import did_you_mean
from quarterdeck.router.policy.cases import action_of, outcome_of
from quarterdeck.router.policy.document import ACTIONS, WAYS
from quarterdeck.router.policy.keeper import Keeper
from quarterdeck.runtime.documents import yaml

Find = Callable[[str], Awaitable[Identity]]
"""Return an account of somebody named by an account or an id."""


SEARCH = "knowledge.search"
COMMAND_TOOL = "command."


class Declarations:
    """Know what commands, operations and our own tools declare: the least role, and the effect."""

    def __init__(self, commands: Commands, operations: Callable[[], Sequence[Operation]] = list) -> None:
        self._commands, self._operations = commands, operations

    def of(self, action: str) -> tuple[str, Effect]:
        """Return role and effect of an action; owner and none where nobody knows it."""
        kind, _, name = action.partition(":")
        if kind == "command" and (command := self._commands.get(name)) is not None:
            return command.allow, command.effect
        if kind == "operation":
            for operation in self._operations():
                if operation.name == name:
                    return operation.least_role, cast("Effect", operation.effect)
        if kind == "tool":
            return self._of_tool(name)
        return "owner", "none"

    def _of_tool(self, name: str) -> tuple[str, Effect]:
        if name == SEARCH:
            return "viewer", "read"
        command = (
            self._commands.get(name.removeprefix(COMMAND_TOOL)) if name.startswith(COMMAND_TOOL) else None
        )
        if command is None:
            return "owner", "none"
        return command.allow, "read" if command.effect == "none" else command.effect


class PolicyDesk:
    """Be behind `policy.explain` and `policy.reload`."""

    def __init__(self, keeper: Keeper, *, people: People, find: Find, declarations: Declarations) -> None:
        self._keeper, self._people, self._find, self._declarations = keeper, people, find, declarations

    def all(self) -> list[Operation]:
        """Return both."""
        return [
            Operation(name="policy.explain", handler=self.explain),
            Operation(name="policy.reload", handler=self.reload, effect="write"),
        ]

    async def reload(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Read policy and directory anew; what is wrong leaves the last good one in force."""
        await self._keeper.reload()
        policy = self._keeper.authority.policy
        return {"rules": len(policy.rules), "groups": len(policy.groups.by_name)}

    async def explain(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Say what would be decided, and how each rule fared."""
        identity = await self._find(_text(parameters, "person"))
        person = await self._people.person_of(identity)
        action = _action(_text(parameters, "action"))
        least, effect = self._declarations.of(action)
        request = AccessRequest(
            person=person,
            identity=identity,
            action=action,
            way=_way(_text(parameters, "way") or "message"),
            conversation=_conversation(parameters, identity),
            least_role=least,
            effect=effect,
            arguments=_arguments(parameters.get("arguments")),
        )
        policy = self._keeper.authority.policy
        decision = policy.decide(request)
        return {
            "person": person.id,
            "role": person.role,
            "groups": sorted(person.groups),
            "action": action,
            "declared": least,
            "decision": outcome_of(decision),
            "rule": decision.rule,
            "reason": decision.reason,
            "approvers": list(decision.needs_approval.by) if decision.needs_approval else [],
            "trace": [asdict(one) for one in policy.trace(request)],
        }


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name)
    return value if isinstance(value, str) else ""


def _action(text: str) -> str:
    action = action_of(text)
    kind, colon, name = action.partition(":")
    if not colon or not name or kind not in ACTIONS:
        raise UsageError(
            f"{text[:60]!r} is no action",
            hint=f"write /deploy, or KIND:NAME with one of {', '.join(ACTIONS)}",
        )
    return action


def _way(text: str) -> Way:
    if text not in get_args(Way):
        raise UsageError(
            f"{text[:60]!r} is no way in", hint=did_you_mean(text, WAYS) or f"one of {', '.join(WAYS)}"
        )
    return cast("Way", text)


def _conversation(parameters: Mapping[str, Json], identity: Identity) -> Conversation | None:
    """Return where: as named, or a direct conversation on the platform."""
    named, platform = _text(parameters, "conversation"), _text(parameters, "platform") or identity.platform
    kind = _text(parameters, "kind") or ("group" if named else "direct")
    if kind not in get_args(ConversationKind):
        raise UsageError(f"{kind[:60]!r} is no kind of conversation", hint="direct, group or thread")
    where = named or f"{platform}:(direct)"
    platform = named.partition(":")[0] if named and not _text(parameters, "platform") else platform
    return Conversation(id=where, platform=platform, kind=cast("ConversationKind", kind))


def _arguments(given: Json) -> Mapping[str, object] | None:
    """Read `{"replicas": "3"}` as a policy file would: 3 is a number there. None: not known yet."""
    if not isinstance(given, Mapping):
        return None
    return {name: _plain(value) if isinstance(value, str) else value for name, value in given.items()}


def _plain(text: str) -> object:
    try:
        value = yaml.load(text).data
    except SetupError:
        return text
    return value if isinstance(value, bool | int | float) else text
