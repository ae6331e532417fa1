"""Write Slack's ids as ours, and read them back.

A conversation is `slack:TEAM:CHANNEL`, a thread `slack:TEAM:CHANNEL:TS` with the ts of its first message; a message is
`CHANNEL:TS`, which is also the id of the event that brings it, however it comes: live, again, or out of the history.
"""

from __future__ import annotations

from quarterdeck.core.message import Conversation, ConversationKind
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass

PLATFORM = "slack"
DIRECT_PREFIX = "D"  # ids of direct conversations; C is a channel, G an old private one or a group of people


@dataclass(frozen=True, slots=True)
class Account:
    """Say who the bot is in its workspace; empty before Slack has said so."""

    team: str = ""
    user: str = ""
    bot: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Hold where a conversation takes place; `thread` is empty outside threads."""

    team: str
    channel: str
    thread: str = ""


def conversation(team: str, channel: str, thread: str = "") -> Conversation:
    """Return the conversation. A thread in a direct conversation is direct: all of it is for the bot."""
    kind: ConversationKind = "thread" if thread else "group"
    if channel.startswith(DIRECT_PREFIX):
        kind = "direct"
    name = f"{PLATFORM}:{team}:{channel}"
    return Conversation(id=f"{name}:{thread}" if thread else name, platform=PLATFORM, kind=kind)


def place(of: Conversation) -> Place:
    """Return where it is."""
    _, team, channel, *thread = of.id.split(":", 3)
    return Place(team, channel, thread[0] if thread else "")


def channel_of(of: Conversation) -> str:
    """Name what Slack counts a conversation as: the threads of a channel share one limit."""
    return ":".join(of.id.split(":", 3)[:3])


def identity(team: str, user: str) -> Identity:
    """Return somebody's identity."""
    return Identity(platform=PLATFORM, workspace=team, user_id=user)


def message_id(channel: str, ts: str) -> str:
    """Name a message."""
    return f"{channel}:{ts}"


def ts_of(message: str) -> str:
    """Return the ts in a message's name."""
    return message.rpartition(":")[2]
