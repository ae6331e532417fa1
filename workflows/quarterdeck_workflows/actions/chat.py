"""Speak in conversations: through the outbox, so that each message is sent once and nothing is lost."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from typing import Any, Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Button, Card, Field, File, Reply
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit.declared import (
    BOOLEAN,
    FILE,
    STRING,
    Declared,
    Schema,
    flag,
    listed,
    shape,
    text,
)
from quarterdeck_workflows.actions.kit.folder import folder_of
from quarterdeck_workflows.actions.kit.given import flag_of, text_of, texts_of
from quarterdeck_workflows.actions.kit.target import target_of

PRESS: Final = "/workflow-button"  # what `triggers/heard.py` knows our buttons by
TO: Final = text(
    "The conversation's id; the run's own where it is left out", longest=400, format="conversation"
)
TEXT: Final = text("What to say, CommonMark; one that is too long for the platform becomes several messages")
FIELDS: Final[Schema] = {
    "type": "array",
    "description": "Labelled values below the text",
    "maxItems": 25,
    "items": shape(
        {"label": text("The label", longest=100), "value": text("The value", longest=1_000, least=0)}
    ),
}
BUTTONS: Final[Schema] = {
    "type": "array",
    "description": "Buttons below it; a press starts the workflow with the trigger `button: NAME`",
    "maxItems": 10,
    "items": shape(
        {
            "label": text("What stands on it", longest=60),
            "button": text("The trigger's name", longest=32, pattern="^[a-z0-9_-]+$"),
        },
        {"value": text("What it carries", longest=400, least=0), "danger": flag("Show it as dangerous")},
    ),
}
LITERAL: Final = flag("Show the text character for character, without any formatting")
SENT: Final = shape({"message": STRING, "conversation": STRING})


def _reply(call: ActionCall, *files: File) -> Reply:
    fields = call.input.get("fields", ())
    assert isinstance(fields, (list, tuple))
    shown = tuple(Field(label=one["label"], value=one["value"]) for one in fields)
    title = text_of(call, "title")
    buttons = call.input.get("buttons", ())
    assert isinstance(buttons, (list, tuple))
    offered = tuple(_button(number, one) for number, one in enumerate(buttons))
    card = Card(title=title, fields=shown, buttons=offered) if shown or title or offered else None
    return Reply(
        text=text_of(call, "text"),
        card=card,
        files=files,
        is_literal=flag_of(call, "literal"),
        run_id=call.run_id or None,
    )


def _button(number: int, one: Mapping[str, Any]) -> Button:
    value = f"{PRESS} {one['button']} {one.get('value') or ''}".strip()
    return Button(id=f"b{number}", label=one["label"], value=value, danger=bool(one.get("danger")))


async def _send(call: ActionCall) -> Json:
    place = await target_of(call, "chat.send")
    await call.services.outbox.send(place, _reply(call), key=call.key)
    return {"message": call.key, "conversation": place.id}


async def _edit(call: ActionCall) -> Json:
    place = await target_of(call, "chat.edit")
    message = text_of(call, "message")
    await call.services.outbox.edit(place, _reply(call), replaces=message, key=call.key)
    return {"message": call.key, "conversation": place.id}


async def _react(call: ActionCall) -> Json:
    place = await target_of(call, "chat.react")
    shown = await call.services.reactions.react(place, text_of(call, "message"), text_of(call, "emoji"))
    return {"shown": shown}


async def _upload(call: ActionCall) -> Json:
    place, folder = await target_of(call, "chat.upload"), folder_of(call)
    files = []
    for name in texts_of(call, "files"):
        path = await in_thread(folder.path, name)
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        files.append(File(name=path.name, path=str(path), media_type=media_type))
    await call.services.outbox.send(place, _reply(call, *files), key=call.key)
    return {"message": call.key, "conversation": place.id}


ACTIONS = (
    Declared(
        ActionSpec(
            id="chat.send",
            summary="Post a message",
            input=shape(
                {"text": TEXT},
                {
                    "to": TO,
                    "title": text("A heading", longest=200),
                    "fields": FIELDS,
                    "buttons": BUTTONS,
                    "literal": LITERAL,
                },
            ),
            output=SENT,
            effect="write",
            idempotency="key",
        ),
        _send,
    ),
    Declared(
        ActionSpec(
            id="chat.edit",
            summary="Change a message that chat.send or chat.edit posted",
            input=shape(
                {"message": text("Its `message` as chat.send returned it", longest=400), "text": TEXT},
                {"to": TO, "title": text("A heading", longest=200), "fields": FIELDS, "literal": LITERAL},
            ),
            output=SENT,
            effect="write",
            idempotency="key",
        ),
        _edit,
    ),
    Declared(
        ActionSpec(
            id="chat.react",
            summary="Put an emoji under a message",
            input=shape(
                {
                    "message": text("The platform's message id, or `message` of chat.send", longest=400),
                    "emoji": text("One emoji, such as ✅", longest=64),
                },
                {"to": TO},
            ),
            output=shape({"shown": BOOLEAN}),
            effect="write",
            idempotency="key",
        ),
        _react,
    ),
    Declared(
        ActionSpec(
            id="chat.upload",
            summary="Post files of the run's folder",
            input=shape(
                {"files": listed("Which files", FILE, least=1, most=10)},
                {"to": TO, "text": text("What to say with them", least=0)},
            ),
            output=SENT,
            effect="write",
            idempotency="key",
        ),
        _upload,
    ),
)
