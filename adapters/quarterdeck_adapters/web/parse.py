"""Make events of what people do on the page, and say how it is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from quarterdeck.core.account import PLATFORM
from quarterdeck.core.errors import NotFound
from quarterdeck.core.event import Event, Invoked, Posted, Pressed, Submitted
from quarterdeck.core.message import Attachment, Conversation, Message
from quarterdeck.core.person import Identity
from quarterdeck.core.screen import Draft, Item, Room, StoredFile

GONE = "this message is not there any more"
AGAIN = "load the conversation again"


def place_of(room: Room) -> Conversation:
    """Return a conversation as the router knows it."""
    return Conversation(id=room.id, platform=PLATFORM)


def owner_and_name(conversation_id: str) -> tuple[str, str]:
    """Read `web:OWNER:NAME`; an owner may hold colons, a name may not."""
    owner, _, name = conversation_id.removeprefix(f"{PLATFORM}:").rpartition(":")
    return owner, name


def said(
    room: Room, who: Identity, text: str, files: Sequence[StoredFile], *, key: str, at: datetime
) -> Draft:
    """Draft a message."""
    event_id, place = _event_id(room, key), place_of(room)
    message = Message(
        id=event_id,
        conversation=place,
        author=who,
        text=text,
        sent_at=at,
        attachments=_attachments(files),
    )
    event = Posted(
        id=event_id, platform=PLATFORM, received_at=at, conversation=place, actor=who, message=message
    )
    return _draft(event, room, "text", text, files, key=key)


def pressed(room: Room, who: Identity, item: Item, button_id: str, *, key: str, at: datetime) -> Draft:
    """Draft the press of a button.

    Raises:
        NotFound: the item has no such button.
    """
    for button in _rows(item.body.get("buttons")):
        if button.get("id") == button_id:
            event = Pressed(
                id=_event_id(room, key),
                platform=PLATFORM,
                received_at=at,
                conversation=place_of(room),
                actor=who,
                button_id=button_id,
                value=str(button.get("value") or ""),
                message_id=message_id(item.seq),
            )
            label = str(button.get("label") or button_id)
            return _draft(event, room, "press", label, (), key=key, of=item.seq)
    raise NotFound(f"no button {button_id[:60]!r} stands there", hint=AGAIN)


def submitted(
    room: Room,
    who: Identity,
    item: Item,
    values: Mapping[str, object],
    files: Sequence[StoredFile],
    *,
    key: str,
    at: datetime,
) -> Draft:
    """Draft a form that is sent.

    Raises:
        NotFound: the item has no form.
    """
    form = item.body.get("form")
    if not isinstance(form, Mapping):
        raise NotFound("no form stands there", hint=AGAIN)
    inputs = {str(one["id"]): str(one.get("label") or one["id"]) for one in _rows(form.get("inputs"))}
    known = {name: value for name, value in values.items() if name in inputs}
    event = Submitted(
        id=_event_id(room, key),
        platform=PLATFORM,
        received_at=at,
        conversation=place_of(room),
        actor=who,
        form_id=str(form.get("id")),
        values=known,
        attachments=_attachments(files),
    )
    shown = [f"{inputs[name]}: {value}" for name, value in known.items() if value not in (None, "")]
    text = "\n".join(shown) or str(form.get("title") or "")
    return _draft(event, room, "form", text, files, key=key, of=item.seq)


def invoked(
    room: Room,
    who: Identity,
    command: str,
    options: Mapping[str, object],
    files: Sequence[StoredFile],
    *,
    key: str,
    at: datetime,
) -> Draft:
    """Draft a command with its options."""
    event = Invoked(
        id=_event_id(room, key),
        platform=PLATFORM,
        received_at=at,
        conversation=place_of(room),
        actor=who,
        command=command,
        options=dict(options),
        attachments=_attachments(files),
    )
    shown = [f"--{name} {_quoted(value)}" for name, value in options.items()]
    return _draft(event, room, "command", " ".join([f"/{command}", *shown]), files, key=key)


def message_id(seq: int) -> str:
    """Return how the platform calls the message at `seq`."""
    return f"post-{seq}"


def _event_id(room: Room, key: str) -> str:
    return hashlib.sha256(f"{room.id}\0{key}".encode()).hexdigest()[:32]


def _draft(
    event: Event,
    room: Room,
    kind: str,
    text: str,
    files: Sequence[StoredFile],
    *,
    key: str,
    of: int | None = None,
) -> Draft:
    """Show what somebody does: under which `key` it came, and which message it is about."""
    body: dict[str, object] = {"kind": kind, "text": text, "key": key}
    body |= {"files": [shown_file(file) for file in files], "of": of}
    return Draft(event=event, room=room, body=body, text=text)


def shown_file(file: StoredFile) -> dict[str, object]:
    """Return a file as it stands in a message."""
    return {
        "id": file.id,
        "name": file.name,
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
    }


def _attachments(files: Sequence[StoredFile]) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(name=file.name, media_type=file.media_type, size_bytes=file.size_bytes, url=file.path)
        for file in files
    )


def _quoted(value: object) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text


def _rows(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
