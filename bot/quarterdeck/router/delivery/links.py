"""Take the life out of the links of a reply that a model wrote: the one place where its words go out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from quarterdeck.core.reply import Card, Citation, Reply
from quarterdeck.runtime.markdown.links import broken, defanged, host_of


def unlinked(reply: Reply, allowed: Collection[str]) -> Reply:
    """Return the reply with links to known hosts only: `allowed`, its own `link_hosts`, those of its citations.

    A reply of our own words (`link_hosts` None) is returned as it is.
    """
    if reply.link_hosts is None:
        return reply
    hosts = reply.link_hosts.union(allowed, cited(reply.citations))
    text, is_literal = reply.text, reply.is_literal
    if is_literal:
        text = broken(text, hosts)
    else:
        text, is_literal = defanged(text, hosts)
    return replace(
        reply,
        text=text,
        is_literal=is_literal,
        card=None if reply.card is None else _card(reply.card, hosts),
        citations=tuple(
            replace(
                one,
                document=broken(one.document, hosts, is_code=True),
                heading=broken(one.heading, hosts, is_code=True),
            )
            for one in reply.citations
        ),
    )


def cited(citations: Collection[Citation]) -> frozenset[str]:
    """Return the hosts on which the cited documents lie."""
    return frozenset(filter(None, (host_of(one.url) for one in citations)))


def _card(card: Card, hosts: Collection[str]) -> Card:
    return replace(
        card,
        title=broken(card.title, hosts),
        body=broken(card.body, hosts),
        fields=tuple(
            replace(one, label=broken(one.label, hosts), value=broken(one.value, hosts))
            for one in card.fields
        ),
    )
