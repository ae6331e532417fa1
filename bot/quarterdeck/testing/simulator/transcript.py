"""Describe a conversation as data: what people do, and what they are to see. One file plays on every platform.

    title: First contact
    people: {ada: owner}
    steps:
      - command: ping
      - expect: [{text: Pong.}]

Who does something (`as`) is the first of `people` unless it is said, and `where` is `direct`. In a text that is
expected, `{any}` stands for whatever is there. Steps that only some platforms can do name them with `on`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.settings.datafiles import load_one
from quarterdeck.testing.simulator.platform import FaultKind

PlatformName = Literal["slack", "discord", "telegram"]
PLATFORMS: Final[tuple[PlatformName, ...]] = ("slack", "discord", "telegram")
Scalar = str | int | float | bool


class Part(BaseModel):
    """Refuse unknown keys and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Expected(Part):
    """Say what one message must look like; what is not said of buttons, files, pings and so on must not be there."""

    text: str
    """What is read, without markup; `{any}` stands for anything."""
    buttons: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()
    pings: tuple[str, ...] = ()
    """Who is notified: names of people of this transcript, or `everyone`."""
    links: tuple[str, ...] | None = None
    """Its live links; not looked at unless it is said."""
    private: bool = False
    """Only the person who looks sees it."""
    edited: bool | None = None
    """It was changed after it was sent; not looked at unless it is said."""
    deleted: bool = False
    thread: str | None = None
    """The name of the message under which it stands in a thread; not looked at unless it is said."""
    name: str = ""
    """What later steps call this message."""


class ExpectedForm(Part):
    """Say what the form that is open must look like."""

    title: str
    inputs: tuple[str, ...]
    """The labels, in order."""
    errors: dict[str, str] = Field(default_factory=dict)
    """What is said about single inputs, by label."""


class Typing(Part):
    """Say what a person types into an option, and what their client is to offer."""

    command: str
    option: str
    typed: str = ""
    offers: tuple[str, ...]


class Failure(Part):
    """Order a fault; see `quarterdeck.testing.simulator.platform.Fault`."""

    kind: FaultKind
    where: str = "*"
    count: int = Field(default=1, ge=1)
    status: int = 500
    after_s: float = 0.0


class Step(Part):
    """Do one thing, or look; exactly one of the first keys, up to `expect`, says which."""

    say: str | None = None
    """Write a message; `@bot` mentions the bot."""
    command: str | None = None
    """Use a native command, with `options`, or with `typed` where people type them."""
    press: str | None = None
    """Press the newest button of this label."""
    submit: dict[str, str] | None = None
    """Fill the open form in, by label, and send it."""
    react: str | None = None
    """Put an emoji under the message `to`."""
    edit: str | None = None
    """Change the message `to`."""
    delete: str | None = None
    """Take the message of this name away."""
    complete: Typing | None = None
    """Type into an option, and look what the client offers."""
    fault: Failure | None = None
    """Let something go wrong from now on."""
    restart: Literal["stop", "kill"] | None = None
    """End the bot, with SIGTERM or with SIGKILL, and start it again."""
    stop: Literal["stop", "kill"] | None = None
    """End the bot, and go on without it."""
    start: Literal[True] | None = None
    """Start the bot that was ended."""
    form: ExpectedForm | None = None
    """Look at the form that is open."""
    expect: tuple[Expected, ...] | None = None
    """Look at what is new or changed since the last look, oldest first: exactly this and no more."""

    who: str = Field(default="", alias="as")
    """Who does it, or looks: a short name; the first of `people` unless it is said."""
    where: str = "direct"
    """A channel's name, or `direct`."""
    thread: str = ""
    """The name of the message to answer in a thread."""
    to: str = ""
    """The name of the message that is meant."""
    name: str = ""
    """What later steps call the message that is said."""
    files: dict[str, str] = Field(default_factory=dict)
    """Files to send along: content by name."""
    options: dict[str, Scalar] = Field(default_factory=dict)
    typed: str | None = None
    """What is typed after the command where the platform has no options; `options` by name unless it is said."""
    on: tuple[PlatformName, ...] = PLATFORMS
    """The platforms that this step is for."""
    timeout_s: float = Field(default=20.0, gt=0)

    @property
    def verb(self) -> str:
        """Name what the step does."""
        return next(verb for verb in VERBS if getattr(self, verb) is not None)

    @model_validator(mode="after")
    def _has_one_verb(self) -> Self:
        verbs = [verb for verb in VERBS if getattr(self, verb) is not None]
        if len(verbs) != 1:
            found = " and ".join(verbs) or "nothing"
            raise PydanticCustomError(
                "quarterdeck",
                "does {found}, and must do one thing",
                {"found": found, "hint": f"write one of {', '.join(VERBS)}"},
            )
        wrong = sorted((self.model_fields_set & set(_BELONGS)) - {verbs[0]} - _of(verbs[0]))
        if wrong:
            raise PydanticCustomError(
                "quarterdeck",
                "{key} does not go with {verb}",
                {"key": wrong[0], "verb": verbs[0], "hint": "delete it"},
            )
        return self


VERBS: Final = (
    "say",
    "command",
    "press",
    "submit",
    "react",
    "edit",
    "delete",
    "complete",
    "fault",
    "restart",
    "stop",
    "start",
    "form",
    "expect",
)
_BELONGS: Final = {
    "thread": ("say",),
    "to": ("press", "react", "edit"),
    "name": ("say",),
    "files": ("say",),
    "options": ("command",),
    "typed": ("command",),
}


def _of(verb: str) -> set[str]:
    return {key for key, verbs in _BELONGS.items() if verb in verbs}


class Answer(Part):
    """Let the scripted model answer questions that contain `to` with `say`, `times` over, in `pieces` characters."""

    to: str = ""
    say: str
    times: int = Field(default=1, ge=1)
    pieces: int = Field(default=40, ge=1)


class Transcript(Part):
    """Hold a conversation; see the module's text."""

    title: str
    about: str = ""
    """What it shows, for people to read."""
    people: dict[str, str] = Field(default_factory=dict)
    """The role of each person, by short name; whoever is not here is a stranger to the bot."""
    answers: tuple[Answer, ...] = ()
    """What the scripted language model says; without them there is no model."""
    settings: dict[str, Scalar] = Field(default_factory=dict)
    """Settings of the bot, by dotted name: `access.default_role: viewer`."""
    platforms: tuple[PlatformName, ...] = PLATFORMS
    """The platforms that it can be played on."""
    steps: tuple[Step, ...] = Field(min_length=1)

    def who(self, step: Step) -> str:
        """Return who does a step."""
        return step.who or next(iter(self.people), "ada")

    def everybody(self) -> tuple[str, ...]:
        """Return everyone who does something or has a role."""
        return tuple(dict.fromkeys((*self.people, *(self.who(step) for step in self.steps))))


def load(path: Path) -> Transcript:
    """Read a transcript.

    Raises:
        SetupError: it is wrong, with file, line and column.
    """
    return load_one([path], Transcript)


def shipped() -> dict[str, Path]:
    """Return the transcripts that come with the package, by name."""
    return {path.stem: path for path in sorted((config_dir() / "transcripts").glob("*.yaml"))}
