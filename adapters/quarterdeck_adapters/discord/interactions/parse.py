"""Make events of interactions: a command, a press, a form that was sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from quarterdeck.core.command import Option
from quarterdeck.core.event import Invoked, Pressed, Submitted
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.ports import Commands
from quarterdeck.core.value import dataclass
from quarterdeck_adapters.discord import ids
from quarterdeck_adapters.discord.interactions.forms import (
    CHANNEL_SELECT,
    FILE_UPLOAD,
    ROLE_SELECT,
    USER_SELECT,
)
from quarterdeck_adapters.discord.interactions.names import find, option_called
from quarterdeck_adapters.discord.parse import attachment_of, name_of

# docs.discord.com/developers/interactions/receiving-and-responding, "Interaction type", 2026-11-21
PING, COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 1, 2, 3, 4, 5
# docs.discord.com/developers/interactions/application-commands, "Option type", 2026-11-21
SUBCOMMAND, GROUP, USER, CHANNEL, ROLE, MENTIONABLE, FILE = 1, 2, 6, 7, 8, 9, 11

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sender:
    """Hold what every interaction says about who sent it, and where."""

    id: str
    conversation: Conversation
    user: Data
    member: Data | None
    guild: str

    def common(self, at: datetime) -> dict[str, Any]:
        """Return the fields that all its events share."""
        return {
            "id": self.id,
            "platform": ids.PLATFORM,
            "received_at": at,
            "conversation": self.conversation,
            "actor": ids.identity(self.user["id"]),
            "actor_name": name_of(self.user, self.member),
            "is_bot": bool(self.user.get("bot")),
            "groups": ids.groups(self.guild, self.member.get("roles")) if self.member else None,
        }


@dataclass(frozen=True, slots=True)
class Typed:
    """Hold a command as it was filled in; `focused` is the option that is being typed, with what stands there."""

    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    focused: tuple[str, str] | None = None


def sender_of(data: Data) -> Sender:
    """Return who sent an interaction, and where."""
    member = data.get("member")
    guild = str(data.get("guild_id") or "")
    channel = data.get("channel") or {}
    channel_id = str(data.get("channel_id") or channel["id"])
    return Sender(
        id=str(data["id"]),
        conversation=ids.conversation(guild, channel_id, is_thread=channel.get("type") in ids.THREADS),
        user=member["user"] if member else data["user"],
        member=member,
        guild=guild,
    )


def typed(data: Data, guild: str, commands: Commands) -> Typed:
    """Return the command that was used, by our own name, with its options as `core.command` has them."""
    given = data["data"]
    name, options = str(given["name"]), given.get("options") or ()
    while options and options[0]["type"] in (SUBCOMMAND, GROUP):
        name, options = str(options[0]["name"]), options[0].get("options") or ()
    command = find(commands, name)
    files = (given.get("resolved") or {}).get("attachments") or {}
    values: dict[str, object] = {}
    attachments: list[Attachment] = []
    focused = None
    for one in options:
        option = option_called(command, one["name"])
        if one.get("focused"):
            focused = (option.name if option else one["name"], str(one.get("value") or ""))
            continue
        if one["type"] == FILE:
            attachment = attachment_of(files[one["value"]])
            attachments.append(attachment)
            values[option.name if option else one["name"]] = attachment.name
        else:
            values[option.name if option else one["name"]] = _value(one, guild, option)
    return Typed(command.name if command else name, values, tuple(attachments), focused)


def invoked(sender: Sender, command: Typed, at: datetime) -> Invoked:
    """Return the event of a command."""
    return Invoked(
        **sender.common(at), command=command.name, options=command.options, attachments=command.attachments
    )


def pressed(sender: Sender, data: Data, button_id: str, value: str, at: datetime) -> Pressed:
    """Return the event of a button; its meaning was read from the `custom_id` before."""
    message = data.get("message") or {}
    return Pressed(
        **sender.common(at), button_id=button_id, value=value, message_id=str(message.get("id") or "")
    )


def submitted(sender: Sender, data: Data, form_id: str, at: datetime) -> Submitted:
    """Return the event of a form."""
    given = data["data"]
    files = (given.get("resolved") or {}).get("attachments") or {}
    values: dict[str, object] = {}
    attachments: list[Attachment] = []
    for component in _inputs(given.get("components") or ()):
        name = str(component["custom_id"])
        if component.get("type") == FILE_UPLOAD:
            sent = [attachment_of(files[one]) for one in component.get("values") or ()]
            attachments += sent
            if sent:
                values[name] = sent[0].name
            continue
        if (value := _filled(component, sender.guild)) is not None:
            values[name] = value
    return Submitted(**sender.common(at), form_id=form_id, values=values, attachments=tuple(attachments))


def _value(one: Data, guild: str, option: Option | None) -> object:
    """Return an option's value; ids become identities, conversations and groups."""
    match one["type"]:
        case kind if kind == USER:
            return str(ids.identity(str(one["value"])))
        case kind if kind == CHANNEL:
            return ids.conversation(guild, str(one["value"])).id
        case kind if kind == ROLE:
            return ids.role(guild, str(one["value"]))
        case _ if option is not None and option.kind == "number" and isinstance(one["value"], int):
            return float(one["value"])
        case _:
            return one["value"]


def _inputs(components: Iterable[Data]) -> Iterable[Data]:
    """Yield the filled-in inputs; a label holds one, a row of the older form several."""
    for component in components:
        if "component" in component:
            yield component["component"]
        elif "components" in component:
            yield from _inputs(component["components"])
        elif "custom_id" in component:
            yield component


def _filled(component: Data, guild: str) -> object:
    """Return what was filled in; None where nothing was."""
    if "value" in component:
        return component["value"] if component["value"] not in ("", None) else None
    chosen = component.get("values") or ()
    if not chosen:
        return None
    match component.get("type"):
        case kind if kind == USER_SELECT:
            return str(ids.identity(str(chosen[0])))
        case kind if kind == CHANNEL_SELECT:
            return ids.conversation(guild, str(chosen[0])).id
        case kind if kind == ROLE_SELECT:
            return ids.role(guild, str(chosen[0]))
        case _:
            return str(chosen[0])
