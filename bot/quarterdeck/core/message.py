"""Describe what stands in a conversation, whatever platform it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Literal

from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass

ConversationKind = Literal["direct", "group", "thread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Name a place where people talk. `id` is opaque outside the platform's adapter and unique over all platforms."""

    id: str
    platform: str
    kind: ConversationKind = "direct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Point at a file that came with a message; `url` is a handle that only its adapter can open."""

    name: str
    media_type: str
    size_bytes: int
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Hold one message. `text` is CommonMark, `sent_at` is aware UTC, `raw` is what the platform sent."""

    id: str
    conversation: Conversation
    author: Identity
    text: str
    sent_at: datetime
    mentions_bot: bool = False
    attachments: tuple[Attachment, ...] = ()
    reply_to: str | None = None
    raw: Mapping[str, object] = field(default_factory=dict)
