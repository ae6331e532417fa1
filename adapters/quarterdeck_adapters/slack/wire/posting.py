"""Send one part of an answer by the way that fits it: acknowledgement, modal, message, stream, response URL, file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson

from quarterdeck.core.adapter import Memory, Rendered, cause_of
from quarterdeck.core.errors import Gone, Rejected, ServiceError, Unknown
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock
from quarterdeck.runtime.network.http import failure_of, refusal_of
from quarterdeck_adapters.slack import errors, ids
from quarterdeck_adapters.slack.ids import Place
from quarterdeck_adapters.slack.reading.messages import items, mapping, text_of
from quarterdeck_adapters.slack.wire.answers import Answers, Opening
from quarterdeck_adapters.slack.wire.readback import ReadBack, metadata
from quarterdeck_adapters.slack.wire.streams import Streams, is_conflict, stop
from quarterdeck_adapters.slack.writing import limits
from quarterdeck_adapters.slack.writing.limits import QUIET
from quarterdeck_adapters.slack.writing.views import OPEN_FORM, placed

if TYPE_CHECKING:
    from quarterdeck_adapters.slack.wire.client import Client
    from quarterdeck_adapters.slack.wire.files import Files

KEPT_S: Final = 90 * 86_400.0  # how long a button with a long value can be pressed
FORM_S: Final = 7 * 86_400.0
PRIVATE_S: Final = 86_400.0
UNFINISHED: Final = "#0"  # a part that shows an answer which still grows: it is changed later
NOT_A_MEMBER: Final = frozenset({"channel_not_found", "not_in_channel"})

Body = Mapping[str, object]

log = logging.getLogger(__name__)


class Posting:
    """Send parts, each key once."""

    def __init__(self, answers: Answers, readback: ReadBack, memory: Memory, clock: Clock) -> None:
        self._answers, self._readback, self._memory, self._clock = answers, readback, memory, clock
        self._streams = Streams(memory, clock)

    async def send(
        self,
        client: Client,
        session: aiohttp.ClientSession,
        files: Files,
        to: Conversation,
        part: Rendered,
        key: str,
    ) -> str:
        """Send one part and return its message's id.

        Raises:
            ServiceError: what happened; `Unknown` where it may have been posted.
        """
        self._readback.touch()
        body: Body = part.body
        opening = self._answers.opening(cause_of(key))
        if opening is not None and await self._acknowledged(opening, body, key):
            return f"ack:{key}"
        await self._keep(body)
        place, user = ids.place(to), str(body.get("to") or "")
        if "view" in body and opening is not None and await self._opened(client, opening, to, body):
            return f"view:{key}"
        if "files" in body:
            return await files.send(client, place, body, key)
        if "view" in body:
            body = await self._with_button(to, body, key)
        if user and to.kind != "direct":
            return await self._whisper(client, session, place, user, body, key)
        is_first = self._is_first(key)
        if key.endswith(UNFINISHED):
            begun = await self._begun(client, place, part, key, is_first=is_first)
            if begun is not None:
                return begun
        if not is_first:
            ts = await self._readback.found(client, place, key, str(body["text"]))
            if ts is not None:
                return ids.message_id(place.channel, ts)
        return await self._post(client, session, place, body, key)

    async def _begun(
        self, client: Client, place: Place, part: Rendered, key: str, *, is_first: bool
    ) -> str | None:
        """Let a message grow from these first words, or find the one that does; None where it is posted."""
        if not is_first:
            ts = await self._streams.begun(client, place, key)
            return None if ts is None else ids.message_id(place.channel, ts)
        opening = self._answers.opening(cause_of(key).partition("~")[0])
        user = opening.user if opening is not None else ""
        try:
            return await self._streams.begin(client, place, user, part.text, key)
        except Unknown:
            await self._readback.doubt(key)
            raise

    async def edit(self, client: Client, to: Conversation, message: str, part: Rendered) -> None:
        """Replace a message's content, or let it grow, where it is unfinished and that is enough.

        Raises:
            ServiceError: Slack refused; `Rejected` for what it shows without keeping it, such as a whisper.
        """
        if ids.ts_of(message).count(".") != 1 or message.startswith(("ack:", "view:", "private:")):
            raise Rejected(
                "this message cannot be changed: Slack names none that it shows to one person, or in an"
                " acknowledgement",
                service=errors.SERVICE,
                status=0,
                detail="cant_update_message",
            )
        body: Body = part.body
        if part.is_unfinished and await self._streams.grow(client, message, part.text):
            return
        await self._streams.end(client, message)
        await self._keep(body)
        sent: dict[str, Any] = {
            "channel": ids.place(to).channel,
            "ts": ids.ts_of(message),
            "text": limits.shorten(str(body["text"]), limits.TEXT),
            "blocks": body.get("blocks", []),
            "parse": "none",
        }
        try:
            await client.api_call("chat.update", json=sent)
        except Rejected as error:
            if not is_conflict(error):
                raise
            await stop(client, message)  # a process before this one let it grow
            await client.api_call("chat.update", json=sent)

    async def open_form(self, client: Client, payload: Body) -> None:
        """Open the form whose button was pressed."""
        actions = items(payload, "actions")
        name = next((text_of(one, "value") for one in actions if one.get("action_id") == OPEN_FORM), "")
        form, trigger = await self._memory.get(f"form:{name}"), text_of(payload, "trigger_id")
        if isinstance(form, Mapping) and trigger:
            await client.api_call("views.open", json={"trigger_id": trigger, "view": dict(form)})

    async def value_of(self, value: str) -> str:
        """Return the value that a reference stands for; any other value is itself."""
        if not value.startswith(limits.REFERENCE):
            return value
        kept = await self._memory.get(value)
        return kept if isinstance(kept, str) else value

    def _is_first(self, key: str) -> bool:
        """Tell whether nobody can have tried this key: its event came here, and no answer to it was lost."""
        event = cause_of(key).partition("~")[
            0
        ]  # what comes after it names a further answer to the same event
        return self._answers.is_ours(event) and not self._readback.is_doubtful(key)

    async def _acknowledged(self, opening: Opening, body: Body, key: str) -> bool:
        """Put the part into the acknowledgement that still waits; False where it cannot stand there."""
        waiting = opening.acknowledgement
        opening.acknowledgement = None
        if waiting is None:
            return False
        is_whole = "files" not in body and "view" not in body and not key.endswith(UNFINISHED)
        if not is_whole or (opening.is_form and body.get("status") != "error"):
            waiting.close()
            return False
        await self._keep(body)
        is_whisper = bool(body.get("to")) and not opening.is_form
        if is_whisper:
            await self._memory.put(f"private:{key}", True, keep_s=PRIVATE_S)
        is_sent = await waiting.offer(body)
        if is_whisper and not is_sent:
            await self._memory.forget(f"private:{key}")
        return is_sent

    async def _opened(self, client: Client, opening: Opening, to: Conversation, body: Body) -> bool:
        """Open the part's form with the trigger of the event; False where that is too old."""
        trigger = opening.trigger(self._clock.monotonic())
        if not trigger:
            return False
        view = placed(mapping(body, "view"), to)
        try:
            await client.api_call("views.open", json={"trigger_id": trigger, "view": view})
        except (Rejected, Unknown) as error:
            if isinstance(error, Rejected) and error.detail not in EXPIRED:
                raise
            return False  # then a button opens it
        return True

    async def _whisper(
        self,
        client: Client,
        session: aiohttp.ClientSession,
        place: Place,
        user: str,
        body: Body,
        key: str,
    ) -> str:
        """Show the part to one person alone. Slack does not say what was shown so: the attempt is written down."""
        if await self._memory.get(f"private:{key}") is not None:
            raise Rejected(
                "it may have been shown already, to one person alone, where nobody can look it up",
                service=errors.SERVICE,
                status=0,
                hint="ask again where the answer is missing",
            )
        url = await self._answers.response_url(cause_of(key))
        await self._memory.put(f"private:{key}", True, keep_s=PRIVATE_S)
        try:
            if url:
                await respond(session, url, _answer(body, place, "ephemeral"))
            else:
                sent = {"channel": place.channel, "user": user, **_message(body), "parse": "none"}
                if place.thread:
                    sent["thread_ts"] = place.thread
                await client.api_call("chat.postEphemeral", json=sent)
        except ServiceError as error:
            if isinstance(error, Unknown):
                raise
            await self._memory.forget(f"private:{key}")
            if isinstance(error, Gone) and not url:
                return await self._direct(client, session, user, body, key)
            raise
        return f"private:{key}"

    async def _direct(
        self, client: Client, session: aiohttp.ClientSession, user: str, body: Body, key: str
    ) -> str:
        """Write to somebody alone, where they cannot be whispered to."""
        opened = await client.conversations_open(users=[user])
        channel = text_of(mapping(_content(opened), "channel"), "id")
        return await self._post(client, session, Place("", channel), body, key)

    async def _post(
        self, client: Client, session: aiohttp.ClientSession, place: Place, body: Body, key: str
    ) -> str:
        sent = {"channel": place.channel, **_message(body), **QUIET, "metadata": metadata(key)}
        if place.thread:
            sent["thread_ts"] = place.thread
        try:
            answer = await client.api_call("chat.postMessage", json=sent)
        except Unknown:
            await self._readback.doubt(key)
            raise
        except Gone as error:
            url = await self._answers.response_url(cause_of(key)) if error.detail in NOT_A_MEMBER else ""
            if not url:
                raise
            await respond(session, url, _answer(body, place, "in_channel"))
            return f"response:{key}"
        content = _content(answer)
        return ids.message_id(text_of(content, "channel") or place.channel, text_of(content, "ts"))

    async def _with_button(self, to: Conversation, body: Body, key: str) -> Body:
        """Keep the form for when its button is pressed, and name it on the button."""
        await self._memory.put(f"form:{key}", _json(placed(mapping(body, "view"), to)), keep_s=FORM_S)
        blocks = _json({"blocks": body.get("blocks", [])})["blocks"]
        for block in blocks:
            for element in block.get("elements", ()):
                if element.get("action_id") == OPEN_FORM:
                    element["value"] = key
        return {**body, "blocks": blocks}

    async def _keep(self, body: Body) -> None:
        """Write down the values that are too long to travel with a button."""
        for reference, value in mapping(body, "kept").items():
            await self._memory.put(reference, str(value), keep_s=KEPT_S)


