"""Tell whether an event is for the bot, and which command it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import assert_never, cast

from quarterdeck.core.approval import ORIGIN
from quarterdeck.core.event import (
    Deleted,
    Edited,
    Event,
    Invoked,
    Joined,
    Posted,
    Pressed,
    Reacted,
    Submitted,
)
from quarterdeck.core.form import Form
from quarterdeck.core.message import Attachment, Message
from quarterdeck.core.ports import Commands, Way
from quarterdeck.core.value import dataclass
from quarterdeck.router.command.catalogue import UMBRELLA
from quarterdeck.router.command.syntax import Line, split

PLAIN_TEXT_COMMAND = "chat"  # what plain text to the bot means
UMBRELLA_COMMAND, UMBRELLA_REST = "command", "line"  # the umbrella's two options


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Hold what somebody wants, not yet checked: a command line, or native options (`options` is not None).

    `form` is the form that the values came from. `is_ordered`: a command was given, not just something said.
    """

    way: Way
    name: str
    rest: str = ""
    options: Mapping[str, object] | None = field(default=None)
    attachments: tuple[Attachment, ...] = ()
    form: Form | None = None
    is_ordered: bool = True


def wish_of(event: Event, commands: Commands) -> Wish | None:
    """Return what the event asks the bot to do, or None when it asks nothing.

    In a group only a command line or a mention is for the bot; in a direct conversation everything is.
    """
    match event:
        case Posted():
            return _of_message(event, commands)
        case Invoked():
            return _approved(event) if event.origin.startswith(f"{ORIGIN}:") else _of_command(event)
        case Pressed():
            line = split(event.value) or Line(name=event.value, rest="")
            return Wish(way="button", name=line.name, rest=line.rest)
        case Edited() | Deleted() | Submitted() | Reacted() | Joined():
            return None
        case _:
            assert_never(event)


def is_command_line(text: str) -> bool:
    """Tell whether a message orders something rather than says something."""
    return split(text.lstrip()) is not None


def _of_message(event: Posted, commands: Commands) -> Wish | None:
    way: Way = "schedule" if event.origin else "message"
    message = event.message
    line = split(message.text.lstrip())
    if line is None and message.mentions_bot:
        line = _named_first(message, commands)
    is_ours = message.conversation.kind == "direct" or message.mentions_bot
    if line is not None and line.name == UMBRELLA:
        line = _below_umbrella(line.rest)
    files = message.attachments
    if line is not None and (is_ours or commands.get(line.name)):  # in a group it may be for another bot
        return Wish(way=way, name=line.name, rest=line.rest, attachments=files)
    if is_ours:
        return Wish(way=way, name=PLAIN_TEXT_COMMAND, rest=message.text, attachments=files, is_ordered=False)
    return None


def _approved(event: Invoked) -> Wish:
    """Read our own event that carries out what was approved; it came in the way in which it was asked for."""
    way = cast("Way", event.origin.split(":", 2)[2])
    return Wish(way=way, name=event.command, options=event.options, attachments=event.attachments)


def _of_command(event: Invoked) -> Wish:
    """Read a native command; what came through the umbrella is the command that it names."""
    name, options, text = event.command.lower(), event.options, event.text
    if name == UMBRELLA:
        words = [str(options.get(key) or "") for key in (UMBRELLA_COMMAND, UMBRELLA_REST)]
        line = _below_umbrella(" ".join([*words, text]).strip())
        return Wish(way="native", name=line.name, rest=line.rest, attachments=event.attachments)
    if options or not text:
        return Wish(way="native", name=name, options=options, attachments=event.attachments)
    return Wish(way="native", name=name, rest=text, attachments=event.attachments)


def _below_umbrella(text: str) -> Line:
    """Return the command line that stands behind the umbrella's name; nothing there asks for help."""
    text = text.strip().removeprefix("/")
    return split(f"/{text}") or Line(name="help", rest=text)


def _named_first(message: Message, commands: Commands) -> Line | None:
    """Read `@bot ask …`, where the adapter has taken the mention away."""
    name, _, rest = message.text.lstrip().partition(" ")
    return Line(name=name.lower(), rest=rest) if commands.get(name) else None
