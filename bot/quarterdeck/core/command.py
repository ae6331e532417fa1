"""Declare a command once; native commands, text syntax, help, completion and parity follow from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.core.ports import Services

OptionKind = Literal[
    "string",
    "integer",
    "number",
    "boolean",
    "choice",
    "user",
    "channel",
    "role",
    "datetime",
    "duration",
    "file",
    "text",
]
Effect = Literal["none", "read", "write", "destructive", "money"]
Lane = Literal["light", "heavy"]
Need = Literal["private", "thread", "form", "file", "buttons"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Describe one typed option. `rest` takes all that is left of the line, verbatim (only the last positional).

    Values by kind: `integer` int, `number` float, `boolean` bool, `datetime` aware datetime, `duration` seconds as
    float, `user` an identity as text, `channel` a conversation id, `role` a group (`platform:workspace:group`),
    `file` the name of an attachment of the call, all others text; `text` has lines. `minimum` and `maximum` bound
    integer, number and duration; `max_length` and `pattern` string and text. `pattern` is matched against the whole
    value by a linear-time engine (RE2). `complete` is given what was typed so far and has about a second; it must
    not say what some who may run the command may not see.
    """

    name: str
    summary: str
    kind: OptionKind = "string"
    required: bool = False
    default: object = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    pattern: str = ""
    positional: bool = False
    rest: bool = False
    complete: Callable[[str], Awaitable[list[str]]] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Hand a command its checked input. `options` has a value for every declared option; `event_id` is unique."""

    command: str
    options: Mapping[str, object]
    person: Person
    identity: Identity
    conversation: Conversation
    event_id: str
    services: Services
    attachments: tuple[Attachment, ...] = ()
    approval: str = ""  # the request that others agreed to

    def file(self, name: str) -> Attachment | None:
        """Return the attachment that a `file` option names, None when it was not given."""
        return next((one for one in self.attachments if one.name == self.options.get(name)), None)

    def text(self, name: str) -> str:
        """Return a string option, empty when it was not given."""
        value = self.options.get(name)
        return value if isinstance(value, str) else ""


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Declare a command: `name` without the slash, `allow` the least role, `effect` what a run changes.

    A `light` command answers from memory or one read: no model, no durable run. `cooldown_s` is the least time
    between two runs by one person. `needs` names what the answer cannot do without (a file, a private answer); where
    a platform lacks it, its stated fallback takes its place, and where there is none the command is refused by name.
    An `is_urgent` one does not wait for what was asked before it in the conversation. An `is_instant` one is light,
    changes nothing and answers from memory: it may run before its event is on disk, so that both are one commit.
    An `is_quiet` one is what buttons below an answer run: it can be typed, but no list, menu or completion has it.
    """

    name: str
    summary: str
    handler: Handler
    options: tuple[Option, ...] = ()
    allow: str = "operator"
    effect: Effect = "none"
    lane: Lane = "heavy"
    needs: tuple[Need, ...] = ()
    cooldown_s: float = 0.0
    is_urgent: bool = False
    is_instant: bool = False
    is_quiet: bool = False
    examples: tuple[str, ...] = ()
    detail: str = ""