EXPIRED: Final = frozenset(
    {"expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "trigger_expired"}
)


async def respond(session: aiohttp.ClientSession, url: str, message: Mapping[str, object]) -> None:
    """Write to a response URL.

    Raises:
        ServiceError: it was refused; `Unknown` where the answer was lost.
    """
    try:
        async with session.post(
            url, data=orjson.dumps(message), headers={"Content-Type": "application/json"}
        ) as answer:
            said = (await answer.text())[:200]
            error = refusal_of(
                answer.status, answer.headers, service=errors.SERVICE, method="POST", detail=said
            )
    except (aiohttp.ClientError, TimeoutError) as failure:
        raise failure_of(failure, service=errors.SERVICE, method="POST") from failure
    if error is not None:
        raise Rejected(error.message, service=errors.SERVICE, status=0) if _is_refusal(error) else error


def _is_refusal(error: ServiceError) -> bool:
    """Tell whether a response URL is used up or out of date: that is no matter of our token."""
    return not error.retryable and not isinstance(error, Unknown)


def _message(body: Body) -> dict[str, object]:
    message: dict[str, object] = {"text": body["text"]}
    if "blocks" in body:
        message["blocks"] = body["blocks"]
    return message


def _answer(body: Body, place: Place, kind: str) -> dict[str, object]:
    """Write a message for a response URL; it takes the place of none."""
    answer = {**_message(body), **QUIET, "response_type": kind, "replace_original": False}
    if place.thread:
        answer["thread_ts"] = place.thread
    return answer


def _content(answer: Any) -> Mapping[str, object]:
    data = answer.data
    return data if isinstance(data, Mapping) else {}


def _json(value: Mapping[str, object]) -> Any:
    return orjson.loads(orjson.dumps(value))
