"""Write a reply in Discord's markdown, split into messages that Discord takes.

The body of a part: `content`; `buttons` and `files` on the last one; `form` where it asks for input; `private`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.reply import Card, Reply
from quarterdeck.runtime.markdown import Block, Paragraph, Text, blocks_of, paginate, parse, plain
from quarterdeck_adapters.discord.interactions import forms
from quarterdeck_adapters.discord.writing.components import MOST
from quarterdeck_adapters.discord.writing.units import length
from quarterdeck_adapters.discord.writing.write import BLANK, write

LIMIT: Final = 2_000  # docs.discord.com/developers/resources/message, "Create Message", 2026-11-21
FILES: Final = 10  # the same page
GUARDS: Final = 2  # characters that may be put around a part
EMPTY: Final = "(empty)"  # Discord takes no message without a character to see


def render(reply: Reply) -> list[Rendered]:
    """Return the parts in order; several of them are numbered."""
    blocks = (*blocks_of(reply), *_card_blocks(reply.card))
    parts = [_text_part(part, reply) for part in paginate(blocks, write, length, LIMIT - GUARDS)]
    parts += _more_buttons(reply, parts[-1])
    form = _form(reply.card)
    if form is not None:
        parts[-1].body["form"] = form
    _add_files(parts, reply)
    if reply.private_to is not None:
        for part in parts:
            part.body["private"] = reply.private_to.user_id
    for part in parts:
        if not part.body["content"] and not part.body.get("files"):
            part.body["content"] = EMPTY
    return parts


def _text_part(blocks: Sequence[Block], reply: Reply) -> Rendered:
    content = write(blocks)
    if reply.is_literal:
        content = _kept_blanks(content)
    return Rendered(text=plain(blocks), body={"content": content, "links": "://" in content})


def _kept_blanks(content: str) -> str:
    """Guard blanks at an end, which Discord would take away."""
    before = BLANK if content != content.lstrip() else ""
    after = BLANK if content != content.rstrip() else ""
    return f"{before}{content}{after}"


def _card_blocks(card: Card | None) -> Sequence[Block]:
    """Return what a card says; its form is shown as one, or named input by input where none can hold it."""
    if card is None:
        return ()
    lines = [f"**{card.title}**"] if card.title else []
    lines += [card.body] if card.body else []
    blocks: list[Block] = list(parse("\n\n".join(lines)))
    blocks += [Paragraph((Text(f"{field.label}: {field.value}"),)) for field in card.fields]
    if card.inputs and not forms.fits(card):
        blocks += [Paragraph((Text(f"{one.label}: {one.hint}"),)) for one in card.inputs]
    return blocks


def _more_buttons(reply: Reply, last: Rendered) -> list[Rendered]:
    """Put the buttons under the last part, and what is more than a message holds under further ones."""
    buttons = [
        {"id": one.id, "label": one.label, "value": one.value, "danger": one.danger}
        for one in (reply.card.buttons if reply.card else ())
    ]
    if buttons:
        last.body["buttons"] = buttons[:MOST]
    more = range(MOST, len(buttons), MOST)
    return [
        Rendered(text="", body={"content": "…", "links": False, "buttons": buttons[at : at + MOST]})
        for at in more
    ]


def _form(card: Card | None) -> dict[str, Any] | None:
    if card is None or not forms.fits(card):
        return None
    return {"id": card.form_id, **forms.modal(card)}


def _add_files(parts: list[Rendered], reply: Reply) -> None:
    files = [
        {"name": one.name, "path": one.path, "media_type": one.media_type, "text": ""} for one in reply.files
    ]
    if files:
        parts[-1].body["files"] = files[:FILES]
    for at in range(FILES, len(files), FILES):
        parts.append(Rendered(text="", body={"content": "", "links": False, "files": files[at : at + FILES]}))
