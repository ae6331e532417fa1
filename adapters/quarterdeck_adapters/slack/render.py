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

from collections.abc import Sequence

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.reply import Card, File, Reply
from quarterdeck.runtime.markdown import Block, Heading, Text, blocks_of, pack, paginate, plain
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

INVISIBLE = "(nothing to see)"  # Slack refuses a message of blanks


def render(reply: Reply) -> list[Rendered]:
    """Return the parts, in order: words, with what can be pressed below the last of them, then files."""
    common: Element = {"status": reply.status}
    if reply.private_to is not None:
        common["to"] = reply.private_to.user_id
    card, blocks = reply.card, _blocks(reply)
    parts: list[Rendered] = []
    if card is not None and (card.buttons or card.inputs):
        parts = _with_card(blocks, card, common)
    elif blocks or not reply.files:
        parts = [_part(page, write(page), common) for page in _pages(blocks)]
    if reply.files:
        parts.append(_files(reply.files, common))
    return parts


def _blocks(reply: Reply) -> list[Block]:
    blocks: list[Block] = list(blocks_of(reply))
    if reply.card is not None:
        blocks += [*card_blocks(reply.card), *label_blocks(reply.card.buttons)]
    if reply.citations:
        blocks += source_blocks(reply.citations)
    return blocks


def _pages(blocks: Sequence[Block]) -> list[tuple[Block, ...]]:
    return paginate(blocks, write, limits.measure, limits.MESSAGE)


def _part(blocks: Sequence[Block], text: str, common: Element) -> Rendered:
    if not text.replace(APART, "").strip():
        return Rendered(text=INVISIBLE, body={"text": INVISIBLE, **common})
    body: Element = {"text": text, **common}
    if limits.measure(text) > limits.TEXT:
        body["blocks"] = _sections(blocks)
    return Rendered(text=limits.sound(plain(blocks)), body=body)


def _sections(blocks: Sequence[Block]) -> list[Element]:
    return [_section(text) for text in _texts(blocks)]


def _texts(blocks: Sequence[Block]) -> list[str]:
    texts = [write(one) for one in pack(blocks, write, limits.measure, limits.SECTION)]
    return [text for text in texts if text.replace(APART, "").strip()]


def _section(text: str) -> Element:
    """Return a section; `verbatim` keeps Slack from making links and mentions of its own."""
    return {"type": "section", "expand": True, "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _with_card(blocks: Sequence[Block], card: Card, common: Element) -> list[Rendered]:
    """Put what can be pressed below the last page, and on further messages what finds no room there."""
    kept: dict[str, str] = {}
    pages = _pages(blocks)
    *parts, last = [_part(page, write(page), common) for page in pages]
    sections = _sections(pages[-1])
    elements = rows(card.buttons, kept)
    if not sections:  # Slack wants words for its notification
        words = limits.sound(" · ".join(one.label for one in card.buttons)) or "Open the form"
        last = Rendered(
            text=words, body={**last.body, "text": verbatim(limits.shorten(words, limits.SECTION))}
        )
    if card.inputs:
        lead = _texts(_untitled(blocks, card)) if not parts else []
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
    return parts


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
    named = [{"name": one.name, "path": one.path, "media_type": one.media_type} for one in files]
    return Rendered(text="\n".join(one.name for one in files), body={**common, "files": named})
