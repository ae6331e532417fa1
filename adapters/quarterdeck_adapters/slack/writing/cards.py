"""Lay out what a reply has beside its text: a card's title, fields and buttons, the sources of an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quarterdeck.core.reply import Button, Card, Citation
from quarterdeck.runtime.markdown import Block, Bullets, Heading, Link, Paragraph, Span, Strong, Text, parse
from quarterdeck_adapters.slack.writing import limits

Element = dict[str, object]


def card_blocks(card: Card) -> Iterator[Block]:
    """Yield what a card says, in order: title, body, fields."""
    if card.title:
        yield Heading(2, (Text(card.title),))
    yield from parse(card.body)
    if card.fields:
        yield Bullets(
            tuple(
                (Paragraph((Strong((Text(field.label),)), Text(f": {field.value}"))),)
                for field in card.fields
            )
        )


def source_blocks(citations: Sequence[Citation]) -> Iterator[Block]:
    """Yield one paragraph that lists the sources."""
    spans: list[Span] = []
    for citation in citations:
        heading = f" › {citation.heading}" if citation.heading else ""
        name: Span = Text(f"{citation.document}{heading}")
        if citation.url.startswith(("https://", "http://")):
            name = Link(citation.url, (name,))
        spans += [Text(f"{chr(10) if spans else ''}[{citation.n}] "), name]
    if spans:
        yield Paragraph(tuple(spans))


def label_blocks(buttons: Sequence[Button]) -> Iterator[Block]:
    """Yield in full what does not fit on its button, so that nobody presses what they have not read."""
    long = [one.label for one in buttons if limits.measure(one.label) > limits.BUTTON_LABEL]
    if long:
        yield Bullets(tuple((Paragraph((Text(label),)),) for label in long))


def rows(buttons: Sequence[Button], kept: dict[str, str]) -> list[Element]:
    """Return the rows of buttons; values that are too long are noted in `kept`, by their reference."""
    elements = [_button(one, at, kept) for at, one in enumerate(buttons)]
    step = limits.BUTTONS_IN_ROW
    return [
        {"type": "actions", "block_id": f"qd:row{at}", "elements": elements[at : at + step]}
        for at in range(0, len(elements), step)
    ]


def button(action: str, label: str, value: str, *, is_danger: bool = False) -> Element:
    """Return one button."""
    words = limits.shorten(limits.sound(label), limits.BUTTON_LABEL).strip() or "…"
    element: Element = {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": words, "emoji": True},
    }
    if value:
        element["value"] = value
    if is_danger:
        element["style"] = "danger"
    return element


def _button(one: Button, at: int, kept: dict[str, str]) -> Element:
    action = one.id if 0 < limits.measure(one.id) <= limits.NAME else f"qd:button{at}"
    value = limits.refer(limits.sound(one.value), limits.BUTTON_VALUE, kept) if one.value else ""
    return button(action, one.label, value, is_danger=one.danger)


def size_of(row: Element) -> int:
    """Return how long a row is at the most, as Slack may count it."""
    elements = row["elements"]
    texts = (
        (one["text"]["text"], one.get("value", ""), one["action_id"])
        for one in (elements if isinstance(elements, list) else ())
    )
    return sum(limits.measure(text) for words in texts for text in words)
