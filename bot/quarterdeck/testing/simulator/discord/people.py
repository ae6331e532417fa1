"""Let people do what they do in Discord's clients, and tell the bot of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from quarterdeck.testing.simulator.discord.bodies import channel_body, member_body, message_body, user_body
from quarterdeck.testing.simulator.discord.content import Upload, store
from quarterdeck.testing.simulator.discord.interactions import (
    COMMAND,
    COMPLETE,
    COMPONENT,
    SUBMIT,
    Interaction,
)
from quarterdeck.testing.simulator.discord.marks import find_mentions, flat
from quarterdeck.testing.simulator.discord.options import Filling, find_command, nested
from quarterdeck.testing.simulator.discord.site import Site
from quarterdeck.testing.simulator.discord.world import (
    APPLICATION_ID,
    BOT_ID,
    GUILD_ID,
    THREAD,
    Channel,
    Message,
    World,
)

NAMED: Final = re.compile(r"(?<![\w<])@([\w.-]*\w)")
LINE: Final = 2000
Deliver = Callable[[Interaction, dict[str, Any]], Awaitable[None]]


class People:
    """Act for people; every act changes the world first, then goes to the bot."""

    def __init__(self, site: Site, deliver: Deliver) -> None:
        self._site, self._deliver = site, deliver

    @property
    def _world(self) -> World:
        return self._site.world

    async def place(self, handle: str, where: str) -> Channel:
        """Return the channel that `where` names for somebody; a new one is told of."""
        self._world.person(handle)
        if where == "direct":
            return self._world.direct(handle)
        if where.isdecimal() and int(where) in self._world.channels:
            return self._world.channels[int(where)]
        channel = self._world.named_channel(where)
        if channel is None:
            channel = Channel(self._world.snowflake(), where)
            self._world.channels[channel.id] = channel
            await self._site.events.channel("CHANNEL_CREATE", channel)
        return channel

    async def write(
        self, handle: str, text: str, where: str, thread: str, files: Sequence[tuple[str, bytes]]
    ) -> Message:
        """Let somebody write; `thread` is a thread, or a message to begin one at."""
        channel = await self.place(handle, where)
        if thread:
            channel = await self._thread(channel, thread)
        content = self._spoken(text)
        if len(content) > LINE:
            raise ValueError(f"the client takes {LINE} characters, these are {len(content)}")
        message = Message(self._world.snowflake(), channel, handle, self._world.clock.now_ms(), content)
        mentions = find_mentions(self._world, content, None)
        message.mentions, message.mention_roles = mentions.users, mentions.roles
        message.mentions_everyone, message.pings = mentions.everyone, mentions.pings
        cdn = self._site.cdn()
        for number, (name, body) in enumerate(files):
            upload = Upload(number, name, body, "application/octet-stream")
            message.attachments.append(store(self._world, channel, upload, cdn))
        self._world.keep(message)
        await self._site.events.message("MESSAGE_CREATE", message)
        self._site.changed()
        return message

    async def rewrite(self, handle: str, number: str, text: str, where: str) -> None:
        """Let somebody change their message."""
        message = self.find(await self.place(handle, where), number)
        if message.author != handle:
            raise LookupError(f"message {number} is not {handle}'s")
        message.content = self._spoken(text)
        message.mentions = find_mentions(self._world, message.content, None).users
        message.edits += 1
        message.edited_ms = self._world.clock.now_ms()
        await self._site.events.message("MESSAGE_UPDATE", message)
        self._site.changed()

    async def remove(self, handle: str, number: str, where: str) -> None:
        """Let somebody take a message away."""
        message = self.find(await self.place(handle, where), number)
        message.is_deleted = True
        await self._site.events.message("MESSAGE_DELETE", message)
        self._site.changed()

    async def react(self, handle: str, number: str, emoji: str, where: str) -> None:
        """Let somebody put an emoji under a message."""
        message = self.find(await self.place(handle, where), number)
        message.reactions.setdefault(emoji, []).append(handle)
        await self._site.events.reaction("MESSAGE_REACTION_ADD", message, handle, emoji)
        self._site.changed()

    async def command(
        self, handle: str, name: str, options: Mapping[str, object] | str, where: str
    ) -> Interaction:
        """Let somebody use a command that the client offers there."""
        channel = await self.place(handle, where)
        commands = self._site.commands.offered(0 if channel.is_direct else GUILD_ID)
        command, words, known = find_command(commands, name)
        given = named(known, options)
        filling = Filling(self._world, channel, self._site.cdn())
        data = {
            "id": command["id"],
            "name": command["name"],
            "type": command["type"],
            "options": nested(command, words, filling.fill(known, given)),
        } | ({"resolved": filling.resolved} if filling.resolved else {})
        return await self._interact(COMMAND, handle, channel, data, name=str(command["name"]))

    async def complete(
        self, handle: str, name: str, option: str, typed: str, where: str
    ) -> Interaction | list[str]:
        """Let somebody type into an option; returns what the client knows by itself, or asks the bot."""
        channel = await self.place(handle, where)
        commands = self._site.commands.offered(0 if channel.is_direct else GUILD_ID)
        command, words, known = find_command(commands, name)
        found = next((one for one in known if one["name"] == option), None)
        if found is None:
            raise LookupError(f"/{name} has no option {option!r}")
        if not found.get("autocomplete"):
            choices = [str(one["name"]) for one in found.get("choices") or ()]
            return [one for one in choices if typed.lower() in one.lower()]
        filled = Filling(self._world, channel, self._site.cdn()).fill(known, {option: typed}, option)
        data = {
            "id": command["id"],
            "name": command["name"],
            "type": command["type"],
            "options": nested(command, words, filled),
        }
        return await self._interact(COMPLETE, handle, channel, data, name=str(command["name"]))

    async def press(self, handle: str, label: str, where: str, number: str) -> Interaction | None:
        """Let somebody press a button, or choose from a menu; a link opens in their browser."""
        channel = await self.place(handle, where)
        shown = [
            (message, component, choice)
            for message in self._world.history(channel)
            if not message.is_deleted and message.to in ("", handle) and number in ("", str(message.id))
            for component, choice in pressable(message)
        ]
        found = [one for one in shown if label_of(one[1], one[2]) == label]
        if not found:
            raise LookupError(
                f"no button {label!r} to press; there are {[label_of(one[1], one[2]) for one in shown]}"
            )
        message, component, choice = found[-1]
        if component.get("url"):
            return None
        data = {"custom_id": component["custom_id"], "component_type": component["type"]}
        if choice is not None:
            data["values"] = [choice["value"]]
        return await self._interact(COMPONENT, handle, channel, data, on=message)

    async def submit(self, handle: str, form: Interaction, components: list[dict[str, Any]]) -> Interaction:
        """Let somebody send the form that is open."""
        assert form.form is not None, "only forms that are open are sent"
        data = {"custom_id": form.form["custom_id"], "components": components, "resolved": {}}
        return await self._interact(SUBMIT, handle, form.channel, data, on=form.message)

    async def _interact(
        self,
        kind: int,
        handle: str,
        channel: Channel,
        data: dict[str, Any],
        *,
        name: str = "",
        on: Message | None = None,
    ) -> Interaction:
        one = self._site.interactions.new(kind, handle, channel, data, name=name, on=on)
        await self._deliver(one, self._body(one))
        return one

    def _body(self, one: Interaction) -> dict[str, Any]:
        person = self._world.person(one.handle)
        body: dict[str, Any] = {
            "id": str(one.id),
            "application_id": str(APPLICATION_ID),
            "type": one.type,
            "data": one.data,
            "token": one.token,
            "version": 1,
            "channel_id": str(one.channel.id),
            "channel": channel_body(self._world, one.channel) | {"permissions": "0"},
            "app_permissions": str((1 << 50) - 1),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(GUILD_ID)},
            "context": 1 if one.channel.is_direct else 0,
            "attachment_size_limit": 10 * 1024 * 1024,
        }
        if one.message is not None:
            body["message"] = message_body(self._world, one.message)
        if one.channel.is_direct:
            return body | {"user": user_body(person.id, person.handle)}
        member = member_body(self._world, person) | {"permissions": "0"}
        return body | {
            "guild_id": str(GUILD_ID),
            "guild_locale": "en-US",
            "guild": {"id": str(GUILD_ID), "locale": "en-US", "features": []},
            "member": member,
        }

    def find(self, channel: Channel, number: str) -> Message:
        """Return a message that is there, also in a thread of the channel.

        Raises:
            LookupError: it is not.
        """
        message = self._world.messages.get(int(number)) if number.isdecimal() else None
        if (
            message is None
            or message.is_deleted
            or channel.id not in (message.channel.id, message.channel.parent)
        ):
            raise LookupError(f"there is no message {number} in {channel.name or 'direct'}")
        return message

    def _spoken(self, text: str) -> str:
        """Return `text` with the mentions that a client makes of names."""

        def mention(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in self._world.people:
                return f"<@{self._world.people[name].id}>"
            return f"<@{BOT_ID}>" if name == "bot" else match.group()

        return NAMED.sub(mention, text)

    async def _thread(self, channel: Channel, thread: str) -> Channel:
        """Return a thread by its number, the message that it began at, or its name; a new one is told of."""
        of_channel = [one for one in self._world.channels.values() if one.parent == channel.id]
        for one in of_channel:
            if thread in (str(one.id), one.name):
                return one
        if channel.type == THREAD or channel.is_direct:
            raise LookupError(f"there is no thread {thread}")
        is_message = thread.isdecimal()
        number = self.find(channel, thread).id if is_message else self._world.snowflake()
        new = Channel(number, f"thread of {thread}" if is_message else thread, THREAD, parent=channel.id)
        new.started_ms = self._world.clock.now_ms()
        self._world.channels[number] = new
        await self._site.events.channel("THREAD_CREATE", new)
        return new


def named(known: Sequence[Mapping[str, Any]], options: Mapping[str, object] | str) -> Mapping[str, object]:
    """Return options by name; a bare text belongs to the first one.

    Raises:
        LookupError: there is a text, and no option to hold it.
    """
    if not isinstance(options, str):
        return options
    if not options:
        return {}
    if not known:
        raise LookupError("the command has no options")
    return {str(known[0]["name"]): options}


def pressable(message: Message) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Return the buttons of a message, and the choices of its menus."""
    found: list[tuple[dict[str, Any], dict[str, Any] | None]] = []
    for component in flat(message.components):
        if component.get("disabled"):
            continue
        if component.get("type") == 2:
            found.append((component, None))
        elif component.get("type") == 3:
            found += [(component, option) for option in component["options"]]
    return found


def label_of(component: Mapping[str, Any], choice: Mapping[str, Any] | None) -> str:
    """Return what stands on a button, or at a choice."""
    if choice is not None:
        return str(choice["label"])
    return str(component.get("label") or (component.get("emoji") or {}).get("name") or "")
