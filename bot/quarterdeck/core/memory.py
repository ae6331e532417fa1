"""Say what the bot remembers beside what was said, and how it forgets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol

from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.model import ModelMessage
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass

Scope = Literal["person", "conversation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Hold one thing that somebody asked to be remembered, for themselves or for a conversation."""

    number: int
    scope: Scope
    text: str
    by: Identity
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Hold what is known of a conversation at one moment.

    `notes` are the person's and the conversation's, `summary` is of what is long past, empty where there is none,
    `said` are the last messages. All oldest first.
    """

    notes: tuple[Note, ...] = ()
    summary: str = ""
    said: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """Count what was deleted."""

    messages: int = 0
    notes: int = 0
    answers: int = 0
    files: int = 0


class Memories(Protocol):
    """Remember notes and summaries, and forget for good."""

    async def notes(self, *, person_id: str, conversation_id: str) -> list[Note]:
        """Return the person's notes and the conversation's, oldest first."""

    async def remember(
        self, text: str, *, scope: Scope, person_id: str, conversation_id: str, by: Identity
    ) -> Note:
        """Write a note down.

        Raises:
            UsageError: there are too many already, or it is too long.
        """

    async def forget_note(self, number: int, *, person_id: str, conversation_id: str) -> Note:
        """Delete one of the person's notes or of the conversation's.

        Raises:
            NotFound: none of them has this number.
        """

    async def forget_person(self, person_id: str) -> Forgotten:
        """Delete what a person wrote anywhere, from every account of theirs, and their notes."""

    async def forget_conversation(self, conversation_id: str) -> Forgotten:
        """Delete what was said in a conversation, by anybody and by the bot, and its notes."""

    async def forget_everything(self) -> Forgotten:
        """Delete what was said anywhere, and all notes."""

    async def turns(
        self,
        conversation: Conversation,
        question: str,
        *,
        person_id: str,
        room: int,
        own: Collection[str] = (),
    ) -> list[ModelMessage]:
        """Return what a model is told before it answers: notes, the summary of what is long past, the last messages.

        `room` is how many characters there are; the newest come first into it. The question itself is the last turn.
        Turns of anybody but `own`, the person's accounts, are untrusted, and so is what the bot said: it may have
        read what strangers wrote.
        """
