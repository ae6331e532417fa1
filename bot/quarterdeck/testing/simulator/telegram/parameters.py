"""Read the parameters of a call as the Bot API does: from JSON, a form, or parts with files.

In a form every value is text, and objects are JSON inside of it. Names and types of the parameters are those of the
published description of the Bot API 10.1 (core.telegram.org/bots/api, read 2026-11-21).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.telegram.refusal import bad

# A letter for each type: i integer, s text, b boolean, c chat (number or @name), f file, j JSON.
SENDING: Final = (
    "business_connection_id:s chat_id:c message_thread_id:i direct_messages_topic_id:i disable_notification:b "
    "protect_content:b allow_paid_broadcast:b message_effect_id:s reply_parameters:j "
)
MARKED: Final = "suggested_post_parameters:j reply_markup:j "
CAPTION: Final = "caption:s parse_mode:s caption_entities:j "
TARGET: Final = "business_connection_id:s chat_id:c message_id:i inline_message_id:s reply_markup:j "

METHODS: Final[Mapping[str, str]] = {
    "getMe": "",
    "logOut": "",
    "close": "",
    "getUpdates": "offset:i limit:i timeout:i allowed_updates:j",
    "setWebhook": "url:s certificate:f ip_address:s max_connections:i allowed_updates:j drop_pending_updates:b "
    "secret_token:s",
    "deleteWebhook": "drop_pending_updates:b",
    "getWebhookInfo": "",
    "sendMessage": SENDING + MARKED + "text:s parse_mode:s entities:j link_preview_options:j",
    "sendDocument": SENDING + MARKED + CAPTION + "document:f thumbnail:f disable_content_type_detection:b",
    "sendPhoto": SENDING + MARKED + CAPTION + "photo:f show_caption_above_media:b has_spoiler:b",
    "sendMediaGroup": SENDING + "media:j",
    "sendChatAction": "business_connection_id:s chat_id:c message_thread_id:i action:s",
    "sendMessageDraft": "chat_id:i message_thread_id:i draft_id:i text:s parse_mode:s entities:j",
    "editMessageText": TARGET + "text:s parse_mode:s entities:j link_preview_options:j rich_message:j",
    "editMessageCaption": TARGET + CAPTION + "show_caption_above_media:b",
    "editMessageReplyMarkup": TARGET,
    "deleteMessage": "chat_id:c message_id:i",
    "deleteMessages": "chat_id:c message_ids:j",
    "setMessageReaction": "chat_id:c message_id:i reaction:j is_big:b",
    "answerCallbackQuery": "callback_query_id:s text:s show_alert:b url:s cache_time:i",
    "getFile": "file_id:s",
    "setMyCommands": "commands:j scope:j language_code:s",
    "getMyCommands": "scope:j language_code:s",
    "deleteMyCommands": "scope:j language_code:s",
    "getChat": "chat_id:c",
    "getChatAdministrators": "chat_id:c return_bots:b",
    "getChatMember": "chat_id:c user_id:i",
    "getChatMemberCount": "chat_id:c",
    "leaveChat": "chat_id:c",
    "createForumTopic": "chat_id:c name:s icon_color:i icon_custom_emoji_id:s",
    "closeForumTopic": "chat_id:c message_thread_id:i",
    "reopenForumTopic": "chat_id:c message_thread_id:i",
}
# The Bot API does not mind case.
SPELLING: Final = {name.lower(): name for name in METHODS}
TRUE: Final = frozenset({"true", "yes", "1"})


@dataclass(frozen=True, slots=True)
class Upload:
    """Hold one file that came with a call."""

    name: str
    content: bytes
    mime: str


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one call: `given` typed by the method's description, `uploads` by the name of their part.

    `unknown` are the names that the method does not have: Telegram passes over them in silence.
    """

    method: str
    given: Mapping[str, Any]
    uploads: Mapping[str, Upload]
    unknown: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Return a text, empty where there is none."""
        return str(self.given.get(name) or "")

    def number(self, name: str) -> int:
        """Return a number, 0 where there is none."""
        return int(self.given.get(name) or 0)

    def flag(self, name: str) -> bool:
        """Return a boolean, false where there is none."""
        return bool(self.given.get(name))

    def json(self, name: str) -> Any:
        """Return an object, None where there is none."""
        return self.given.get(name)


async def read_call(request: web.Request, method: str) -> Call:
    """Read what `request` asks of `method`.

    Raises:
        Refused: it is not readable, or has a value of the wrong type.
    """
    raw: dict[str, object] = dict(request.query)
    uploads: dict[str, Upload] = {}
    if request.content_type == "application/json":
        raw |= await read_json(request)
    elif request.content_type == "multipart/form-data":
        form = await request.post()
        for name, value in form.items():
            if isinstance(value, web.FileField):
                uploads[name] = Upload(value.filename, value.file.read(), value.content_type)
                value.file.close()
            else:
                raw[name] = value
    elif request.content_type == "application/x-www-form-urlencoded":
        raw |= dict(await request.post())
    return typed(method, raw, uploads)


async def read_json(request: web.Request) -> dict[str, object]:
    """Return the object in the body.

    Raises:
        Refused: there is none.
    """
    try:
        value = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise bad("can't parse JSON object") from None
    if not isinstance(value, dict):
        raise bad("object expected as parameters")
    return value


def typed(method: str, raw: Mapping[str, object], uploads: Mapping[str, Upload]) -> Call:
    """Return the call with every parameter in its type.

    Raises:
        Refused: a value has the wrong type.
    """
    types = dict(entry.split(":") for entry in METHODS[method].split())
    given: dict[str, Any] = {}
    for name, value in raw.items():
        if name in types and value is not None:
            given[name] = read_value(types[name], name, value)
    attached = {name for name in uploads if name not in types}
    named = {name for name in attached if f"attach://{name}" in json.dumps(list(map(str, raw.values())))}
    unknown = (set(raw) - set(types)) | (attached - named)
    return Call(method, given, uploads, tuple(sorted(unknown)))


def read_value(kind: str, name: str, value: object) -> object:
    """Return `value` as its kind asks for.

    Raises:
        Refused: it is of another type.
    """
    if kind == "j":
        return read_object(name, value)
    if kind == "b":
        return value if isinstance(value, bool) else str(value).strip().lower() in TRUE
    if kind in ("i", "c"):
        return read_number(kind, name, value)
    if not isinstance(value, str):
        raise bad(f'field "{name}" must be of type String')
    return checked_text(value)


def read_number(kind: str, name: str, value: object) -> int | str:
    """Return a number, or for a chat also its @name.

    Raises:
        Refused: it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if kind == "c" and text.startswith("@"):
        return text
    try:
        return int(text)
    except ValueError:
        raise bad("chat not found" if kind == "c" else f"{name} must be an integer") from None


def read_object(name: str, value: object) -> object:
    """Return JSON that stands in a form as text, or as it is in a JSON body.

    Raises:
        Refused: it is no JSON.
    """
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise bad(f"can't parse {name.replace('_', ' ')} JSON object") from None


def checked_text(text: str) -> str:
    """Return `text` when it can be written as UTF-8.

    Raises:
        Refused: it holds half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad("strings must be encoded in UTF-8") from None
    return text
