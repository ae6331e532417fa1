"""Describe what starts a workflow."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import IdentityText, OptionalSecret, Zone, refuse
from quarterdeck_workflows.language.functions import Unfit, check_pattern
from quarterdeck_workflows.language.rows.values import Expression, Name, Templates, Text, Texts, choose_one
from quarterdeck_workflows.language.spec import HookAuth, Outcome

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class _TriggerRow(Section):
    kind_key: ClassVar[str] = ""

    arguments: Templates = Field(default_factory=dict, alias="with")
    """Inputs, out of ${trigger…}."""
    when: Expression | None = None
    """Start only where this is true; it knows ${trigger…}."""
    conversation: str = ""
    """The id of the conversation where the run speaks, may hold ${trigger…}; else where it was started."""
    run_as: IdentityText | None = None
    """Whose rights it has: an account such as slack:T1:U1; of who started it, else of workflow::NAME."""


class CommandRow(_TriggerRow):
    """Start by a chat command."""

    kind_key: ClassVar[str] = "command"
    command: Name | None = None
    """The command without its slash; the workflow's name where it is left empty."""


class ScheduleRow(_TriggerRow):
    """Start by the clock."""

    kind_key: ClassVar[str] = "schedule"
    schedule: Text
    """A cron line, or words such as every weekday at 9."""
    timezone: Zone | None = None
    """Whose clock, such as Europe/Berlin; the bot's where it is left out."""
    misfire: str = ""
    """What is done about missed times: skip, once, all ≤ N, ask."""
    overlap: str = ""
    """What is done while the last run still goes."""


class NamedSecret(Section):
    """Compare a header or a parameter with a secret."""

    name: Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
    """Of the header or parameter."""
    secret: OptionalSecret
    """The secret: secret:NAME or env:NAME."""


class BasicAuth(Section):
    """Ask for a user name and a password."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """The user name."""
    secret: OptionalSecret
    """The password: secret:NAME or env:NAME."""


class HmacAuth(Section):
    """Check a signature over the body."""

    header: Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
    """The header that carries it."""
    secret: OptionalSecret
    """The key: secret:NAME or env:NAME."""
    algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    """Of the hash."""
    encoding: Literal["hex", "base64"] = "hex"
    """How it is written."""
    prefix: str = ""
    """What stands before it, such as sha256=."""


class StandardWebhooks(Section):
    """Check a signature as standardwebhooks.com says."""

    secret: OptionalSecret
    """The key: secret:NAME or env:NAME."""


class AuthRow(Section):
    """Say how a webhook's caller proves itself."""

    header: NamedSecret | None = None
    """By a header."""
    query: NamedSecret | None = None
    """By a parameter of the address."""
    basic: BasicAuth | None = None
    """By user name and password."""
    hmac: HmacAuth | None = None
    """By a signature over the body."""
    standard_webhooks: StandardWebhooks | None = Field(default=None, alias="standard-webhooks")
    """By a signature as standardwebhooks.com says."""

    @model_validator(mode="after")
    def _is_at_most_one(self) -> AuthRow:
        if len(self.model_fields_set) > 1:
            raise refuse(
                "names more than one way", "keep one of header, query, basic, hmac, standard-webhooks"
            )
        return self

    def auth(self) -> HookAuth:
        """Return it as the hooks know it."""
        if self.header is not None:
            return HookAuth(kind="header", name=self.header.name, secret=str(self.header.secret))
        if self.query is not None:
            return HookAuth(kind="query", name=self.query.name, secret=str(self.query.secret))
        if self.basic is not None:
            return HookAuth(kind="basic", username=self.basic.username, secret=str(self.basic.secret))
        if self.standard_webhooks is not None:
            return HookAuth(kind="standard-webhooks", secret=str(self.standard_webhooks.secret))
        if self.hmac is None:
            return HookAuth(kind="none")
        return HookAuth(
            kind="hmac",
            name=self.hmac.header,
            secret=str(self.hmac.secret),
            algorithm=self.hmac.algorithm,
            encoding=self.hmac.encoding,
            prefix=self.hmac.prefix,
        )


