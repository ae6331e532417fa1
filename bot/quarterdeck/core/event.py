"""Describe what happened on a platform. Match with `match`/`case` and end in `assert_never`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from quarterdeck.core.message import Attachment, Conversation, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Happened:
    """`id` is the platform's own event id: the same event delivered twice has the same `id`.

    `actor` is the verified sender, `is_bot` is true for accounts that are programs (ourselves included).
    `origin` is empty for what a platform delivered; what we raise ourselves names its cause, `schedule:ID`.
    `is_late`: read from the platform's history after a gap, not delivered when it happened.
    `groups` are the groups of the platform that the event itself proves the actor to be in, each written
    `platform:workspace:group` with immutable ids; None where the event does not say.
    """

    id: str
    platform: str
    workspace: str = ""
    received_at: datetime
    conversation: Conversation
    actor: Identity
    actor_name: str = ""
    is_bot: bool = False
    origin: str = ""
    is_late: bool = False
    groups: frozenset[str] | None = None

    @property
    def key(self) -> str:
        """Name the event over all platforms; the same event delivered twice has the same key."""
        return f"{self.platform}:{self.workspace}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(_Happened):
    """Somebody wrote a message."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited(_Happened):
    """Somebody changed a message; `message` is its new form under its old id."""

    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(_Happened):
    """Somebody took a message away."""

    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoked(_Happened):
    """Somebody used a native command; `options` are the typed values by option name, `text` what was typed freely.

    A value is what the option's kind says in `core.command`; files come in `attachments`, and the option's value is
    the name of one of them.
    """

    command: str
    options: Mapping[str, object] = field(default_factory=dict)
    text: str = ""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed(_Happened):
    """Somebody pressed the button `button_id` under message `message_id`."""

    button_id: str
    value: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(_Happened):
    """Somebody sent the form `form_id` (`Card.form_id`) with `values` by input id."""

    form_id: str
    values: Mapping[str, object]
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted(_Happened):
    """Somebody added (or took back) an emoji."""

    message_id: str
    emoji: str
    added: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(_Happened):
    """Somebody, perhaps the bot itself, joined the conversation."""


Event = Posted | Edited | Deleted | Invoked | Pressed | Submitted | Reacted | Joined
