"""Say what goes in and out of the API; requests are checked by these, and the OpenAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

TEXT_LIMIT = 100_000
FILES_LIMIT = 10
FILE_BYTES = 20 * 1024 * 1024
LARGEST = 2**53 - 1


def _whole(value: object) -> object:
    """Take 7.0 for 7, which it is in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Seq = Annotated[int, Field(ge=0, le=LARGEST), BeforeValidator(_whole)]
FileId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Files = Annotated[list[FileId], Field(max_length=FILES_LIMIT)]
Scalar = None | bool | int | float | Annotated[str, StringConstraints(max_length=TEXT_LIMIT)]


class Shape(BaseModel):
    """Take what is declared and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Press(Shape):
    """Press the button `button` under the message at `seq`."""

    seq: Seq
    button: Name


class Submit(Shape):
    """Send the form that stands in the message at `seq`."""

    seq: Seq
    id: Name
    values: dict[Name, Scalar]
    files: Files = []


class Command(Shape):
    """Run a command with typed options."""

    name: Name
    options: dict[Name, Scalar] = {}
    files: Files = []


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class NewMessage(Shape):
    """Say, press, send or run one thing. `edit_of` takes back an earlier message and all after it."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [_given(name) for name in ("text", "press", "form", "command")],
            "if": _given("edit_of"),
            "then": _given("text"),
        }
    )

    text: Annotated[str, StringConstraints(min_length=1, max_length=TEXT_LIMIT)] | None = None
    files: Files = []
    edit_of: Seq | None = None
    press: Press | None = None
    form: Submit | None = None
    command: Command | None = None


class NewConversation(Shape):
    """Open a conversation."""

    title: Annotated[str, StringConstraints(max_length=200)] = ""


class Title(Shape):
    """Rename a conversation."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Stop(Shape):
    """Stop one answer by its id, or all of the conversation's."""

    id: Name | None = None


class PasswordChange(Shape):
    """Change the password."""

    current: Annotated[str, StringConstraints(max_length=1024)]
    new: Annotated[str, StringConstraints(max_length=1024)]


class NewPasskey(Shape):
    """Hand over what the browser made."""

    ceremony: Name
    credential: dict[str, Any]
    name: Annotated[str, StringConstraints(max_length=100)] = ""


class Accepted(Shape):
    """Name what was taken: `id` is the `cause` of its answer."""

    id: str
    seq: int


class Conversation(Shape):
    """Show a conversation."""

    id: str
    title: str
    created_at: str
    updated_at: str
    last_seq: int


class Conversations(Shape):
    """List conversations."""

    conversations: list[Conversation]


class Citation(Shape):
    """Show where a claim comes from."""

    n: int
    document: str
    heading: str
    url: str
    chunk: str
    note: str = ""


class Button(Shape):
    """Show a button."""

    id: str
    label: str
    danger: bool


class Input(Shape):
    """Show one field of a form."""

    id: str
    label: str
    kind: str
    required: bool
    choices: list[str]
    hint: str
    value: str
    max_length: int | None
    problem: str = ""


class Form(Shape):
    """Show a form."""

    id: str
    title: str
    inputs: list[Input]


class File(Shape):
    """Show a file."""

    id: str
    name: str
    media_type: str
    size_bytes: int


class Message(Shape):
    """Show a message. A `you` message says under which `key` it came, and with `of` which message it answers."""

    seq: int
    id: str
    role: Literal["you", "bot"]
    kind: Literal["text", "press", "form", "command"]
    cause: str
    key: str
    of: int | None
    at: str
    text: str
    html: str
    status: str
    citations: list[Citation]
    buttons: list[Button]
    form: Form | None
    files: list[File]
    run_id: str | None
    edited: bool


class Messages(Shape):
    """Show messages; `seq` is where the stream goes on."""

    messages: list[Message]
    more: bool
    seq: int


class Part(Shape):
    """Show a part of a message, and whether it is what was looked for."""

    text: str
    fits: bool


class Hit(Shape):
    """Show one message that was found; `snippet` is its `parts` in one."""

    conversation: str
    title: str
    seq: int
    at: str
    role: str
    snippet: str
    parts: list[Part]


class Hits(Shape):
    """Show what was found."""

    results: list[Hit]


class Stopped(Shape):
    """Name what was stopped."""

    stopped: list[str]


class Options(Shape):
    """Show one option of a command."""

    name: str
    summary: str
    kind: str
    required: bool
    default: Any
    choices: list[str]
    minimum: float | None
    maximum: float | None
    max_length: int | None
    pattern: str
    positional: bool
    rest: bool
    completes: bool


class CommandShown(Shape):
    """Show a command."""

    name: str
    summary: str
    detail: str
    examples: list[str]
    effect: str
    options: list[Options]


class Commands(Shape):
    """List commands."""

    commands: list[CommandShown]


class Values(Shape):
    """List what may stand there."""

    values: list[str]


class PassageShown(Shape):
    """Show a passage with what stands around it."""

    id: str
    document: str
    collection: str
    heading: str
    text: str
    html: str
    url: str
    before: str
    after: str


class Bounds(Shape):
    """Say how much is taken."""

    file_bytes: int
    files: int
    text: int


class Me(Shape):
    """Show who calls."""

    account: str | None
    name: str
    role: str
    roles: list[str]
    is_owner: bool
    identities: list[str]
    version: str
    limits: Bounds


class Ceremony(Shape):
    """Say what the browser is to sign."""

    ceremony: str
    publicKey: dict[str, Any]  # noqa: N815  as the browser calls it


class PasskeyShown(Shape):
    """Show a passkey."""

    id: str
    name: str
    created_at: str


class PasskeysShown(Shape):
    """List passkeys."""

    passkeys: list[PasskeyShown]


class Problem(Shape):
    """Show what went wrong lately."""

    at: str
    what: str
    message: str
    fix: str


class FindingShown(Shape):
    """Show what a check found."""

    level: str
    area: str
    message: str
    fix: str


class StatusShown(Shape):
    """Show how the bot does."""

    version: str
    uptime_s: int
    facts: dict[str, Any]
    platforms: dict[str, Any]
    waiting: dict[str, Any]
    problems: list[Problem]
    findings: list[FindingShown]
    people: int
    sessions: int


class Fault(Shape):
    """Say what was wrong."""

    kind: str
    message: str
    hint: str


class Failure(Shape):
    """Be every answer that is no success."""

    error: Fault
