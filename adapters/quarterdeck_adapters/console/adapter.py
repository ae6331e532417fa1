"""Post into conversations whose screen is ours, and wake the terminals that look at them.

A post counts as sent once it stands in the transcript, whether or not somebody is looking: whoever attaches later
sees it. The key of a post is unique, so sending it again posts nothing.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from quarterdeck.core.adapter import Ability, Accept, Link, Pace, Rendered
from quarterdeck.core.errors import Busy, NotFound, UsageError
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, Json
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_adapters.console import parse
from quarterdeck_adapters.console.render import render

ABILITIES = frozenset(
    {
        Ability.BUTTONS,
        Ability.PRIVATE,
        Ability.TYPING,
        Ability.FILES,
        Ability.STREAM,
        Ability.COMPLETION,
        Ability.HISTORY,
        Ability.IDEMPOTENT,
    }
)


class Shown(Protocol):
    """See one post of the transcript."""

    @property
    def seq(self) -> int: ...
    @property
    def cause(self) -> str: ...
    @property
    def body(self) -> Mapping[str, object]: ...


class Screen(Protocol):
    """Keep what was posted."""

    async def append(
        self, conversation_id: str, body: Mapping[str, object], *, key: str, cause: str, at_ms: int
    ) -> tuple[Shown, bool]:
        """Post `body`; the same `key` twice is posted once. Returns the post and whether it is new."""

    async def latest(self, conversation_id: str, limit: int = 50) -> Sequence[Shown]:
        """Return the last posts, newest first."""


class Session:
    """Stand for one terminal that looks at one conversation. Items are in the order in which they happened."""

    def __init__(self, adapter: ConsoleAdapter, identity: Identity, conversation: Conversation) -> None:
        self._adapter, self._identity = adapter, identity
        self.conversation = conversation
        self._items: asyncio.Queue[dict[str, Json]] = asyncio.Queue()

    async def post(self, text: str, attachments: Sequence[Attachment] = ()) -> str:
        """Write a message; returns the key that its answer will have as `cause`.

        Raises:
            Busy: too much waits already.
        """
        return await self._adapter.post(self.conversation, self._identity, text, attachments)

    async def press(self, button_id: str) -> str:
        """Press a button of this conversation; returns the key that its answer will have as `cause`.

        Raises:
            NotFound: no button here has this id.
        """
        return await self._adapter.press(self.conversation, self._identity, button_id)

    def show(self, item: dict[str, Json]) -> None:
        """Put an item on this terminal."""
        self._items.put_nowait(item)

    async def items(self) -> AsyncIterator[dict[str, Json]]:
        """Yield what appears: `{"kind": "piece", "cause", "text"}` and `{"kind": "post", "cause", "seq", …body}`."""
        while True:
            yield await self._items.get()


class ConsoleAdapter:
    """Connect the terminals of this machine (the `Adapter`, `Streams` and `Downloads` ports)."""

    platform = parse.PLATFORM
    abilities = ABILITIES
    pace = Pace()
    link: Link = "receiving"

    def __init__(self, screen: Screen, clock: Clock, files: Path) -> None:
        """`files` is the folder that uploads are copied into."""
        self._screen, self._clock, self._files = screen, clock, files
        self._sessions: dict[str, set[Session]] = {}
        self._accept: Accept | None = None

    async def run(self, accept: Accept) -> None:
        """Hand over what terminals write, until cancelled."""
        self._accept = accept
        try:
            await asyncio.Event().wait()
        finally:
            self._accept = None

    async def typing(self, to: Conversation) -> None:
        """Show nothing more: a terminal that waits shows that itself."""

    def render(self, reply: Reply) -> list[Rendered]:
        """Return the whole reply as one part."""
        return [render(reply)]

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post the part and wake who looks at the conversation; returns the post's number."""
        cause = key.rpartition("#")[0]
        post, is_new = await self._screen.append(
            to.id, part.body, key=key, cause=cause, at_ms=self._clock.now_ms()
        )
        if is_new:
            self._show(to, {"kind": "post", "seq": post.seq, "cause": cause, "body": cast("Json", part.body)})
        return f"post-{post.seq}"

    async def preview(self, to: Conversation, event_id: str, piece: str) -> None:
        """Show the next piece of an answer that is still being written."""
        self._show(to, {"kind": "piece", "cause": event_id, "text": piece})

    async def download(self, attachment: Attachment, into: Path, *, limit_bytes: int) -> None:
        """Copy an uploaded file.

        Raises:
            UsageError: it is larger than `limit_bytes`, or gone.
        """
        if attachment.size_bytes > limit_bytes:
            message = f"{attachment.name} is larger than {limit_bytes} bytes"
            raise UsageError(message, hint="send a smaller file")
        try:
            await in_thread(shutil.copyfile, self._files / Path(attachment.url).name, into)
        except FileNotFoundError as error:
            raise UsageError(f"{attachment.name} is not here any more", hint="/upload it again") from error

    @contextmanager
    def attach(self, identity: Identity, conversation_name: str = "") -> Iterator[Session]:
        """Look at a conversation; without a name, at the person's own.

        Raises:
            UsageError: the name cannot be one.
        """
        conversation = parse.conversation_of(conversation_name, identity)
        session = Session(self, identity, conversation)
        sessions = self._sessions.setdefault(conversation.id, set())
        sessions.add(session)
        try:
            yield session
        finally:
            sessions.discard(session)
            if not sessions:
                self._sessions.pop(conversation.id, None)

    async def post(
        self, conversation: Conversation, identity: Identity, text: str, attachments: Sequence[Attachment]
    ) -> str:
        """Hand over a message; returns its event's key."""
        event = parse.posted(conversation, identity, text, at=self._clock.now(), attachments=attachments)
        await self._accepting()(event)
        return event.key

    async def press(self, conversation: Conversation, identity: Identity, button_id: str) -> str:
        """Hand over a press of the newest button with this id; returns its event's key."""
        for post in await self._screen.latest(conversation.id):
            buttons = post.body.get("buttons")
            for button in buttons if isinstance(buttons, list) else ():
                if button["id"] == button_id:
                    event = parse.pressed(
                        conversation, identity, button, message_id=f"post-{post.seq}", at=self._clock.now()
                    )
                    await self._accepting()(event)
                    return event.key
        raise NotFound(f"no button {button_id!r} stands here", hint="an answer's `buttons` show their ids")

    def _accepting(self) -> Accept:
        if self._accept is None:
            raise Busy("the bot is starting or stopping", hint="send it again in a moment")
        return self._accept

    def _show(self, conversation: Conversation, item: dict[str, Json]) -> None:
        for session in self._sessions.get(conversation.id, ()):
            session.show(item)
