"""Write a reply for Telegram: messages of at most 4,096 UTF-16 units, then its files, buttons under the last."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.reply import File, Reply
from quarterdeck.runtime.markdown import Block, Paragraph, Text, blocks_of, paginate
from quarterdeck_adapters.telegram.buttons import MOST_BUTTONS, Row, rows_of
from quarterdeck_adapters.telegram.mark import finish, size
from quarterdeck_adapters.telegram.write import write

TEXT_LIMIT: Final = 4096  # Bot API, sendMessage, 2026-11-21: UTF-16 units after entities
CAPTION_LIMIT: Final = 1024  # Bot API, sendDocument, 2026-11-21
NOTHING: Final = "(no text)"  # Telegram takes no message without a visible sign
# Telegram sees nothing in these: Braille blank, Hangul fillers, the sign for an object.
INVISIBLE: Final = frozenset("\u2800\u115f\u1160\u3164\uffa0\ufffc")


def render(reply: Reply) -> list[Rendered]:
    """Return the messages that show `reply`, in order; never none."""
    blocks = blocks_of(reply)
    match blocks:
        case (Paragraph((Text(text),)),) if _is_simple(text) and not reply.files and not reply.card:
            return [Rendered(text=text, body={"text": text})]
    rows = rows_of(reply.card.buttons[:MOST_BUTTONS]) if reply.card else []
    if len(reply.files) == 1 and size(write(blocks)) <= CAPTION_LIMIT:
        parts = [_file(reply.files[0], blocks)]
    else:
        parts = [_message(part) for part in _pages(blocks, is_needed=not reply.files)]
        parts += [_file(file, ()) for file in reply.files]
    if rows:
        parts[-1].body["buttons"] = rows
    for surplus in _surplus(reply):
        parts.append(Rendered(text="…", body={"text": "…", "buttons": surplus}))
    return parts


def _is_simple(text: str) -> bool:
    """Tell whether `text` can go as it is, as most short answers can."""
    is_short = len(text) <= TEXT_LIMIT and text.isascii() and text.isprintable()
    return is_short and "@" not in text and bool(text.strip())


def _pages(blocks: Sequence[Block], *, is_needed: bool) -> list[tuple[Block, ...]]:
    return paginate(blocks, write, size, TEXT_LIMIT) if blocks or is_needed else []


def _message(blocks: Sequence[Block]) -> Rendered:
    text, entities = finish(write(blocks))
    if is_blank(text):
        text, entities = NOTHING, []
    body: dict[str, object] = {"text": text}
    if entities:
        body["entities"] = entities
    return Rendered(text=text, body=body)


def _file(file: File, blocks: Sequence[Block]) -> Rendered:
    text, entities = finish(write(blocks))
    body: dict[str, object] = {
        "file": {"name": file.name, "path": file.path, "media_type": file.media_type},
        "caption": "" if is_blank(text) else text,
    }
    if entities:
        body["caption_entities"] = entities
    return Rendered(text=f"{text}\n({file.name})" if text else f"({file.name})", body=body)


def _surplus(reply: Reply) -> list[list[Row]]:
    """Return the rows that do not fit under one message, a message's worth at a time."""
    buttons = reply.card.buttons if reply.card else ()
    starts = range(MOST_BUTTONS, len(buttons), MOST_BUTTONS)
    return [rows_of(buttons[start : start + MOST_BUTTONS]) for start in starts]


def is_blank(text: str) -> bool:
    """Tell whether a reader would see nothing."""
    return not text.strip() or all(
        sign in INVISIBLE or sign.isspace() or unicodedata.category(sign) in ("Cf", "Cc", "Mn", "Me")
        for sign in text
    )
