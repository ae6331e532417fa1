"""Write a reply for the terminal: one part that holds all of it, since a terminal has no limit of length."""

from __future__ import annotations

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.reply import Reply


def render(reply: Reply) -> Rendered:
    """Return the part; its body has the fields of a `--json` line, without `n` and `id`."""
    buttons = reply.card.buttons if reply.card else ()
    return Rendered(
        text=reply.text,
        body={
            "status": reply.status,
            "text": reply.text,
            "citations": [
                {"n": one.n, "document": one.document, "heading": one.heading, "url": one.url}
                for one in reply.citations
            ],
            "buttons": [{"id": one.id, "label": one.label, "value": one.value} for one in buttons],
            "files": [{"name": one.name, "path": one.path} for one in reply.files],
            "run_id": reply.run_id,
        },
    )
