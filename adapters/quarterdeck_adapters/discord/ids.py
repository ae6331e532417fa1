"""Name Discord's places and people the way all of Quarterdeck does, and tell the time of its ids."""

from __future__ import annotations

import re
from typing import Final

from quarterdeck.core.adapter import cause_of
from quarterdeck.core.message import Conversation, ConversationKind
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass

PLATFORM: Final = "discord"
DIRECT: Final = "@me"  # what stands for the server in a direct conversation, as in Discord's own links
EPOCH_MS: Final = 1_420_070_400_000  # docs.discord.com/developers/reference, "Snowflakes", 2026-11-21
THREADS: Final = frozenset({10, 11, 12})  # channel types: announcement, public and private thread
NUMBER: Final = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Place:
    """Point at a channel; `guild` is empty in a direct conversation."""

    guild: str
    channel: str


def conversation(guild: str, channel: str, *, is_thread: bool = False) -> Conversation:
    """Return the conversation in a channel; a thread is a channel of its own."""
    kind: ConversationKind = "thread" if is_thread else "group" if guild else "direct"
    return Conversation(id=f"{PLATFORM}:{guild or DIRECT}:{channel}", platform=PLATFORM, kind=kind)


def place_of(of: Conversation) -> Place:
    """Return where a conversation is held."""
    _, guild, channel = of.id.split(":", 2)
    return Place("" if guild == DIRECT else guild, channel)


def identity(user: str) -> Identity:
    """Return the identity of an account."""
    return Identity(platform=PLATFORM, user_id=user)


def role(guild: str, role_id: str) -> str:
    """Return the group that a server's role is."""
    return f"{PLATFORM}:{guild}:{role_id}"


def groups(guild: str, roles: object) -> frozenset[str] | None:
    """Return the groups that a member's roles are, `@everyone` included; None where none are said."""
    if not guild or not isinstance(roles, list):
        return None
    return frozenset(role(guild, str(one)) for one in (*roles, guild))


def made_at_ms(snowflake: str) -> int:
    """Return when the thing with this id was made, in ms since 1970."""
    return (int(snowflake) >> 22) + EPOCH_MS


def snowflake_at(at_ms: int) -> str:
    """Return the lowest id that a thing made at this time can have."""
    return str(max(0, at_ms - EPOCH_MS) << 22)


def cause(key: str) -> str:
    """Return the key of the event behind an outbox row's key; rows of the core's own name a purpose after `~`."""
    return cause_of(key).partition("~")[0]


def cause_snowflake(key: str) -> str:
    """Return the message or interaction that an outbox row answers, empty where it answers none of Discord's."""
    prefix, _, rest = cause(key).partition("::")
    found = NUMBER.match(rest) if prefix == PLATFORM else None
    return found.group() if found else ""
