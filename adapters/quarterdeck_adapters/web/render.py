"""Write a reply for the page: one part that holds all of it."""

from __future__ import annotations

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.reply import Card, Reply


def render(reply: Reply) -> Rendered:
    """Return the part; its body is what the API shows, but for the paths of files and the values of buttons."""
    buttons = reply.card.buttons if reply.card else ()
    return Rendered(
        text=reply.text,
        body={
            "status": reply.status,
            "text": reply.text,
            "is_literal": reply.is_literal,
            "citations": [
                {
                    "n": one.n,
                    "document": one.document,
                    "heading": one.heading,
                    "url": one.url,
                    "chunk": one.chunk,
                    "note": one.note,
                }
                for one in reply.citations
            ],
            "buttons": [
                {"id": one.id, "label": one.label, "value": one.value, "danger": one.danger}
                for one in buttons
            ],
            "form": _form(reply.card),
            "files": [
                {"name": one.name, "path": one.path, "media_type": one.media_type} for one in reply.files
            ],
            "run_id": reply.run_id,
        },
    )


def _form(card: Card | None) -> dict[str, object] | None:
    if card is None or not card.inputs:
        return None
    return {
        "id": card.form_id,
        "title": card.title,
        "inputs": [
            {
                "id": one.id,
                "label": one.label,
                "kind": one.kind,
                "required": one.required,
                "choices": list(one.choices),
                "hint": one.hint,
                "value": one.value,
                "max_length": one.max_length,
                "problem": one.problem,
            }
            for one in card.inputs
        ],
    }
