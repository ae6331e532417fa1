"""Make events of what is typed, pressed and sent at the terminal."""

from __future__ import annotations

import os
import pwd
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from quarterdeck.core.errors import UsageError
from quarterdeck.core.event import Posted, Pressed
from quarterdeck.core.message import Attachment, Conversation, Message
from quarterdeck.core.person import Identity

PLATFORM = "console"
NAME_LIMIT = 200
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@#")


def operating_system_user() -> tuple[Identity, str]:
    """Return the account of the user who runs this process, and what the system calls them, where it has a name."""
    identity = Identity(platform=PLATFORM, user_id=str(os.getuid()))
    try:
        return identity, pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return identity, ""


def conversation_of(name: str, identity: Identity) -> Conversation:
    """Return the conversation called `name`; without a name, the person's own.

    Raises:
        UsageError: the name has other characters than letters, digits and -_.:@#, or too many.
    """
    name = name.removeprefix(f"{PLATFORM}:") or str(identity).removeprefix(f"{PLATFORM}::")
    if len(name) > NAME_LIMIT or not LETTERS.issuperset(name):
        raise UsageError(
            f"{name[:60]!r} is no name for a conversation",
            hint=f"use up to {NAME_LIMIT} letters, digits, dots, colons and hyphens",
        )
    return Conversation(id=f"{PLATFORM}:{name}", platform=PLATFORM)


def posted(
    conversation: Conversation,
    identity: Identity,
    text: str,
    *,
    at: datetime,
    attachments: Sequence[Attachment] = (),
) -> Posted:
    """Return the event of a message that was typed."""
    event_id = uuid.uuid4().hex
    return Posted(
        id=event_id,
        platform=PLATFORM,
        received_at=at,
        conversation=conversation,
        actor=identity,
        message=Message(
            id=event_id,
            conversation=conversation,
            author=identity,
            text=text,
            sent_at=at,
            attachments=tuple(attachments),
        ),
    )


def pressed(
    conversation: Conversation,
    identity: Identity,
    button: Mapping[str, object],
    *,
    message_id: str,
    at: datetime,
) -> Pressed:
    """Return the event of a button that was pressed."""
    return Pressed(
        id=uuid.uuid4().hex,
        platform=PLATFORM,
        received_at=at,
        conversation=conversation,
        actor=identity,
        button_id=str(button["id"]),
        value=str(button["value"]),
        message_id=message_id,
    )
