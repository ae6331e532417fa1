"""Keep the world of a simulated Telegram: people, chats, messages, files, commands."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final, Literal

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.telegram.refusal import bad, forbidden
from quarterdeck.testing.simulator.telegram.text import Entity, cut

ChatKind = Literal["private", "group", "supergroup"]
BotStatus = Literal["member", "administrator", "kicked", "left"]
BOT: Final = "bot"
BOT_ID: Final = 7_000_000_001
BOT_USERNAME: Final = "quarterdeck_bot"
SUPERGROUP: Final = -1_000_000_000_000
GENERAL_TOPIC: Final = 1


@dataclass
class User:
    """Be a person, `handle` is what tests call them."""

    handle: str
    id: int
    is_deactivated: bool = False

    def body(self) -> dict[str, Any]:
        """Return it as a User."""
        return {
            "id": self.id,
            "is_bot": False,
            "first_name": self.handle.capitalize(),
            "username": self.username,
            "language_code": "en",
        }

    @property
    def username(self) -> str:
        """Return the name after the @."""
        name = re.sub(r"\W", "_", self.handle, flags=re.ASCII)
        return name if name[:1].isalpha() else f"user_{name}"


@dataclass
class Chat:
    """Be a chat; `admins` and `members` are handles, `topics` the names of a forum's topics by id."""

    id: int
    type: ChatKind
    title: str
    bot_status: BotStatus = "member"
    is_forum: bool = False
    is_started: bool = True
    is_blocked: bool = False
    migrated_to: int = 0
    members: set[str] = field(default_factory=set)
    admins: set[str] = field(default_factory=set)
    topics: dict[int, str] = field(default_factory=dict)
    closed_topics: set[int] = field(default_factory=set)

    def body(self, user: User | None = None) -> dict[str, Any]:
        """Return it as a Chat."""
        if user is not None:
            return {"id": self.id, "type": "private", "first_name": user.handle.capitalize()} | {
                "username": user.username
            }
        body: dict[str, Any] = {"id": self.id, "type": self.type, "title": self.title}
        return body | {"is_forum": True} if self.is_forum else body


@dataclass
class StoredFile:
    """Be a file on Telegram's servers."""

    id: str
    name: str
    content: bytes
    mime: str
    kind: Literal["document", "photo"]

    @property
    def path(self) -> str:
        """Return where it is fetched, below the bot's file address."""
        return f"{self.kind}s/{self.id}{'.jpg' if self.kind == 'photo' else ''}"

    def body(self) -> dict[str, Any]:
        """Return it as a Document, or as one size of a photo."""
        body: dict[str, Any] = {
            "file_id": self.id,
            "file_unique_id": f"u{zlib.crc32(self.content):08x}",
            "file_size": len(self.content),
        }
        if self.kind == "photo":
            return body | {"width": 640, "height": 480}
        return body | {"file_name": self.name, "mime_type": self.mime}


@dataclass
class Message:
    """Be one message; `sender` is a handle or `bot`, `edits` counts changes."""

    id: int
    chat: Chat
    sender: str
    date: int
    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    markup: Mapping[str, Any] | None = None
    file: StoredFile | None = None
    reply_to: int = 0
    topic: int = 0
    album: str = ""
    edits: int = 0
    edited: int = 0
    is_deleted: bool = False
    reactions: dict[str, str] = field(default_factory=dict)
    service: dict[str, Any] = field(default_factory=dict)
    pings: tuple[str, ...] = ()

    def words_of(self, entity: Entity) -> str:
        """Return the words that an entity marks."""
        return cut(self.text, entity.offset, entity.length)


