"""Name places: a chat is `telegram:CHAT`, a topic in it `telegram:CHAT:TOPIC`; groups that move are followed.

A group that becomes a supergroup gets a new id; the old one is refused from then on, and the refusal names the new
one (Bot API, ResponseParameters, 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quarterdeck.core.adapter import Memory
from quarterdeck.core.message import Conversation, ConversationKind

PLATFORM: Final = "telegram"
MOVES: Final = "moved"  # what the adapter's memory calls them


class Moved(Exception):
    """Say that the chat has a new id; nothing was sent to the old one."""

    def __init__(self, chat: int) -> None:
        super().__init__(f"the chat is {chat} now")
        self.chat = chat


class Moves:
    """Know the present id of every chat that has moved."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._moved: dict[int, int] = {}

    async def load(self) -> None:
        """Read what was remembered."""
        known = await self._memory.get(MOVES)
        if isinstance(known, Mapping):
            self._moved |= {int(old): new for old, new in known.items() if isinstance(new, int)}

    async def follow(self, old: int, new: int) -> None:
        """Remember that `old` is `new` from now on."""
        if self._moved.get(old) == new or old == new:
            return
        self._moved[old] = new
        await self._memory.put(MOVES, {str(one): other for one, other in self._moved.items()})

    def current(self, chat: int) -> int:
        """Return the id that `chat` has now."""
        for _ in self._moved:
            if chat not in self._moved:
                break
            chat = self._moved[chat]
        return chat


def conversation_of(chat: Mapping[str, object], topic: object = None) -> Conversation:
    """Return the conversation of a chat, or of one topic of it."""
    number = chat["id"]
    is_topic = isinstance(topic, int)
    kind: ConversationKind = "thread" if is_topic else "group"
    if chat.get("type") == "private":
        kind = "direct"
    return Conversation(
        id=f"{PLATFORM}:{number}:{topic}" if is_topic else f"{PLATFORM}:{number}",
        platform=PLATFORM,
        kind=kind,
    )


def place_of(conversation: Conversation) -> tuple[int, int | None]:
    """Return chat and topic.

    Raises:
        ValueError: it is no conversation of Telegram's.
    """
    platform, chat, *topic = conversation.id.split(":")
    if platform != PLATFORM or len(topic) > 1:
        raise ValueError(f"{conversation.id!r} is no conversation on Telegram")
    return int(chat), int(topic[0]) if topic else None


def limited_as(conversation: Conversation) -> str:
    """Return what Telegram counts messages by: the chat, with all its topics."""
    return ":".join(conversation.id.split(":", 2)[:2])
