"""Post into conversations that people have with the bot on its own page.

A post counts as sent once it stands in the transcript, whether or not somebody is looking: whoever looks later sees
it. The key of a post is unique, so sending it again posts nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from quarterdeck.core.account import PLATFORM
from quarterdeck.core.adapter import Ability, Accept, Link, Pace, Rendered, cause_of
from quarterdeck.core.errors import Busy, Conflict, Gone, UsageError
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.core.screen import Draft, Item, Room, Rooms, StoredFile, Wake, Watched
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_adapters.web import parse
from quarterdeck_adapters.web.places import Places
from quarterdeck_adapters.web.render import render

ABILITIES = frozenset(
    {
        Ability.BUTTONS,
        Ability.COMPLETION,
        Ability.EDIT,
        Ability.FILES,
        Ability.FORMS,
        Ability.HISTORY,
        Ability.IDEMPOTENT,
        Ability.PRIVATE,
        Ability.SOURCES,
        Ability.STREAM,
        Ability.TYPING,
    }
)
TITLE_LENGTH = 60
FOLDER = "web"


class WebAdapter:
    """Be behind the page and the API (`Adapter`, `Edits`, `Streams`, `Types`, `Downloads` and `Chat`)."""

    platform = PLATFORM
    abilities = ABILITIES
    pace = Pace(edit_s=0.0)

    def __init__(self, rooms: Rooms, clock: Clock, files: Path) -> None:
        self._rooms, self._clock, self._files = rooms, clock, files / FOLDER
        self._places = Places(clock)
        self._accept: Accept | None = None

    @property
    def link(self) -> Link:
        """Say whether messages can be taken."""
        return "receiving" if self._accept is not None else "connecting"

    async def run(self, accept: Accept) -> None:
        """Hand over what people write, until cancelled."""
        self._accept = accept
        try:
            await asyncio.Event().wait()
        finally:
            self._accept = None

    def render(self, reply: Reply) -> list[Rendered]:
        """Return the whole reply as one part."""
        return [render(reply)]

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post the part and wake who looks at the conversation."""
        owner, _ = await self._room_of(to)
        body = await self._kept(part.body, owner, key)
        cause = cause_of(key).partition("~")[0]
        item, _ = await self._rooms.add(
            to.id, "post", body, key=key, cause=cause, text=part.text, at_ms=self._clock.now_ms()
        )
        self._places.end(to.id, cause)
        self._places.wake(to.id)
        return parse.message_id(item.seq)

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Show the message in its new form."""
        owner, _ = await self._room_of(to)
        seq = int(message_id.rpartition("-")[2])
        body = await self._kept(part.body, owner, f"{to.id}/{message_id}")
        await self._rooms.edit(to.id, seq, body, text=part.text, at_ms=self._clock.now_ms())
        self._places.wake(to.id)

    async def preview(self, to: Conversation, event_id: str, piece: str) -> None:
        """Show the next piece of an answer that is still being written."""
        self._places.add_piece(to.id, event_id, piece)

    async def typing(self, to: Conversation) -> None:
        """Show that an answer is on its way."""
        self._places.type(to.id)

    async def download(self, attachment: Attachment, into: Path, *, limit_bytes: int) -> None:
        """Copy an uploaded file.

        Raises:
            UsageError: it is larger than `limit_bytes`.
        """
        if attachment.size_bytes > limit_bytes:
            raise UsageError(
                f"{attachment.name} is larger than {limit_bytes} bytes", hint="send a smaller file"
            )
        await in_thread(shutil.copyfile, attachment.url, into)

    def said(
        self, room: Room, who: Identity, text: str, files: Sequence[StoredFile] = (), *, key: str
    ) -> Draft:
        """Draft a message."""
        return parse.said(room, who, text, files, key=key, at=self._clock.now())

    def pressed(self, room: Room, who: Identity, item: Item, button_id: str, *, key: str) -> Draft:
        """Draft the press of a button."""
        return parse.pressed(room, who, item, button_id, key=key, at=self._clock.now())

    def submitted(
        self,
        room: Room,
        who: Identity,
        item: Item,
        values: Mapping[str, object],
        files: Sequence[StoredFile] = (),
        *,
        key: str,
    ) -> Draft:
        """Draft a form that is sent."""
        return parse.submitted(room, who, item, values, files, key=key, at=self._clock.now())

    def invoked(
        self,
        room: Room,
        who: Identity,
        command: str,
        options: Mapping[str, object],
        files: Sequence[StoredFile] = (),
        *,
        key: str,
    ) -> Draft:
        """Draft a command with its options."""
        return parse.invoked(room, who, command, options, files, key=key, at=self._clock.now())

    async def hand_over(self, draft: Draft) -> Item:
        """Show it in the conversation and give it to the bot."""
        accept, room, event = self._accept, draft.room, draft.event
        if accept is None:
            raise Busy("the bot is starting or stopping", hint="send it again in a moment")
        item, is_new = await self._rooms.add(
            room.id,
            "said",
            draft.body,
            key=event.key,
            cause=event.key,
            text=draft.text,
            at_ms=self._clock.now_ms(),
        )
        if not is_new and item.body != draft.body:
            raise Conflict("this idempotency key stands for another message", hint="take a new one")
        self._places.wake(room.id)
        if is_new and not room.title and draft.text:
            await self._rooms.rename(room.owner, room.name, _title(draft.text))
        await accept(event)  # a message that was shown but not taken is taken when it is sent again
        return item

    async def rewind(self, room: Room, to: int) -> bool:
        """Take back what stands at `to` and all after it."""
        item = await self._rooms.rewind(room.id, to, at_ms=self._clock.now_ms())
        self._places.wake(room.id)
        return item is not None

    def watch(self, room_id: str, wake: Wake) -> Watched:
        """Look at a conversation."""
        return self._places.watch(room_id, wake)

    async def _room_of(self, to: Conversation) -> tuple[str, Room]:
        owner, name = parse.owner_and_name(to.id)
        room = await self._rooms.get(owner, name)
        if room is None:
            raise Gone("the conversation was deleted", service=PLATFORM, status=404)
        return owner, room

    async def _kept(self, body: Mapping[str, object], owner: str, key: str) -> dict[str, object]:
        """Return the body with our copies of its files in place of paths: what made them may delete them."""
        files = body.get("files")
        if not isinstance(files, list) or not files:
            return dict(body)
        shown = []
        for n, one in enumerate(files):
            file_id = hashlib.sha256(f"{key}/{n}/{one['name']}".encode()).hexdigest()[:32]
            path = self._files / file_id
            size_bytes = await in_thread(_copy, Path(str(one["path"])), path)
            file = StoredFile(
                id=file_id,
                owner=owner,
                name=str(one["name"]),
                media_type=str(one["media_type"]),
                size_bytes=size_bytes,
                path=str(path),
                created_at_ms=self._clock.now_ms(),
            )
            await self._rooms.add_file(file)
            shown.append(parse.shown_file(file))
        return {**body, "files": shown}


def _copy(source: Path, target: Path) -> int:
    """Copy a file, by a second name where that is possible; returns its size."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not target.exists():
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
    return target.stat().st_size


def _title(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= TITLE_LENGTH else f"{words[:TITLE_LENGTH].rstrip()}…"
