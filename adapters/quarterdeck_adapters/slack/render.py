"""Write a reply for Slack, in as many messages as its limits ask for. Pure.

A part's body is what `wire/posting.py` sends, less the conversation:

    text, blocks  the message; without blocks the text alone is shown
    to            the only user who may see it
    status        how the reply ended, for the acknowledgement of a form
    view          the modal to open instead, where that is possible
    files         the files to upload instead: name, path, media_type
    kept          values too long to travel, by the reference that stands for them
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.reply import Card, File, Reply
from quarterdeck.runtime.markdown import Block, Emphasis, Heading, Paragraph, Text, blocks_of, pack, plain
from quarterdeck_adapters.slack.writing import limits
from quarterdeck_adapters.slack.writing.cards import (
    Element,
    button,
    card_blocks,
    label_blocks,
    rows,
    size_of,
    source_blocks,
)
from quarterdeck_adapters.slack.writing.mrkdwn import APART, verbatim, write
from quarterdeck_adapters.slack.writing.views import OPEN_FORM, view_of

GAP = "\n\n"
MARKED = re.compile(r"[*_~`&<>]")  # what Slack may take for more than itself
INVISIBLE = "(nothing to see)"  # Slack refuses a message of blanks


def render(reply: Reply) -> list[Rendered]:
    """Return the parts, in order: words, with what can be pressed below the last of them, then files."""
    common: Element = {"status": reply.status}
    if reply.private_to is not None:
        common["to"] = reply.private_to.user_id
    card, blocks = reply.card, _blocks(reply)
    match blocks:
        case (Paragraph((Text(text),)),) if _is_simple(text) and card is None and not reply.files:
            return [Rendered(text=text, body={"text": text, **common})]
    parts: list[Rendered] = []
    if card is not None and (card.buttons or card.inputs):
        parts = _with_card(blocks, card, common)
    elif blocks or not reply.files:
        text = write(blocks)
        is_short = limits.measure(text) <= limits.TEXT
        parts = (
            [_short(blocks, text, common)] if is_short else [_long(page, common) for page in _pages(blocks)]
        )
    if reply.files:
        parts.append(_files(reply.files, common))
    return parts


def _is_simple(text: str) -> bool:
    """Tell whether `text` can go as it is, as most short answers can."""
    is_short = len(text) <= limits.TEXT and text.isascii() and text.isprintable()
    return is_short and MARKED.search(text) is None and not text.isspace()


def _blocks(reply: Reply) -> list[Block]:
    blocks: list[Block] = list(blocks_of(reply))
    if reply.card is not None:
        blocks += [*card_blocks(reply.card), *label_blocks(reply.card.buttons)]
    if reply.citations:
        blocks += source_blocks(reply.citations)
    return blocks


def _short(blocks: Sequence[Block], text: str, common: Element) -> Rendered:
    if not text.replace(APART, "").strip():
        return Rendered(text=INVISIBLE, body={"text": INVISIBLE, **common})
    return Rendered(text=limits.sound(plain(blocks)), body={"text": text, **common})


def _long(page: Sequence[Sequence[Block]], common: Element) -> Rendered:
    """Return a message of sections; its text is what is read aloud, and searched."""
    texts = _texts(page)
    blocks = [block for one in page for block in one]
    body: Element = {"text": GAP.join(texts), **common, "blocks": list(map(_section, texts))}
    return Rendered(text=limits.sound(plain(blocks)), body=body)


def _pages(blocks: Sequence[Block]) -> list[list[tuple[Block, ...]]]:
    """Return sections by message; where there are several messages, each ends in its number, such as 1/3."""
    sections = pack(blocks, write, limits.measure, limits.SECTION)
    pages: list[list[tuple[Block, ...]]] = [[]]
    room = limits.MESSAGE
    for section in sections:
        size = limits.measure(write(section)) + len(GAP)
        if pages[-1] and size > room:
            pages.append([])
            room = limits.MESSAGE
        pages[-1].append(section)
        room -= size
    if len(pages) > 1:
        for number, page in enumerate(pages, start=1):
            page[-1] = (*page[-1], Paragraph((Emphasis((Text(f"{number}/{len(pages)}"),)),)))
    return pages


def _texts(page: Sequence[Sequence[Block]]) -> list[str]:
    texts = [write(one) for one in page]
    return [text for text in texts if text.replace(APART, "").strip()]


def _section(text: str) -> Element:
    """Return a section; `verbatim` keeps Slack from making links and mentions of its own."""
    return {"type": "section", "expand": True, "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _with_card(blocks: Sequence[Block], card: Card, common: Element) -> list[Rendered]:
    """Put what can be pressed below the last page, and on further messages what finds no room there."""
    kept: dict[str, str] = {}
    *parts, last = [_long(page, common) for page in _pages(blocks)]
    shown = last.body["blocks"]
    sections = shown if isinstance(shown, list) else []
    elements = rows(card.buttons, kept)
    if not sections:  # Slack wants words for its notification
        words = limits.sound(" · ".join(one.label for one in card.buttons)) or "Open the form"
        text = verbatim(limits.shorten(words, limits.SECTION // 6))  # an escaped sign takes five
        last = Rendered(text=words, body={**last.body, "text": text})
    if card.inputs:
        lead = [] if parts else _texts(pack(_untitled(blocks, card), write, limits.measure, limits.SECTION))
        last.body["view"] = view_of(card, lead, kept)
        label = f"Open: {card.title}" if card.title else "Open the form"
        elements.insert(0, {"type": "actions", "elements": [button(OPEN_FORM, label, "")]})
    room = limits.MESSAGE - limits.measure(str(last.body["text"]))
    groups = _groups(elements, room, limits.BLOCKS - len(sections))
    last.body["blocks"] = [*sections, *groups[0]]
    more = [{"text": "…", **common, "blocks": group} for group in groups[1:]]
    parts += [last, *(Rendered(text="…", body=body) for body in more)]
    for part in parts:
        if kept and "blocks" in part.body:
            part.body["kept"] = kept
    return [replace(one, body=_sound(one.body)) for one in parts]


def _sound(body: Element) -> Element:
    found = limits.sound_within(body)
    return found if isinstance(found, dict) else body


def _groups(elements: Sequence[Element], room: int, count: int) -> list[list[Element]]:
    """Share rows out over messages; the first has `room` units and `count` blocks left."""
    groups: list[list[Element]] = [[]]
    for element in elements:
        size = size_of(element)
        if size > room or not count:
            groups.append([])
            room, count = limits.MESSAGE, limits.BLOCKS
        groups[-1].append(element)
        room, count = room - size, count - 1
    return groups


def _untitled(blocks: Sequence[Block], card: Card) -> Sequence[Block]:
    """Leave out the title, which stands above the modal already."""
    title = Heading(2, (Text(card.title),))
    return [one for one in blocks if one != title]


def _files(files: Sequence[File], common: Element) -> Rendered:
    named = [
        {"name": limits.sound(one.name), "path": one.path, "media_type": one.media_type} for one in files
    ]
    return Rendered(text=limits.sound("\n".join(one.name for one in files)), body={**common, "files": named})
