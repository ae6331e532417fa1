"""Write what Discord sends: users, members, channels, messages (docs of the resources, 2026-11-21)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from quarterdeck.testing.simulator.discord.world import (
    BOT,
    BOT_ID,
    BOT_NAME,
    GUILD_ID,
    TEXT,
    THREAD,
    Channel,
    Message,
    Person,
    World,
)

ALL_PERMISSIONS: Final = str((1 << 50) - 1)
JOINED: Final = "2026-01-01T00:00:00+00:00"


def moment(ms: int) -> str:
    """Return a time as Discord writes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def user_body(number: int, name: str, *, is_bot: bool = False) -> dict[str, Any]:
    """Return a User."""
    return {
        "id": str(number),
        "username": name,
        "global_name": None if is_bot else name.capitalize(),
        "discriminator": "0",
        "avatar": None,
        "bot": is_bot,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }


def bot_body() -> dict[str, Any]:
    """Return the bot as a User."""
    return user_body(BOT_ID, BOT_NAME, is_bot=True)


def author_body(world: World, handle: str) -> dict[str, Any]:
    """Return who wrote something."""
    return bot_body() if handle == BOT else user_body(world.person(handle).id, handle)


def member_body(world: World, person: Person | None, *, with_user: bool = True) -> dict[str, Any]:
    """Return a GuildMember; None stands for the bot."""
    body: dict[str, Any] = {
        "roles": [str(world.role(name)) for name in sorted(person.roles)] if person else [],
        "nick": None,
        "avatar": None,
        "banner": None,
        "joined_at": JOINED,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }
    if with_user:
        body["user"] = user_body(person.id, person.handle) if person else bot_body()
    return body


def role_body(number: int, name: str, position: int) -> dict[str, Any]:
    """Return a Role."""
    return {
        "id": str(number),
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": position,
        "permissions": ALL_PERMISSIONS if number == GUILD_ID else "0",
        "managed": False,
        "mentionable": True,
        "flags": 0,
    }


def roles_body(world: World) -> list[dict[str, Any]]:
    """Return the roles of the server."""
    return [role_body(number, name, at) for at, (number, name) in enumerate(world.roles.items())]


def channel_body(world: World, channel: Channel) -> dict[str, Any]:
    """Return a Channel."""
    body: dict[str, Any] = {
        "id": str(channel.id),
        "type": channel.type,
        "flags": 0,
        "last_message_id": str(channel.last_message) if channel.last_message else None,
    }
    if channel.is_direct:
        return body | {"recipients": [author_body(world, channel.person)]}
    body |= {
        "guild_id": str(GUILD_ID),
        "name": channel.name,
        "parent_id": str(channel.parent) if channel.parent else None,
        "rate_limit_per_user": 0,
        "nsfw": False,
    }
    if channel.type == THREAD:
        return body | thread_part(channel)
    return body | {"position": 0, "topic": None, "permission_overwrites": []}


def thread_part(channel: Channel) -> dict[str, Any]:
    """Return what a thread has besides."""
    return {
        "owner_id": str(BOT_ID),
        "message_count": 0,
        "member_count": 1,
        "total_message_sent": 0,
        "applied_tags": [],
        "thread_metadata": {
            "archived": channel.is_archived,
            "auto_archive_duration": 1440,
            "archive_timestamp": moment(channel.started_ms),
            "locked": channel.is_locked,
            "create_timestamp": moment(channel.started_ms),
        },
    }


def guild_body(world: World, *, whole: bool) -> dict[str, Any]:
    """Return the server; `whole` as GUILD_CREATE brings it."""
    body: dict[str, Any] = {
        "id": str(GUILD_ID),
        "name": "Simulated",
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": "1",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "roles": roles_body(world),
        "emojis": [],
        "features": [],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "vanity_url_code": None,
        "description": None,
        "banner": None,
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "nsfw_level": 0,
        "stickers": [],
        "premium_progress_bar_enabled": False,
        "safety_alerts_channel_id": None,
        "home_header": None,
        "region": "deprecated",
        "widget_enabled": False,
        "widget_channel_id": None,
        "premium_subscription_count": 0,
        "nsfw": False,
        "incidents_data": None,
        "max_presences": None,
        "max_members": 25_000_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
    }
    if not whole:
        return body
    present = [one for one in world.channels.values() if not one.is_gone and "view" not in one.denied]
    return body | {
        "joined_at": JOINED,
        "large": False,
        "unavailable": False,
        "member_count": len(world.people) + 1,
        "members": [member_body(world, None)],
        "channels": [channel_body(world, one) for one in present if one.type == TEXT],
        "threads": [
            channel_body(world, one) for one in present if one.type == THREAD and not one.is_archived
        ],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def emoji_body(emoji: str) -> dict[str, Any]:
    """Return an emoji."""
    name, _, number = emoji.partition(":")
    return {"id": number or None, "name": name}


def message_body(world: World, message: Message, *, with_content: bool = True) -> dict[str, Any]:
    """Return a Message; without content as a bot without the privileged intent gets it."""
    body: dict[str, Any] = {
        "id": str(message.id),
        "type": message.type,
        "channel_id": str(message.channel.id),
        "author": author_body(world, message.author),
        "content": message.content if with_content else "",
        "timestamp": moment(message.at_ms),
        "edited_timestamp": moment(message.edited_ms) if message.edited_ms else None,
        "tts": False,
        "mention_everyone": message.mentions_everyone,
        "mentions": [mentioned_body(world, number) for number in message.mentions],
        "mention_roles": [str(number) for number in message.mention_roles],
        "attachments": message.attachments if with_content else [],
        "embeds": message.embeds if with_content else [],
        "components": message.components if with_content else [],
        "pinned": False,
        "flags": message.flags,
    }
    if message.nonce is not None:
        body["nonce"] = message.nonce
    if message.author == BOT:
        body["application_id"] = str(BOT_ID)
    if message.reactions:
        body["reactions"] = [reaction_body(emoji, who) for emoji, who in message.reactions.items()]
    if message.interaction:
        body["interaction_metadata"] = message.interaction
    if message.reference:
        body["message_reference"] = {"type": 0, "message_id": str(message.reference)} | {
            "channel_id": str(message.channel.id)
        }
        original = world.messages.get(message.reference)
        if original is not None:
            gone = original.is_deleted
            inner = (
                message_body(world, original, with_content=with_content) if not original.reference else None
            )
            body["referenced_message"] = None if gone else inner
    return body


def mentioned_body(world: World, number: int) -> dict[str, Any]:
    """Return somebody who is mentioned."""
    if number == BOT_ID:
        return bot_body()
    person = world.person_of(number)
    return user_body(number, person.handle if person else "deleted_user")


def reaction_body(emoji: str, who: list[str]) -> dict[str, Any]:
    """Return a reaction with its count."""
    return {
        "emoji": emoji_body(emoji),
        "count": len(who),
        "count_details": {"normal": len(who), "burst": 0},
        "me": BOT in who,
        "me_burst": False,
        "burst_colors": [],
    }


def event_body(world: World, message: Message, *, with_content: bool = True) -> dict[str, Any]:
    """Return a message as the gateway brings it: in the server with its author's membership."""
    body = message_body(world, message, with_content=with_content)
    if message.channel.is_direct:
        return body | {"channel_type": message.channel.type}
    person = None if message.author == BOT else world.person(message.author)
    return body | {
        "guild_id": str(GUILD_ID),
        "member": member_body(world, person, with_user=False),
        "channel_type": message.channel.type,
    }
