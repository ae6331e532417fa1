"""Hold a policy to a table of cases: who, what, where, and what must come of it (`policy test`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from quarterdeck.core.access import AccessRequest, Decision, Way
from quarterdeck.core.command import Effect
from quarterdeck.core.errors import SetupError, UsageError
from quarterdeck.core.message import Conversation, ConversationKind
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.roles import NOBODY, Roles
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.router.policy.policy import Policy
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import Zone
from quarterdeck.runtime.settings.validation import problems_of

Expected = Literal["allow", "deny", "approval"]
Plain = bool | int | float | str

Declared = Callable[[str], tuple[str, Effect]]
"""Return the role and the effect that an action declares; owner and none where nobody knows it."""


class CaseRow(Section):
    """Ask one question."""

    role: str = NOBODY
    """The role that the person was granted."""
    groups: tuple[str, ...] = ()
    """Groups of the policy that they are in."""
    identity: str = "console::1"
    """The account that they write from."""
    do: Annotated[str, StringConstraints(min_length=1)]
    """What they want: /deploy, or an action such as operation:delivery.retry."""
    arguments: dict[str, Plain | tuple[Plain, ...]] | None = Field(default_factory=dict)
    """The arguments; null: not known yet, as for help and menus."""
    conversation: str = ""
    """Where, by the conversation's id; its platform is what stands before the first colon."""
    kind: ConversationKind = "direct"
    way: Way = "message"
    at: str = ""
    """When, such as 2026-11-21T22:30; a Wednesday noon, UTC, when it is left out."""
    zone: Zone = "UTC"
    """The time zone of `at`."""
    declares: str = ""
    """The role that the action itself asks for, where it is none of ours: a tool of an MCP server."""
    effect: Effect | None = None
    """What it changes, likewise."""
    expect: Expected
    rule: str = ""
    """The rule that must decide, by its name."""


class CaseFile(Section):
    """Hold the table."""

    cases: Annotated[tuple[CaseRow, ...], Field(min_length=1, max_length=5000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Compare one case: what was expected, what came, which rule it was."""

    place: str
    question: str
    expected: str
    got: str
    rule: str
    trace: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Tell whether it came as expected."""
        return self.expected == self.got


class FixedTime:
    """Be the time that a case asks about; the policy of a test is read with `now` of this."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)  # a Wednesday at noon

    def now(self) -> datetime:
        """Return the time of the case that is being asked."""
        return self.at


def run_cases(file: Path, policy: Policy, roles: Roles, time: FixedTime, declared: Declared) -> list[Result]:
    """Ask every case of `file`.

    Raises:
        SetupError: the table is wrong; names line, column and the fix.
    """
    located = yaml.load(file)

    def locate(message: str, path: Keys, *, hint: str = "", at_key: bool = False) -> SetupError:
        return located.error(message, path, hint=hint, at_key=at_key)

    try:
        rows = CaseFile.model_validate(located.data).cases
    except ValidationError as error:
        raise next(problems_of(error, CaseFile, locate)) from error
    noon = time.at
    results = []
    for at, row in enumerate(rows):
        try:
            time.at = _moment(row, noon)
            request = _request(row, policy, roles, declared)
        except UsageError as error:
            raise located.error(error.message, ("cases", at), hint=error.hint) from error
        line, _ = located.position(("cases", at))
        results.append(_result(f"{file.name}:{line}", row, policy, request))
    time.at = noon
    return results


def _result(place: str, row: CaseRow, policy: Policy, request: AccessRequest) -> Result:
    decision = policy.decide(request)
    trace = policy.trace(request)
    decider = trace[-1].rule if trace and trace[-1].fits else "no rule"
    got = outcome_of(decision)
    where = f" in {row.conversation}" if row.conversation else ""
    return Result(
        place=place,
        question=f"{row.role} {row.do}{where}{f' by {row.way}' if row.way != 'message' else ''}",
        expected=f"{row.expect} by {row.rule}" if row.rule else row.expect,
        got=f"{got} by {decider}" if row.rule else got,
        rule=decision.rule,
        trace=tuple(f"{'→' if one.fits else ' '} {one.rule} ({one.place}): {one.why}" for one in trace),
    )


def outcome_of(decision: Decision) -> Expected:
    """Return the decision as one word."""
    if decision.needs_approval is not None:
        return "approval"
    return "allow" if decision.allowed else "deny"


def action_of(text: str) -> str:
    """Read `/deploy` or `operation:delivery.retry`."""
    return f"command:{text[1:].lower()}" if text.startswith("/") else text


def _request(row: CaseRow, policy: Policy, roles: Roles, declared: Declared) -> AccessRequest:
    if row.role != NOBODY and not roles.of(row.role):
        raise UsageError(f"there is no role {row.role!r}", hint=did_you_mean(row.role, roles.names()))
    for group in row.groups:
        if group not in policy.groups.by_name:
            raise UsageError(f"there is no group {group!r}", hint=did_you_mean(group, policy.groups.by_name))
    identity, action = Identity.written(row.identity), action_of(row.do)
    given = policy.groups.roles(row.groups)
    person = Person(
        id=str(identity),
        name="",
        role=row.role,
        roles=roles.together((row.role, *given)),
        groups=frozenset(row.groups),
        identities=frozenset({str(identity)}),
    )
    least, effect = declared(action)
    if row.declares and not roles.of(row.declares):
        raise UsageError(f"there is no role {row.declares!r}", hint=did_you_mean(row.declares, roles.names()))
    least, effect = row.declares or least, row.effect or effect
    return AccessRequest(
        person=person,
        identity=identity,
        action=action,
        way=row.way,
        conversation=_conversation(row),
        least_role=least,
        effect=effect,
        arguments=row.arguments,
    )


def _conversation(row: CaseRow) -> Conversation | None:
    if not row.conversation:
        return None
    return Conversation(id=row.conversation, platform=row.conversation.partition(":")[0], kind=row.kind)


def _moment(row: CaseRow, noon: datetime) -> datetime:
    from zoneinfo import ZoneInfo

    if not row.at:
        return noon
    try:
        moment = datetime.fromisoformat(row.at)
    except ValueError as error:
        raise UsageError(f"{row.at!r} is no time", hint="write 2026-11-21T22:30") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(row.zone))


def wrong(results: Sequence[Result]) -> list[Result]:
    """Return the cases that came otherwise than expected."""
    return [one for one in results if not one.is_right]
