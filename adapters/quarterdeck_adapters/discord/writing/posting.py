"""Post a part of a reply: into the interaction that asked for it while Discord takes that, else into the channel.

Nothing is posted twice: Discord knows our key for a few minutes (`nonce`), and after that, or after a restart, the
channel is read before it is tried again.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from quarterdeck.core.adapter import Memory, Rendered
from quarterdeck.core.errors import Rejected, ServiceError, Unknown
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_adapters.discord import ids
from quarterdeck_adapters.discord.api.rest import Rest, Upload
from quarterdeck_adapters.discord.errors import (
    ACKNOWLEDGED,
    NO_HISTORY,
    SERVICE,
    UNKNOWN_INTERACTION,
)
from quarterdeck_adapters.discord.interactions import references
from quarterdeck_adapters.discord.interactions.answers import (
    DEFERRED,
    EPHEMERAL,
    MESSAGE,
    MODAL,
    Answers,
    Open,
    Response,
)
from quarterdeck_adapters.discord.world import World
from quarterdeck_adapters.discord.writing import components

SUPPRESS_EMBEDS: Final = 1 << 2
NONCE_LENGTH: Final = 25  # docs.discord.com/developers/resources/message, "Create Message", 2026-11-21
NONCE_S: Final = 100.0  # "the past few minutes", read strictly
FILE_BYTES: Final = 10 * 1024 * 1024  # docs.discord.com/developers/reference, "Uploading files", 2026-11-21
PAGE: Final = 100
YOUNG_S: Final = 600.0  # a process this young may be sending what an earlier one began to
OURS_KEPT: Final = 10_000
ALONE: Final = "The answer is for one person alone."
OPEN_FORM: Final = "Open the form"
NO_PINGS: Final[Mapping[str, list[str]]] = {"parse": []}
ORIGINAL: Final = "@"  # begins the ids of messages that only an interaction's token reaches

log = logging.getLogger(__name__)


class Posting:
    """Send and edit messages."""

    def __init__(self, rest: Rest, answers: Answers, memory: Memory, clock: Clock, world: World) -> None:
        self._rest, self._answers, self._memory = rest, answers, memory
        self._clock, self._world = clock, world
        self._started_s = clock.monotonic()
        self._ours: OrderedDict[str, None] = OrderedDict()
        self._tried_s: dict[str, float] = {}
        self._directs: dict[str, str] = {}
        self._unreadable: set[str] = set()

    def came(self, key: str) -> None:
        """Note that this process was given the event of this key."""
        self._ours[key] = None
        if len(self._ours) > OURS_KEPT:
            self._ours.popitem(last=False)

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post a part; returns the message's id.

        Raises:
            ServiceError: what happened.
        """
        if to.kind == "direct" and "private" in part.body:  # nobody else reads there
            part = Rendered(text=part.text, body={**part.body, "private": ""})
        cause = ids.cause(key)
        is_ours, was_tried = cause in self._ours, key in self._tried_s
        is_again = self._is_again(key, is_ours=is_ours)
        self._tried_s.setdefault(key, self._clock.monotonic())
        entry = await self._answers.find(cause, is_ours=is_ours)
        message_id = await self._answer(entry, part, key) if entry is not None else None
        if message_id is None:
            is_again = is_again or (was_tried and entry is not None)
            is_answer = entry is None and is_ours and key == f"{cause}#1"
            message_id = await self._post(to, part, key, is_again=is_again, is_answer=is_answer)
        del self._tried_s[key]
        return message_id

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Replace a message.

        Raises:
            ServiceError: what happened.
        """
        body, uploads = await self._message(part, {"components": []})
        if message_id.startswith(ORIGINAL):
            interaction, _, follow_up = message_id.removeprefix(ORIGINAL).partition(":")
            entry = self._answers.by_id(interaction)
            if entry is None:
                raise Rejected("the time to change this answer is over", service=SERVICE, status=404)
            path = f"{entry.path}/messages/{follow_up or '@original'}"
            await self._rest.answer("PATCH", path, body=body, uploads=uploads)
            return
        await self._rest.call(
            "PATCH",
            "/channels/{channel_id}/messages/{message_id}",
            body=body,
            uploads=uploads,
            channel_id=ids.place_of(to).channel,
            message_id=message_id,
        )

    async def give(self, response: Response, entry: Open) -> None:
        """Send an interaction's first response; where Discord takes none any more, the channel is left.

        Raises:
            ServiceError: what happened.
        """
        try:
            said = await self._rest.answer(
                "POST",
                f"/interactions/{entry.id}/{entry.token}/callback",
                body=response,
                query={"with_response": "true"},
            )
        except Unknown:  # it may have arrived: what follows will show
            self._answers.told(entry, "")
            raise
        except Rejected as error:
            if error.detail == str(ACKNOWLEDGED):
                self._answers.told(entry, "")
                return
            self._answers.drop(entry)
            if error.detail != str(UNKNOWN_INTERACTION):
                raise
            log.info("Too late for an answer in place; the channel gets it")
            return
        except ServiceError:
            self._answers.drop(entry)
            raise
        message = ((said or {}).get("resource") or {}).get("message") or {}
        is_private = int(message.get("flags") or 0) & EPHEMERAL
        self._answers.told(entry, "" if is_private else str(message.get("id") or ""))

    async def direct_with(self, user: str) -> str:
        """Return the channel of the direct conversation with somebody.

        Raises:
            ServiceError: Discord does not open it.
        """
        if user not in self._directs:
            said = await self._rest.call("POST", "/users/@me/channels", body={"recipient_id": user})
            self._directs[user] = str(said["id"])
        return self._directs[user]

    def _is_again(self, key: str, *, is_ours: bool) -> bool:
        """Tell whether a message may stand there already that Discord would not recognise by its nonce."""
        now_s = self._clock.monotonic()
        if key in self._tried_s:
            return now_s - self._tried_s[key] >= NONCE_S
        return not is_ours and now_s - self._started_s < YOUNG_S

    async def _answer(self, entry: Open, part: Rendered, key: str) -> str | None:
        """Answer within the interaction; None where that is over, or the part belongs into the channel."""
        is_private = bool(part.body.get("private"))
        if entry.first is not None and not entry.first.done():
            response = await self._first(entry, part, EPHEMERAL if is_private else 0)
            message_id = await self._answers.respond(entry, key, response, is_private=is_private)
            if message_id is not None and response["type"] != DEFERRED:
                return message_id
        await self._answers.waited(entry)
        if not self._answers.is_open(entry):
            return None
        if is_private and not entry.is_private and entry.has_message and not entry.original:
            return await self._aside(entry, part, key)
        fits_original = is_private == entry.is_private or not is_private
        if fits_original and await self._answers.take_original(entry, key):
            return await self._into_original(entry, part)
        if not is_private and not entry.is_private:
            return None
        return await self._follow_up(entry, part, key)

    async def _aside(self, entry: Open, part: Rendered, key: str) -> str:
        """Answer one person where all see "thinking": Discord lets nothing private follow before that has an end."""
        original = f"{entry.path}/messages/@original"
        await self._rest.answer("PATCH", original, body={"content": ALONE, "allowed_mentions": NO_PINGS})
        entry.original = key
        message_id = await self._follow_up(entry, part, key)
        entry.has_message = False
        try:
            await self._rest.answer("DELETE", original)
        except ServiceError as error:  # it says where the answer is
            log.info("A word too many stays", extra={"error": error.message})
        return message_id

    async def _follow_up(self, entry: Open, part: Rendered, key: str) -> str:
        """Show a part to the one person behind what they were shown; Discord takes no key for that."""
        if key in entry.tried:
            raise Rejected("it may have been shown already, and is not repeated", service=SERVICE, status=0)
        body, uploads = await self._message(part, {})
        body["flags"] = body.get("flags", 0) | EPHEMERAL
        entry.tried.add(key)
        try:
            said = await self._rest.answer("POST", entry.path, body=body, uploads=uploads)
        except Unknown:
            raise
        except ServiceError:  # it was not taken
            entry.tried.discard(key)
            raise
        return f"{ORIGINAL}{entry.id}:{said['id']}"

    async def _into_original(self, entry: Open, part: Rendered) -> str | None:
        body, uploads = await self._message(part, {})
        try:
            said = await self._rest.answer(
                "PATCH", f"{entry.path}/messages/@original", body=body, uploads=uploads
            )
        except Rejected as error:
            if error.status in (401, 404) and not entry.is_private:  # Discord has forgotten it
                self._answers.drop(entry)
                return None
            raise
        return f"{ORIGINAL}{entry.id}" if entry.is_private else str(said["id"])

    async def _first(self, entry: Open, part: Rendered, flags: int) -> Response:
        """Return a part as a first response; files cannot come with it, so it announces them."""
        form = part.body.get("form")
        if isinstance(form, Mapping) and entry.kind != "form":
            return {"type": MODAL, "data": await self._modal(form)}
        if part.body.get("files"):
            return {"type": DEFERRED, "data": {"flags": flags}}
        body, _ = await self._message(part, {})
        if flags:
            body["flags"] = body.get("flags", 0) | flags
        return {"type": MESSAGE, "data": body}

    async def _post(
        self, to: Conversation, part: Rendered, key: str, *, is_again: bool, is_answer: bool
    ) -> str:
        """Post into the channel; an answer's first part refers to its question, which tells it from others, too."""
        channel = ids.place_of(to).channel
        private = part.body.get("private")
        if private and to.kind != "direct":
            channel, is_answer = await self.direct_with(str(private)), False
        nonce = hashlib.sha256(key.encode()).hexdigest()[:NONCE_LENGTH]
        if is_again and (found := await self._found(channel, part, key, nonce)):
            return found
        body, uploads = await self._message(part, {"nonce": nonce, "enforce_nonce": True})
        if is_answer and (cause := ids.cause_snowflake(key)):
            body["message_reference"] = {"message_id": cause, "fail_if_not_exists": False}
        try:
            said = await self._create(channel, body, uploads)
        except ServiceError as error:
            if not error.retryable and not isinstance(error, Unknown):
                del self._tried_s[key]
            raise
        return str(said["id"])

    async def _create(self, channel: str, body: dict[str, Any], uploads: list[Upload]) -> Any:
        path = "/channels/{channel_id}/messages"
        if channel in self._unreadable:
            body.pop("message_reference", None)
        try:
            return await self._rest.call("POST", path, body=body, uploads=uploads, channel_id=channel)
        except Rejected as error:
            if error.detail != str(NO_HISTORY):
                raise
        self._unreadable.add(channel)  # there nothing can be referred to
        del body["message_reference"]
        return await self._rest.call("POST", path, body=body, uploads=uploads, channel_id=channel)

    async def _found(self, channel: str, part: Rendered, key: str, nonce: str) -> str:
        """Return the message of ours that this part became before, empty where there is none."""
        query: dict[str, str | int] = {"limit": PAGE}
        if cause := ids.cause_snowflake(key):
            query["after"] = cause
        try:
            messages = await self._rest.call(
                "GET", "/channels/{channel_id}/messages", query=query, channel_id=channel
            )
        except Rejected as error:
            log.info("Channel not read before sending again", extra={"error": error.message})
            return ""
        for message in messages or ():
            is_ours = (message.get("author") or {}).get("id") == self._world.bot
            if is_ours and (message.get("nonce") == nonce or self._is_same(message, part, key, cause)):
                return str(message["id"])
        return ""

    def _is_same(self, message: Mapping[str, Any], part: Rendered, key: str, cause: str) -> bool:
        """Tell whether a message is this part: it says the same, and it answers the same.

        What answers nothing of Discord's may well be said again, so there only our own first try counts.
        """
        content = str(part.body.get("content") or "").strip()
        if (message.get("content") or "").strip() != content:
            return False
        if len(message.get("attachments") or ()) != len(_files(part)):
            return False
        if cause:
            reference = message.get("message_reference") or message.get("interaction_metadata") or {}
            answered = str(reference.get("message_id") or reference.get("id") or "")
            return answered in ("", cause)
        tried_ms = self._clock.now_ms() - (self._clock.monotonic() - self._tried_s[key]) * 1000
        return ids.made_at_ms(str(message["id"])) >= tried_ms

    async def _message(self, part: Rendered, body: dict[str, Any]) -> tuple[dict[str, Any], list[Upload]]:
        """Return what Discord takes as a message, with its files."""
        content = str(part.body.get("content") or "")
        uploads = []
        for file in _files(part):
            upload = await in_thread(_read, file)
            if upload is None:
                content += f"\n({file['name']} is larger than the 10 MiB that Discord takes)"
            else:
                uploads.append(upload)
        body |= {"content": content, "allowed_mentions": NO_PINGS}
        if part.body.get("links"):
            body["flags"] = SUPPRESS_EMBEDS
        if uploads:
            body["attachments"] = [{"id": n, "filename": one.name} for n, one in enumerate(uploads)]
        rows = await self._components(part)
        if rows:
            body["components"] = rows
        return body, uploads

    async def _components(self, part: Rendered) -> list[Any]:
        form, buttons = part.body.get("form"), part.body.get("buttons")
        if isinstance(form, Mapping):
            modal = await self._modal(form)
            custom_id = references.hashed(references.OPENER, orjson.dumps(modal).decode())
            await references.remember(self._memory, custom_id, modal)
            return components.opener(OPEN_FORM, custom_id)
        if not isinstance(buttons, list) or not buttons:
            return []
        rows, memories = components.rows(buttons)
        for custom_id, words in memories.items():
            await references.remember(self._memory, custom_id, words)
        return rows

    async def _modal(self, form: Mapping[str, Any]) -> dict[str, Any]:
        custom_id, words = references.written(references.FORM, str(form["id"]))
        if words:
            await references.remember(self._memory, custom_id, words)
        return {"custom_id": custom_id, "title": form["title"], "components": form["components"]}


def _files(part: Rendered) -> list[dict[str, str]]:
    files = part.body.get("files")
    return files if isinstance(files, list) else []


def _read(file: Mapping[str, str]) -> Upload | None:
    """Read a file of ours; None where Discord does not take so much."""
    path = Path(file["path"])
    if path.stat().st_size > FILE_BYTES:
        return None
    return Upload(file["name"], file["media_type"], path.read_bytes())