def _auth(value: object) -> object:
    if value == "none":
        return {}
    if not isinstance(value, dict) or not value:
        raise refuse(
            "says no way",
            "write auth: none, or such as auth: {hmac: {header: X-Signature, secret: secret:NAME}}",
        )
    return value


def _methods(value: object) -> object:
    if value == "any":
        return []
    return [value] if isinstance(value, str) else value


class WebhookRow(_TriggerRow):
    """Start by a request to /hooks/NAME."""

    kind_key: ClassVar[str] = "webhook"
    webhook: Name
    """The last part of the address."""
    methods: Annotated[
        tuple[Method, ...],
        BeforeValidator(_methods, json_schema_input_type=Literal["any"] | Method | list[Method]),
    ] = ("POST",)
    """GET, POST, PUT, PATCH, DELETE, or any."""
    auth: Annotated[AuthRow, BeforeValidator(_auth, json_schema_input_type=Literal["none"] | AuthRow)]
    """How the caller proves itself, or none."""


class MessageRow(_TriggerRow):
    """Start by what somebody writes."""

    kind_key: ClassVar[str] = "message"
    message: Text
    """A regular expression (RE2) that is looked for in the text."""
    conversations: Texts = Field(default=(), alias="in")
    """Ids of conversations; everywhere where it is left out."""
    mention: bool = False
    """Only where the bot is spoken to."""

    @model_validator(mode="after")
    def _has_a_pattern(self) -> MessageRow:
        try:
            check_pattern(self.message)
        except Unfit as unfit:
            raise refuse(unfit.message, unfit.hint, key="message") from unfit
        return self


class ReactionRow(_TriggerRow):
    """Start by an emoji under a message."""

    kind_key: ClassVar[str] = "reaction"
    reaction: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """The emoji."""
    conversations: Texts = Field(default=(), alias="in")
    """Ids of conversations; everywhere where it is left out."""


class ButtonRow(_TriggerRow):
    """Start by a button."""

    kind_key: ClassVar[str] = "button"
    button: Name
    """What the button is called."""


class AfterRow(_TriggerRow):
    """Start after another workflow."""

    kind_key: ClassVar[str] = "workflow"
    workflow: Name
    """Which one."""
    on: Annotated[
        tuple[Outcome, ...],
        BeforeValidator(
            lambda value: [value] if isinstance(value, str) else value,
            json_schema_input_type=Outcome | list[Outcome],
        ),
        Field(min_length=1),
    ] = ("succeeded",)
    """How it ended: succeeded, failed, cancelled."""


class StartupRow(_TriggerRow):
    """Start when the bot has started."""

    kind_key: ClassVar[str] = "startup"
    startup: Literal[True] | None = None
    """Nothing, or true."""


TRIGGERS: tuple[type[_TriggerRow], ...] = (
    CommandRow,
    ScheduleRow,
    WebhookRow,
    MessageRow,
    ReactionRow,
    ButtonRow,
    AfterRow,
    StartupRow,
)
TRIGGER_KINDS = tuple(row.kind_key for row in TRIGGERS)

TriggerRow = Annotated[
    Annotated[CommandRow, Tag("trigger:command")]
    | Annotated[ScheduleRow, Tag("trigger:schedule")]
    | Annotated[WebhookRow, Tag("trigger:webhook")]
    | Annotated[MessageRow, Tag("trigger:message")]
    | Annotated[ReactionRow, Tag("trigger:reaction")]
    | Annotated[ButtonRow, Tag("trigger:button")]
    | Annotated[AfterRow, Tag("trigger:workflow")]
    | Annotated[StartupRow, Tag("trigger:startup")],
    Discriminator(lambda value: f"trigger:{choose_one(value, TRIGGER_KINDS)}"),
]
