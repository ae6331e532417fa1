"""Describe a policy file. What cannot be said by types is checked in `reading.py`."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from quarterdeck.core.access import Way
from quarterdeck.core.command import Effect
from quarterdeck.core.message import ConversationKind
from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import Zone, refuse

ACTIONS = ("command", "operation", "collection", "workflow", "action", "tool")
"""What can stand before the colon of an action."""

WAYS: tuple[str, ...] = get_args(Way)


def _texts(value: object) -> object:
    """Take one text for a list of one."""
    found = [value] if isinstance(value, str) else value
    if isinstance(found, list) and not found:
        raise refuse("must not be empty", "leave the key out, or name something")
    return found


Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Texts = Annotated[tuple[Pattern, ...], BeforeValidator(_texts, json_schema_input_type=str | list[str])]
Ways = Annotated[tuple[Way, ...], BeforeValidator(_texts, json_schema_input_type=Way | list[Way])]
Effects = Annotated[tuple[Effect, ...], BeforeValidator(_texts, json_schema_input_type=Effect | list[Effect])]
Kinds = Annotated[
    tuple[ConversationKind, ...],
    BeforeValidator(_texts, json_schema_input_type=ConversationKind | list[ConversationKind]),
]
Plain = bool | int | float | str


def _value(value: object) -> object:
    """Take a value, or a list of values, for what the argument must be equal to."""
    if isinstance(value, dict):
        return value
    return {"one_of": value if isinstance(value, list) else [value]}


def _windows(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class ValueRow(Section):
    """Say which values of an argument fit. A plain value or list stands for `one_of`."""

    one_of: tuple[Plain, ...] = ()
    """The values."""
    min: float | None = None
    """The least number."""
    max: float | None = None
    """The greatest number."""
    prefix: Name | None = None
    """How the text begins."""
    given: bool | None = None
    """Whether it was given at all."""

    @model_validator(mode="after")
    def _says_something(self) -> ValueRow:
        if not self.model_fields_set or ("one_of" in self.model_fields_set and not self.one_of):
            raise refuse("says nothing", "write a value, a list of values, or min, max, prefix, given")
        return self


Value = Annotated[ValueRow, BeforeValidator(_value, json_schema_input_type=ValueRow | Plain | list[Plain])]


class WindowRow(Section):
    """Say when a rule holds."""

    days: Texts = ("mon-sun",)
    """Days of the week: mon, tue … or mon-fri; of a window over midnight, the day on which it begins."""
    hours: Annotated[
        str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")
    ] = "00:00-24:00"
    """From and until, such as 09:00-17:30; 22:00-06:00 is over midnight."""
    zone: Zone = "UTC"
    """The time zone, such as Europe/Berlin."""


Windows = Annotated[
    tuple[WindowRow, ...],
    BeforeValidator(_windows, json_schema_input_type=WindowRow | list[WindowRow]),
]


class ApprovalRow(Section):
    """Ask that others agree first."""

    by: Texts
    """Who may agree: role:admin, group:leads, never who asks. For what a model wants to use also `asker`, alone."""
    quorum: int = Field(default=1, ge=1, le=20)
    """How many must agree."""
    within_s: float = Field(default=900.0, gt=0, le=30 * 86_400)
    """How long they have, in seconds."""


class RuleRow(Section):
    """Allow or deny. Every key that is there must fit; a list fits when one of its entries does."""

    name: Name
    """What the rule is called where it decides: in /why and in the audit record."""
    allow: Texts | None = None
    """Actions that it allows: /deploy, command:*, operation:delivery.*, tool:*."""
    deny: Texts | None = None
    """Actions that it denies."""
    role: Texts | None = None
    """At least one of these roles; none stands for anybody."""
    as_declared: bool = False
    """And at least the role that the command or operation itself asks for."""
    person: Texts | None = None
    """People, by one of their accounts (slack:T1:U1) or their id."""
    group: Texts | None = None
    """Groups of this file."""
    platform: Texts | None = None
    """Platforms: slack, discord, telegram, console …"""
    conversation: Texts | None = None
    """Conversations by id, their threads included; * stands for any text."""
    kind: Kinds | None = None
    """Kinds of conversation: direct, group, thread."""
    way: Ways | None = None
    """How it was asked for: message, native, button …"""
    effect: Effects | None = None
    """What it changes: none, read, write, destructive, money."""
    arguments: dict[Name, Value] | None = None
    """Arguments by name: a value, a list of values, or min, max, prefix, given."""
    when: Windows | None = None
    """When it holds."""
    approval: ApprovalRow | None = None
    """Allow it once these have agreed."""
    say: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    """What the refused person reads."""

    @model_validator(mode="after")
    def _decides(self) -> RuleRow:
        if (self.allow is None) == (self.deny is None):
            raise refuse(
                "must have either allow or deny", "write one of the two, with the actions that it is about"
            )
        if self.deny is not None and self.approval is not None:
            raise refuse("denies, so nobody can approve", "write allow with approval, or take approval out")
        return self

    @property
    def actions(self) -> tuple[str, ...]:
        """Return the patterns of the actions that the rule is about."""
        return self.allow or self.deny or ()


class GroupRow(Section):
    """Name people by their accounts and by groups of their platforms."""

    people: Texts = ()
    """Accounts: slack:T1:U1, discord::42. Whoever has one of them is in the group with all their accounts."""
    platforms: Texts = ()
    """Groups of the platforms: a Slack user group slack:T1:S1, a Discord role discord:GUILD:ROLE."""
    role: Name | None = None
    """A role that everybody in the group has."""


def _group(value: object) -> object:
    """Take a list for groups of the platforms."""
    return {"platforms": value} if isinstance(value, str | list) else value


Group = Annotated[GroupRow, BeforeValidator(_group, json_schema_input_type=GroupRow | str | list[str])]


class PolicyFile(Section):
    """Hold the owner's rules."""

    groups: dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")], Group] = Field(
        default_factory=dict
    )
    """Groups of people by name; a plain list names groups of the platforms."""
    defaults: bool = True
    """Try the shipped rules after these."""
    rules: Annotated[tuple[RuleRow, ...], Field(max_length=1000)] = ()
    """Rules, in the order in which they are tried."""


class ShippedPolicy(PolicyFile):
    """Hold our rules: guards are tried before the owner's."""

    guards: tuple[RuleRow, ...] = ()