class World:
    """Hold everything; ids of people come from their handles, so that they are always the same."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.users: dict[str, User] = {}
        self.chats: dict[int, Chat] = {}
        self.messages: dict[tuple[int, int], Message] = {}
        self.files: dict[str, StoredFile] = {}
        self.drafts: dict[tuple[int, int], str] = {}
        self.actions: list[tuple[int, str]] = []
        self.previewed: list[str] = []
        self.privacy = True
        self._next_private = itertools.count(1)
        self._next_in: dict[int, Iterator[int]] = {}
        self._next_file = itertools.count(1)

    def now(self) -> int:
        """Return the time as Telegram writes it, in whole seconds."""
        return self.clock.now_ms() // 1000

    def user(self, handle: str) -> User:
        """Return the person that tests call `handle`; a number is their id."""
        if handle not in self.users:
            number = (
                int(handle) if handle.isdecimal() else 1_000_000 + zlib.crc32(handle.encode()) % 900_000_000
            )
            self.users[handle] = User(handle, number)
        return self.users[handle]

    def user_of(self, number: int) -> User | None:
        """Return the person with this id."""
        return next((user for user in self.users.values() if user.id == number), None)

    def named(self, username: str) -> User | None:
        """Return the person behind a @name."""
        wanted = username.lower()
        return next((user for user in self.users.values() if user.username.lower() == wanted), None)

    def bot(self) -> dict[str, Any]:
        """Return the bot as a User."""
        return {"id": BOT_ID, "is_bot": True, "first_name": "Quarterdeck", "username": BOT_USERNAME}

    def sender(self, handle: str) -> dict[str, Any]:
        """Return who wrote something as a User."""
        return self.bot() if handle == BOT else self.user(handle).body()

    def direct(self, handle: str) -> Chat:
        """Return the private chat between the bot and somebody, who has written to the bot once they have a message."""
        user = self.user(handle)
        if user.id not in self.chats:
            self.chats[user.id] = Chat(user.id, "private", handle, is_started=False, members={handle})
        return self.chats[user.id]

    def group(self, name: str, kind: ChatKind = "supergroup") -> Chat:
        """Return the group of this name, made when it is new."""
        found = next(
            (chat for chat in self.chats.values() if chat.title == name and not chat.migrated_to), None
        )
        if found is not None and found.type != "private":
            return found
        number = 100_000_000 + zlib.crc32(name.encode()) % 1_000_000_000
        chat = Chat(SUPERGROUP - number if kind == "supergroup" else -number, kind, name)
        self.chats[chat.id] = chat
        return chat

    def place(self, handle: str, where: str) -> Chat:
        """Return the chat that `where` names for somebody, who is a member from now on."""
        if where == "direct":
            return self.direct(handle)
        chat = self.group(where)
        chat.members.add(handle)
        self.user(handle)
        return chat

    def chat_body(self, chat: Chat) -> dict[str, Any]:
        """Return a chat as a Chat."""
        return chat.body(self.user_of(chat.id) if chat.type == "private" else None)

    def chat_for(self, chat_id: object, *, write: bool = True) -> Chat:
        """Return the chat that a bot means.

        Raises:
            Refused: there is none, or the bot may not (write) there.
        """
        if chat_id is None or chat_id == "":
            raise bad("chat_id is empty")
        chat = self.chats.get(chat_id) if isinstance(chat_id, int) else None
        if chat is None:
            raise bad("chat not found")
        if chat.migrated_to and write:
            raise bad("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrated_to)
        if chat.type == "private":
            self._check_private(chat, write)
        elif chat.bot_status == "kicked":
            raise forbidden(f"bot was kicked from the {chat.type} chat")
        elif chat.bot_status == "left":
            raise forbidden(f"bot is not a member of the {chat.type} chat")
        return chat

    def _check_private(self, chat: Chat, write: bool) -> None:
        user = self.user_of(chat.id)
        if write and user is not None and user.is_deactivated:
            raise forbidden("user is deactivated")
        if write and chat.is_blocked:
            raise forbidden("bot was blocked by the user")
        if write and not chat.is_started:
            raise forbidden("bot can't initiate conversation with a user")

    def next_id(self, chat: Chat) -> int:
        """Return the next message's id: a supergroup counts for itself, everything else together."""
        if chat.type != "supergroup":
            return next(self._next_private)
        return next(self._next_in.setdefault(chat.id, itertools.count(2)))

    def keep(self, message: Message) -> Message:
        """Take a message in."""
        self.messages[message.chat.id, message.id] = message
        return message

    def message(self, chat: Chat, number: int) -> Message | None:
        """Return a message that is still there."""
        found = self.messages.get((chat.id, number))
        return None if found is None or found.is_deleted else found

    def history(self, chat: Chat) -> list[Message]:
        """Return the messages of a chat, oldest first."""
        return [message for message in self.messages.values() if message.chat.id == chat.id]

    def store(self, name: str, content: bytes, mime: str, kind: Literal["document", "photo"]) -> StoredFile:
        """Take a file in."""
        file = StoredFile(f"f{next(self._next_file)}", name, content, mime, kind)
        self.files[file.id] = file
        return file
