"""Post and change messages."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from quarterdeck.core.adapter import Memory, Rendered, cause_of
from quarterdeck.core.errors import Rejected
from quarterdeck.core.message import Conversation
from quarterdeck_adapters.telegram.buttons import Buttons, Row
from quarterdeck_adapters.telegram.chats import Moved, Moves, place_of
from quarterdeck_adapters.telegram.files import upload
from quarterdeck_adapters.telegram.parse import message_id_of
from quarterdeck_adapters.telegram.units import units

if TYPE_CHECKING:
    from quarterdeck_adapters.telegram.api import Api

Parameters = dict[str, object]
NO_PREVIEW: Final = {"is_disabled": True}
UNCHANGED: Final = "message is not modified"
SHOWN: Final = 1_000  # messages whose look is remembered: those that may still be growing


class Sending:
    """Send for one bot. `api` is asked for at each call: it is there once the adapter is connected."""

    def __init__(self, api: Callable[[], Awaitable[Api]], memory: Memory, moves: Moves) -> None:
        self._api, self._moves = api, moves
        self._buttons = Buttons(memory)
        self._shown: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def post(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post `part` and return the message's id; in a group, as a reply to what is answered.

        Raises:
            ServiceError: what happened.
        """
        asked = message_id_of(cause_of(key)) if to.kind != "direct" and key.endswith("#1") else None

        async def send(chat: int, topic: int | None) -> Any:
            parameters = await self._parameters(part.body, chat, key)
            parameters["chat_id"] = chat
            if topic is not None:
                parameters["message_thread_id"] = topic
            if asked is not None and asked[0] == chat:  # a chat that has moved numbers its messages anew
                parameters["reply_parameters"] = {"message_id": asked[1], "allow_sending_without_reply": True}
            file = part.body.get("file")
            if isinstance(file, Mapping):
                return await upload(await self._api(), file, parameters)
            return await (await self._api()).call("sendMessage", parameters)

        message = await self.there(to, send)
        self._remember(to, str(message["message_id"]), _digest(part.body))
        return str(message["message_id"])

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Make the message say `part`; Telegram, which refuses that, is not asked to change what says it already.

        Raises:
            ServiceError: what happened.
        """
        digest = _digest(part.body)
        if self._shown.get((to.id, message_id)) == digest:
            return
        self._shown.pop((to.id, message_id), None)  # unknown, until Telegram has answered
        method = "editMessageCaption" if "file" in part.body else "editMessageText"

        async def change(chat: int, _: int | None) -> Any:
            body = part.body
            key = f"edit\n{message_id}\n{digest}"
            parameters = await self._parameters(body, chat, key)
            parameters |= {"chat_id": chat, "message_id": int(message_id)}
            return await (await self._api()).call(method, parameters)

        try:
            await self.there(to, change)
        except Rejected as error:
            if UNCHANGED not in error.detail.lower():
                raise
        self._remember(to, message_id, digest)

    def _remember(self, to: Conversation, message_id: str, digest: str) -> None:
        self._shown[to.id, message_id] = digest
        if len(self._shown) > SHOWN:
            self._shown.popitem(last=False)

    async def there(self, to: Conversation, act: Callable[[int, int | None], Awaitable[Any]]) -> Any:
        """Do something in a chat, wherever it has moved to.

        Raises:
            ServiceError: what happened.
        """
        first, topic = place_of(to)
        await self._api()  # what is remembered is there from then on
        chat = self._moves.current(first)
        try:
            return await act(chat, topic)
        except Moved as moved:
            await self._moves.follow(chat, moved.chat)
        try:
            return await act(self._moves.current(chat), topic)
        except Moved as moved:
            raise Rejected("the chat moves without end", service="Telegram", status=400) from moved

    async def _parameters(self, body: Mapping[str, object], chat: int, key: str) -> Parameters:
        """Return what a message says."""
        parameters: Parameters
        if "file" in body:
            parameters = {name: body[name] for name in ("caption", "caption_entities") if body.get(name)}
        else:
            parameters = {"text": body["text"], "link_preview_options": NO_PREVIEW}
            if "entities" in body:
                parameters["entities"] = body["entities"]
        if rows := body.get("buttons"):
            parameters["reply_markup"] = await self._buttons.keyboard(
                cast("list[Row]", rows), chat=chat, key=key
            )
        return parameters


def _digest(body: Mapping[str, object]) -> str:
    """Name what Telegram shows of a body: it takes blanks off the end, and the entities that are left without text."""
    shown = dict(body)
    if isinstance(text := shown.get("text"), str) and text != text.rstrip():
        end = units(text.rstrip())
        entities = [_clipped(one, end) for one in cast("list[dict[str, Any]]", shown.pop("entities", ()))]
        shown["text"] = text.rstrip()
        if kept := [one for one in entities if one["length"] > 0]:
            shown["entities"] = kept
    return hashlib.sha256(repr(shown).encode("utf-8", "replace")).hexdigest()


def _clipped(entity: Mapping[str, Any], end: int) -> dict[str, Any]:
    return {**entity, "length": min(entity["length"], end - entity["offset"])}
