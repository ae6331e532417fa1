"""Let people do what they do in Telegram's clients, and tell the bot of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from quarterdeck.testing.simulator.faults import Faults
from quarterdeck.testing.simulator.telegram.asking import add_topic, member_body
from quarterdeck.testing.simulator.telegram.bodies import message_body
from quarterdeck.testing.simulator.telegram.compose import addresses_bot, mentioned
from quarterdeck.testing.simulator.telegram.editing import Queries
from quarterdeck.testing.simulator.telegram.found import with_found
from quarterdeck.testing.simulator.telegram.text import TEXT_LIMIT, units
from quarterdeck.testing.simulator.telegram.updates import Queued, Updates
from quarterdeck.testing.simulator.telegram.world import (
    BOT_ID,
    BOT_USERNAME,
    Chat,
    Message,
    World,
)

SPOKEN_BOT: Final = re.compile(r"(?<!\w)@bot\b")
SPOKEN_PERSON: Final = re.compile(r"(?<!\w)@([\w-]+)")


class People:
    """Act for people; every act changes the world first, then goes to the bot as an update."""

    def __init__(self, world: World, updates: Updates, faults: Faults, queries: Queries) -> None:
        self._world, self._updates, self._faults, self._queries = world, updates, faults, queries
        self._albums = itertools.count(13_000_000_001)

    async def write(
        self, handle: str, text: str, where: str, thread: str, files: Sequence[tuple[str, bytes]]
    ) -> Message:
        """Let somebody write, with files as an album; returns the first message."""
        chat = self._world.place(handle, where)
        chat.is_started, chat.is_blocked = True, False
        topic, reply_to = self._thread(chat, thread, handle)
        words = self._spoken(text)
        pieces = split(words) if not files else [words]
        written: list[Message] = []
        album = str(next(self._albums)) if len(files) > 1 else ""
        for at in range(max(len(files), len(pieces))):
            piece = pieces[at] if at < len(pieces) else ""
            entities = with_found(piece, [])
            message = Message(self._world.next_id(chat), chat, handle, self._world.now(), piece, entities)
            message.topic, message.reply_to, message.album = topic, reply_to, album
            if files:
                name, content = files[at]
                message.file = self._world.store(name, content, mime_of(name), "document")
            message.pings = mentioned(self._world, chat, piece, entities)
            written.append(self._world.keep(message))
        for message in written:
            if self._reaches_bot(message):
                await self.tell("message", message_body(self._world, message), chat)
        return written[0]

    async def rewrite(self, handle: str, number: str, text: str, where: str) -> None:
        """Let somebody change their message."""
        message = self.find(self._world.place(handle, where), number)
        if message.sender != handle:
            raise LookupError(f"message {number} is not {handle}'s")
        reached = self._reaches_bot(message)
        message.text = self._spoken(text)
        message.entities = with_found(message.text, [])
        message.edits += 1
        message.edited = self._world.now()
        if reached or self._reaches_bot(message):
            await self.tell("edited_message", message_body(self._world, message), message.chat)

    async def press(self, handle: str, label: str, where: str, number: str) -> None:
        """Let somebody press a button; an address opens in their browser and the bot hears nothing."""
        chat = self._world.place(handle, where)
        shown = [
            (message, button)
            for message in self._world.history(chat)
            if not message.is_deleted and number in ("", str(message.id))
            for row in (message.markup or {}).get("inline_keyboard", ())
            for button in row
        ]
        found = [one for one in shown if one[1]["text"] == label]
        if not found:
            raise LookupError(f"no button {label!r} to press; there are {[one[1]['text'] for one in shown]}")
        message, button = found[-1]
        if "callback_data" in button:
            query = self._queries.press(handle)
            body = {
                "id": query.id,
                "from": self._world.user(handle).body(),
                "message": message_body(self._world, message),
                "chat_instance": str(chat.id),
                "data": button["callback_data"],
            }
            await self.tell("callback_query", body, chat)

    async def react(self, handle: str, number: str, emoji: str, where: str) -> None:
        """Let somebody put an emoji under a message; the bot hears of it in private, or as an administrator."""
        chat = self._world.place(handle, where)
        message = self.find(chat, number)
        before = message.reactions.get(handle)
        message.reactions[handle] = emoji
        if chat.type == "private" or chat.bot_status == "administrator":
            body = {
                "chat": self._world.chat_body(chat),
                "message_id": message.id,
                "user": self._world.user(handle).body(),
                "date": self._world.now(),
                "old_reaction": [{"type": "emoji", "emoji": before}] if before else [],
                "new_reaction": [{"type": "emoji", "emoji": emoji}],
            }
            await self.tell("message_reaction", body, chat)

    async def set_bot_status(self, chat: Chat, handle: str, status: Any) -> None:
        """Let somebody take the bot in, out, or up; in private `kicked` means blocked."""
        before = member_body(self._world, chat, BOT_ID)
        if chat.type == "private":
            before["status"] = "kicked" if chat.is_blocked else "member"
            chat.is_blocked = status == "kicked"
        else:
            chat.bot_status = status
        after = member_body(self._world, chat, BOT_ID) | {"status": status}
        body = {
            "chat": self._world.chat_body(chat),
            "from": self._world.user(handle).body(),
            "date": self._world.now(),
            "old_chat_member": before,
            "new_chat_member": after,
        }
        await self.tell("my_chat_member", body, chat)

    async def say_service(self, chat: Chat, handle: str, service: Mapping[str, Any]) -> None:
        """Put a message of the platform itself into a chat; every bot gets those."""
        message = Message(self._world.next_id(chat), chat, handle, self._world.now(), service=dict(service))
        self._world.keep(message)
        await self.tell("message", message_body(self._world, message), chat)

    async def tell(self, kind: str, body: dict[str, Any], chat: Chat) -> None:
        """Give the bot an update, or let it go wrong as ordered; one that was lost on the way comes again."""
        if not self._updates.wants(kind):
            return
        one = Queued(self._updates.number(), kind, body, chat.id, self._world.clock.monotonic())
        sent = False

        async def send() -> None:
            nonlocal sent
            again = Queued(one.id, kind, body, chat.id, one.at, is_again=True)
            self._updates.add(again if sent else one)
            sent = True

        async def disconnect() -> None:
            self._updates.break_poll()

        if not await self._faults.pass_on(kind, send, disconnect):
            self._updates.break_poll()
            one.failures = 1
            self._updates.add(one)

    def find(self, chat: Chat, number: str) -> Message:
        """Return a message that is there.

        Raises:
            LookupError: it is not.
        """
        message = self._world.message(chat, int(number)) if number.isdecimal() else None
        if message is None:
            raise LookupError(f"there is no message {number} in {chat.title}")
        return message

    def _reaches_bot(self, message: Message) -> bool:
        chat = message.chat
        if chat.type == "private":
            return True
        if chat.bot_status not in ("member", "administrator"):
            return False
        if not self._world.privacy or chat.bot_status == "administrator":
            return True
        return addresses_bot(self._world, message, BOT_USERNAME)

    def _spoken(self, text: str) -> str:
        """Return `text` with the names that a client would have put in."""
        words = SPOKEN_BOT.sub(f"@{BOT_USERNAME}", text)

        def person(match: re.Match[str]) -> str:
            user = self._world.users.get(match.group(1))
            return f"@{user.username}" if user else match.group()

        return SPOKEN_PERSON.sub(person, words)

    def _thread(self, chat: Chat, thread: str, handle: str) -> tuple[int, int]:
        """Return the topic and the message that `thread` names: a number is a message to answer, a word a topic."""
        if not thread:
            return 0, 0
        if thread.isdecimal():
            number = int(thread)
            if number in chat.topics:
                return number, 0
            message = self.find(chat, thread)
            return message.topic, message.id
        for topic, name in chat.topics.items():
            if name == thread:
                return topic, 0
        if chat.type != "supergroup":
            raise LookupError(f"{chat.title} has no topics")
        chat.is_forum = True
        return add_topic(self._world, chat, thread, handle), 0


def split(text: str) -> list[str]:
    """Return the messages that a client makes of a long text."""
    pieces: list[str] = []
    while units(text) > TEXT_LIMIT:
        cut = TEXT_LIMIT
        while units(text[:cut]) > TEXT_LIMIT:
            cut -= 1
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def mime_of(name: str) -> str:
    """Return the type that a client gives a file of this name."""
    endings = {"txt": "text/plain", "md": "text/markdown", "pdf": "application/pdf", "png": "image/png"}
    return endings.get(name.rpartition(".")[2].lower(), "application/octet-stream")
