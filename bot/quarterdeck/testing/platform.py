"""Be a chat platform in a test: takes what is sent, fails as told, delivers what people write."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from datetime import UTC, datetime

from quarterdeck.core.adapter import Ability, Accept, Link, Pace, Rendered
from quarterdeck.core.errors import ServiceError
from quarterdeck.core.event import Posted, Pressed
from quarterdeck.core.message import Conversation, ConversationKind, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Hold one message that the platform took."""

    conversation: str
    text: str
    key: str


class FakePlatform:
    """Implement `Adapter`, `Edits`, `Streams`, `Types` and `Directs` in memory. `part_length` cuts, in characters.

    With `Ability.IDEMPOTENT` a key that came before posts nothing. Errors put into `failures` are raised by the
    next sends and edits, one each.
    """

    def __init__(
        self, platform: str = "fake", *, abilities: Collection[Ability] = (), part_length: int = 4_000
    ) -> None:
        self.platform = platform
        self.abilities = frozenset(abilities)
        self.pace = Pace()
        self.link: Link = "receiving"
        self.sent: list[Sent] = []
        self.edits: list[tuple[str, str]] = []  # message id and new text
        self.typed: list[str] = []  # conversations
        self.pieces: list[tuple[str, str]] = []
        self.failures: deque[Exception] = deque()
        self.tries = 0
        self._part_length = part_length
        self._numbers: dict[str, str] = {}

    async def run(self, accept: Accept) -> None:
        """Do nothing until cancelled: a test delivers what it wants to."""
        await asyncio.Event().wait()

    def render(self, reply: Reply) -> list[Rendered]:
        """Return the text, cut."""
        text = reply.text
        pieces = [text[at : at + self._part_length] for at in range(0, max(1, len(text)), self._part_length)]
        buttons = [button.id for button in reply.card.buttons] if reply.card else []
        return [Rendered(text=piece, body={"text": piece, "buttons": buttons}) for piece in pieces]

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Take a message, or fail as told.

        Raises:
            ServiceError: the next of `failures`.
        """
        self.tries += 1
        if self.failures:
            raise self.failures.popleft()
        if Ability.IDEMPOTENT in self.abilities and key in self._numbers:
            return self._numbers[key]
        self.sent.append(Sent(conversation=to.id, text=part.text, key=key))
        self._numbers[key] = f"m{len(self.sent)}"
        return self._numbers[key]

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Change a message, or fail as told.

        Raises:
            ServiceError: the next of `failures`.
        """
        self.tries += 1
        if self.failures:
            raise self.failures.popleft()
        self.edits.append((message_id, part.text))

    async def typing(self, to: Conversation) -> None:
        """Take note that somebody is told to wait."""
        self.typed.append(to.id)

    async def direct(self, identity: Identity) -> Conversation | None:
        """Return the direct conversation with anybody whose id begins with U."""
        return self.conversation(f"@{identity.user_id}") if identity.user_id.startswith("U") else None

    async def preview(self, to: Conversation, event_id: str, piece: str) -> None:
        """Keep a piece of an answer that is being written."""
        self.pieces.append((event_id, piece))

    def texts(self) -> list[str]:
        """Return what was sent, in order."""
        return [one.text for one in self.sent]

    def shown(self) -> list[str]:
        """Return what people see: messages in the order in which they were posted, each in its last form."""
        changed = dict(self.edits)
        return [changed.get(f"m{n}", one.text) for n, one in enumerate(self.sent, start=1)]

    def conversation(self, name: str = "general", kind: ConversationKind = "direct") -> Conversation:
        """Return a conversation of this platform."""
        return Conversation(id=f"{self.platform}:{name}", platform=self.platform, kind=kind)

    def posted(
        self,
        text: str,
        *,
        event_id: str,
        user: str = "U1",
        conversation: Conversation | None = None,
        mentions_bot: bool = False,
        is_bot: bool = False,
        at: datetime = START,
    ) -> Posted:
        """Return the event of a message that `user` wrote."""
        place = conversation or self.conversation()
        author = Identity(platform=self.platform, user_id=user)
        return Posted(
            id=event_id,
            platform=self.platform,
            received_at=at,
            conversation=place,
            actor=author,
            is_bot=is_bot,
            message=Message(
                id=event_id,
                conversation=place,
                author=author,
                text=text,
                sent_at=at,
                mentions_bot=mentions_bot,
            ),
        )

    def pressed(
        self, value: str, *, event_id: str, user: str = "U1", conversation: Conversation | None = None
    ) -> Pressed:
        """Return the event of a press by `user` on a button of this value."""
        return Pressed(
            id=event_id,
            platform=self.platform,
            received_at=START,
            conversation=conversation or self.conversation(),
            actor=Identity(platform=self.platform, user_id=user),
            button_id="button",
            value=value,
        )


def unavailable(message: str = "the platform is down") -> ServiceError:
    """Return an error that may pass."""
    return ServiceError(message, service="fake", retryable=True)
