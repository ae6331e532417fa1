"""Tell the bot what happened, each session as much as its intents let it know."""

from __future__ import annotations

from typing import Any

from quarterdeck.testing.simulator.discord.bodies import (
    channel_body,
    emoji_body,
    event_body,
    member_body,
)
from quarterdeck.testing.simulator.discord.gateway import CONTENT, Gateway, Session
from quarterdeck.testing.simulator.discord.world import (
    BOT,
    BOT_ID,
    GUILD_ID,
    Channel,
    Message,
    Person,
    World,
)


class Events:
    """Write events and hand them to the gateway."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self._world, self._gateway = world, gateway

    async def message(self, event: str, message: Message) -> None:
        """Tell of a message that everybody sees; ephemeral ones are nobody's business."""
        if message.to or "view" in message.channel.denied:
            return
        channel = message.channel
        place = {"channel_id": str(channel.id)} | ({} if channel.is_direct else {"guild_id": str(GUILD_ID)})

        def body_for(session: Session) -> dict[str, Any]:
            if event == "MESSAGE_DELETE":
                return {"id": str(message.id), **place}
            return event_body(self._world, message, with_content=may_read(session.intents, message))

        await self._gateway.tell(event, body_for, is_direct=channel.is_direct)

    async def reaction(self, event: str, message: Message, handle: str, emoji: str) -> None:
        """Tell of an emoji under a message."""
        channel = message.channel
        person = None if handle == BOT else self._world.person(handle)
        body: dict[str, Any] = {
            "user_id": str(person.id if person else BOT_ID),
            "channel_id": str(channel.id),
            "message_id": str(message.id),
            "emoji": emoji_body(emoji),
            "burst": False,
            "type": 0,
        }
        if not channel.is_direct:
            body |= {"guild_id": str(GUILD_ID), "member": member_body(self._world, person)}
        await self._gateway.tell(event, lambda _: body, is_direct=channel.is_direct)

    async def channel(self, event: str, channel: Channel) -> None:
        """Tell of a channel or a thread."""
        body = channel_body(self._world, channel)
        if event == "THREAD_CREATE":
            body["newly_created"] = True
        await self._gateway.tell(event, lambda _: body, is_direct=channel.is_direct)

    async def member(self, person: Person) -> None:
        """Tell of the roles that somebody has now."""
        body = member_body(self._world, person) | {"guild_id": str(GUILD_ID)}
        await self._gateway.tell("GUILD_MEMBER_UPDATE", lambda _: body)

    async def interaction(self, body: dict[str, Any]) -> None:
        """Bring an interaction."""
        await self._gateway.tell("INTERACTION_CREATE", lambda _: body)


def may_read(intents: int, message: Message) -> bool:
    """Say whether a bot with these intents gets the content: its own, a direct one, or one that mentions it."""
    return bool(
        intents & CONTENT
        or message.author == BOT
        or message.channel.is_direct
        or BOT_ID in message.mentions
        or message.interaction
    )
