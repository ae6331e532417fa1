"""Take secrets out of everything in a reply that people will see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quarterdeck.core.reply import Card, Reply


def spotless(reply: Reply, clean: Callable[[str], str]) -> Reply:
    """Return `reply` with every text gone through `clean`."""
    if reply.card is None and not reply.citations:
        text = clean(reply.text)
        return reply if text is reply.text else replace(reply, text=text)
    citations = tuple(
        replace(one, document=clean(one.document), heading=clean(one.heading), url=clean(one.url))
        for one in reply.citations
    )
    card = None if reply.card is None else _card(reply.card, clean)
    return replace(reply, text=clean(reply.text), card=card, citations=citations)


def _card(card: Card, clean: Callable[[str], str]) -> Card:
    return replace(
        card,
        title=clean(card.title),
        body=clean(card.body),
        fields=tuple(replace(one, label=clean(one.label), value=clean(one.value)) for one in card.fields),
        buttons=tuple(replace(one, label=clean(one.label), value=clean(one.value)) for one in card.buttons),
        inputs=tuple(
            replace(one, label=clean(one.label), hint=clean(one.hint), value=clean(one.value))
            for one in card.inputs
        ),
    )
