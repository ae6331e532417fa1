"""Give a reply the form that a platform can show: what it lacks natively becomes text, and nothing is dropped."""

from __future__ import annotations

from dataclasses import replace

from quarterdeck.core.adapter import Ability
from quarterdeck.core.message import ConversationKind
from quarterdeck.core.reply import Card, Citation, Reply

NOT_HERE = "The answer is for you alone, and I cannot show it to you alone here. Ask me in a direct message."

QUOTE_LENGTH = 60  # characters of an earlier message, to know it by


def degrade(reply: Reply, abilities: frozenset[Ability], *, kind: ConversationKind = "direct") -> Reply:
    """Return a reply that needs nothing beyond `abilities` in a conversation of this `kind`.

    Cards become text with their fields as lines; buttons become command lines to type; citations are listed below.
    What is for one person is not shown to a group: they are told where to ask.
    """
    if reply.private_to is not None and kind != "direct" and Ability.PRIVATE not in abilities:
        return Reply(text=NOT_HERE, status=reply.status)
    lines = [reply.text] if reply.text else []
    if reply.card is not None:
        lines += _card_lines(reply.card, has_buttons=Ability.BUTTONS in abilities)
    if reply.citations:
        lines.append("\n".join(_source(citation) for citation in reply.citations))
    if reply.files and Ability.FILES not in abilities:
        lines.append("\n".join(f"(file not shown here: {file.name})" for file in reply.files))
    text = "\n\n".join(line for line in lines if line)
    if text == reply.text:
        return reply
    card = _buttons_only(reply.card) if Ability.BUTTONS in abilities else None
    return replace(reply, text=text, card=card)


def _card_lines(card: Card, *, has_buttons: bool) -> list[str]:
    lines = [f"**{card.title}**"] if card.title else []
    if card.body:
        lines.append(card.body)
    if card.fields:
        lines.append("\n".join(f"- **{field.label}**: {field.value}" for field in card.fields))
    if card.buttons and not has_buttons:
        lines.append("\n".join(f"- {button.label}: `{button.value}`" for button in card.buttons))
    return lines


def _buttons_only(card: Card | None) -> Card | None:
    return Card(buttons=card.buttons) if card is not None and card.buttons else None


def _source(citation: Citation) -> str:
    heading = f" › {citation.heading}" if citation.heading else ""
    return f"[{citation.n}] {citation.document}{heading}"


def updating(reply: Reply, before: str) -> Reply:
    """Return a reply that says which earlier message it stands for, where that one cannot be changed."""
    words = " ".join(before.split())
    beginning = words if len(words) <= QUOTE_LENGTH else f"{words[:QUOTE_LENGTH].rstrip()}…"
    return replace(reply, text="\n\n".join(filter(None, [f"Update of “{beginning}”:", reply.text])))
