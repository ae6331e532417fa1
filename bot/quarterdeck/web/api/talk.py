"""Answer for conversations: list, open, rename, delete, write, read, search, stream, stop."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from quarterdeck.core.account import PLATFORM
from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.event import Event
from quarterdeck.core.ports import Answering, Clock
from quarterdeck.core.screen import Chat, Draft, Item, Room, Rooms, StoredFile
from quarterdeck.web.access.caller import Caller
from quarterdeck.web.access.gate import Gate
from quarterdeck.web.api import shapes, show
from quarterdeck.web.api.endpoint import Asked, Endpoint, Parameter
from quarterdeck.web.api.streams import Streams

OURS = "c_"  # what ids that we make begin with; nobody else's do
OWN_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
LIMIT, MOST = 100, 200
CONVERSATION = "/conversations/{id}"
ACTION_OF_ALL = "*"

ActionOf = Callable[[Event], str]
"""Name what an event asks for, such as `command:ask`; empty where that cannot be known before it is handled."""

KEY = Parameter(
    name="Idempotency-Key",
    summary="1 to 200 printable characters; the same key twice is one message",
    required=True,
    place="header",
    max_length=200,
)


class TalkEndpoints:
    """Be behind `/conversations` and `/search`."""

    def __init__(
        self,
        rooms: Rooms,
        chat: Chat,
        streams: Streams,
        *,
        answering: Answering,
        action_of: ActionOf,
        clock: Clock,
    ) -> None:
        self._rooms, self._chat, self._streams = rooms, chat, streams
        self._answering, self._action_of, self._clock = answering, action_of, clock

    def all(self, gate: Gate) -> list[Endpoint]:
        """Return the endpoints."""
        read = Parameter(name="limit", summary="How many at most", kind="integer", minimum=1, maximum=MOST)
        before = Parameter(name="before", summary="Only those before this number", kind="integer")
        words = Parameter(name="q", summary="Words that must all be there", max_length=200)
        after = Parameter(name="after", summary="The last number that you have", kind="integer")

        def one(method: str, path: str, summary: str, handle: Any, **more: Any) -> Endpoint:
            return Endpoint(
                method=method, path=path, summary=summary, handle=handle, principal=gate.api, **more
            )

        return [
            one("GET", "/conversations", "List your conversations", self._list, answer=shapes.Conversations),
            one(
                "POST",
                "/conversations",
                "Open a conversation",
                self._open,
                body=shapes.NewConversation,
                answer=shapes.Conversation,
                status=201,
            ),
            one(
                "PATCH",
                CONVERSATION,
                "Rename a conversation",
                self._rename,
                body=shapes.Title,
                answer=shapes.Conversation,
            ),
            one("DELETE", CONVERSATION, "Delete a conversation with all in it", self._remove),
            one(
                "GET",
                f"{CONVERSATION}/messages",
                "Read or search a conversation",
                self._read,
                parameters=(before, read, words),
                answer=shapes.Messages,
            ),
            one(
                "POST",
                f"{CONVERSATION}/messages",
                "Say, press, send or run something",
                self._write,
                body=shapes.NewMessage,
                parameters=(KEY,),
                answer=shapes.Accepted,
                status=202,
            ),
            one(
                "GET",
                f"{CONVERSATION}/events",
                "Stream a conversation",
                self._stream,
                parameters=(after,),
                media_type="text/event-stream",
            ),
            one(
                "POST",
                f"{CONVERSATION}/cancel",
                "Stop answers",
                self._stop,
                body=shapes.Stop,
                answer=shapes.Stopped,
            ),
            one(
                "GET",
                "/search",
                "Search all your conversations",
                self._search,
                parameters=(Parameter(name="q", summary="Words", required=True, max_length=200), read),
                answer=shapes.Hits,
            ),
        ]

    async def _list(self, asked: Asked) -> shapes.Conversations:
        found = await self._rooms.of(asked.caller.owner)
        return shapes.Conversations(conversations=[show.room(one) for one in found])

    async def _open(self, asked: Asked) -> shapes.Conversation:
        room = await self._made(asked.caller, f"{OURS}{secrets.token_hex(10)}", asked.body.title.strip())
        return show.room(room)

    async def _rename(self, asked: Asked) -> shapes.Conversation:
        room = await self._rooms.rename(asked.caller.owner, asked.path("id"), asked.body.title.strip())
        if room is None:
            raise _no_conversation()
        return show.room(room)

    async def _remove(self, asked: Asked) -> None:
        room = await self._room(asked)
        for under_way in self._answering.under_way(room.id):
            self._answering.cancel(under_way.key)
        await self._rooms.remove(room.owner, room.name)
        self._streams.close(room.id)

    async def _read(self, asked: Asked) -> shapes.Messages:
        room, query = await self._room(asked), asked.query
        limit = query["limit"] or LIMIT
        if query["q"]:
            hits = await self._rooms.search(room.owner, query["q"], name=room.name, limit=limit)
            items: Sequence[Item] = sorted((one.item for one in hits), key=lambda one: -one.seq)
            return shapes.Messages(messages=await show.messages(items), more=False, seq=room.last_seq)
        found = await self._rooms.page(room.id, query["before"], limit + 1)
        return shapes.Messages(
            messages=await show.messages(found[-limit:]), more=len(found) > limit, seq=room.last_seq
        )

    async def _search(self, asked: Asked) -> shapes.Hits:
        words, limit = asked.query["q"], asked.query["limit"] or 50
        hits = await self._rooms.search(asked.caller.owner, words, limit=limit)
        return shapes.Hits(results=[show.hit(one) for one in hits])

    async def _stream(self, asked: Asked) -> web.StreamResponse:
        room, after = await self._room(asked), asked.query["after"]
        last = asked.request.headers.get("Last-Event-ID", "")
        if last.isascii() and last.isdecimal() and len(last) < 16:  # what a browser that comes again sends
            after = max(after or 0, int(last))
        return await self._streams.answer(asked.request, asked.caller, room, after or 0)

    async def _stop(self, asked: Asked) -> shapes.Stopped:
        room, wanted = await self._room(asked), asked.body.id
        keys = [one.key for one in self._answering.under_way(room.id) if wanted in (None, one.key)]
        return shapes.Stopped(stopped=[key for key in keys if self._answering.cancel(key)])

    async def _write(self, asked: Asked) -> shapes.Accepted:
        caller, body, key = asked.caller, asked.body, asked.query[KEY.name]
        given = [one for one in (body.text, body.press, body.form, body.command) if one is not None]
        if len(given) != 1:
            raise UsageError("write exactly one of text, press, form and command")
        if body.edit_of is not None and body.text is None:
            raise UsageError("edit_of goes with text")
        room = await self._place(asked)
        draft = await self._draft(room, caller, body, key)
        self._refuse_beyond_scopes(caller, draft)
        if body.edit_of is not None:
            await self._take_back(room, body.edit_of)
        item = await self._chat.hand_over(draft)
        return shapes.Accepted(id=draft.event.key, seq=item.seq)

    async def _draft(self, room: Room, caller: Caller, body: shapes.NewMessage, key: str) -> Draft:
        who = caller.identity
        if body.press is not None:
            item = await self._item(room, body.press.seq)
            return self._chat.pressed(room, who, item, body.press.button, key=key)
        if body.form is not None:
            item = await self._item(room, body.form.seq)
            files = await self._files(caller, body.form.files)
            form = item.body.get("form")
            if not isinstance(form, dict) or form.get("id") != body.form.id:
                raise NotFound("no such form stands there", hint="load the conversation again")
            return self._chat.submitted(room, who, item, body.form.values, files, key=key)
        if body.command is not None:
            files = await self._files(caller, body.command.files)
            name = body.command.name.removeprefix("/")
            return self._chat.invoked(room, who, name, body.command.options, files, key=key)
        files = await self._files(caller, body.files)
        return self._chat.said(room, who, body.text or "", files, key=key)

    def _refuse_beyond_scopes(self, caller: Caller, draft: Draft) -> None:
        """Hold a token to what it is for, before anything is taken: the router knows persons, not tokens."""
        action = self._action_of(draft.event)
        if not caller.may(action or ACTION_OF_ALL) or (not action and caller.scopes != ("*",)):
            raise Denied(f"this token is not for {action or 'this'}", hint="make one with another --scope")

    async def _take_back(self, room: Room, seq: int) -> None:
        item = await self._rooms.item(room.id, seq)
        if item is None:
            return  # taken back by the same request, sent before
        if item.kind != "said":
            raise UsageError("only a message of yours can be edited")
        for under_way in self._answering.under_way(room.id):
            self._answering.cancel(under_way.key)
        await self._chat.rewind(room, seq)

    async def _item(self, room: Room, seq: int) -> Item:
        item = await self._rooms.item(room.id, seq)
        if item is None:
            raise NotFound("there is no such message", hint="load the conversation again")
        return item

    async def _files(self, caller: Caller, ids: Sequence[str]) -> list[StoredFile]:
        found = [await self._rooms.file(caller.owner, one) for one in ids]
        if None in found:
            raise NotFound("there is no such file", hint="upload it first")
        return [one for one in found if one is not None]

    async def _room(self, asked: Asked) -> Room:
        room = await self._rooms.get(asked.caller.owner, asked.path("id"))
        if room is None:
            raise _no_conversation()
        return room

    async def _place(self, asked: Asked) -> Room:
        """Return the conversation; one with a name of the caller's own choice is made."""
        name = asked.path("id")
        room = await self._rooms.get(asked.caller.owner, name)
        if room is not None:
            return room
        if not OWN_NAME.fullmatch(name):
            raise _no_conversation()
        return await self._made(asked.caller, name, "")

    async def _made(self, caller: Caller, name: str, title: str) -> Room:
        now_ms = self._clock.now_ms()
        return await self._rooms.open(
            Room(
                id=f"{PLATFORM}:{caller.owner}:{name}",
                owner=caller.owner,
                name=name,
                title=title,
                created_at_ms=now_ms,
                updated_at_ms=now_ms,
            )
        )


def _no_conversation() -> NotFound:
    return NotFound("there is no such conversation", hint="GET /api/v1/conversations lists yours")
