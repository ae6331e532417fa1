"""Give a reply the form that a platform can show: what it lacks natively becomes text, and nothing is dropped."""

from __future__ import annotations

from dataclasses import replace

from quarterdeck.core.adapter import Ability
from quarterdeck.core.message import ConversationKind
from quarterdeck.core.reply import Button, Card, Citation, Reply

NOT_HERE = "The answer is for you alone, and I cannot show it to you alone here. Ask me in a direct message."
SENT_DIRECT = "The answer is for you alone: I have sent it to you in a direct message."
PICK = "Answer with a number."
PICK_IN_GROUP = "Answer with my name and a number, or with a number in reply to this."
QUOTE_LENGTH = 60  # characters of an earlier message, to know it by


def degrade(reply: Reply, abilities: frozenset[Ability], *, kind: ConversationKind = "direct") -> Reply:
    """Return a reply that needs nothing beyond `abilities` in a conversation of this `kind`.

    Cards become text with their fields as lines; buttons become numbered choices, with the command line to type where
    one stands behind them; citations are listed below. A form stays a form where there are forms. What is for one
    person is not shown to a group: they are told where to ask.
    """
    if is_withheld(reply, abilities, kind):
        return Reply(text=NOT_HERE, status=reply.status)
    if reply.card is None and not reply.citations and not reply.files:
        return reply
    lines = [reply.text] if reply.text else []
    if reply.card is not None:
        lines += _card_lines(reply.card, abilities, kind)
    if reply.citations and Ability.SOURCES not in abilities:
        lines.append("\n".join(_source(citation) for citation in reply.citations))
    if reply.files and Ability.FILES not in abilities:
        lines.append("\n".join(f"(file not shown here: {file.name})" for file in reply.files))
    text = "\n\n".join(line for line in lines if line)
    if text == reply.text:
        return reply
    return replace(reply, text=text, card=_native(reply.card, abilities))


def is_withheld(reply: Reply, abilities: frozenset[Ability], kind: ConversationKind) -> bool:
    """Tell whether a reply is for one person alone and would be seen by others here."""
    return reply.private_to is not None and kind != "direct" and Ability.PRIVATE not in abilities


def offered(reply: Reply, abilities: frozenset[Ability], *, kind: ConversationKind) -> tuple[Button, ...]:
    """Return the buttons that are shown as numbered choices, in the order of their numbers."""
    if reply.card is None or Ability.BUTTONS in abilities or is_withheld(reply, abilities, kind):
        return ()
    return reply.card.buttons


def updating(reply: Reply, before: str) -> Reply:
    """Return a reply that says which earlier message it stands for, where that one cannot be changed."""
    words = " ".join(before.split())
    beginning = words if len(words) <= QUOTE_LENGTH else f"{words[:QUOTE_LENGTH].rstrip()}…"
    return replace(reply, text="\n\n".join(filter(None, [f"Update of “{beginning}”:", reply.text])))


def _card_lines(card: Card, abilities: frozenset[Ability], kind: ConversationKind) -> list[str]:
    lines = [f"**{card.title}**"] if card.title else []
    if card.body:
        lines.append(card.body)
    if card.fields:
        lines.append("\n".join(f"- **{field.label}**: {field.value}" for field in card.fields))
    if card.inputs and Ability.FORMS not in abilities:
        lines.append("\n".join(f"- **{one.label}**: {one.hint or one.kind}" for one in card.inputs))
    if card.buttons and Ability.BUTTONS not in abilities:
        choices = [f"{number}. {_choice(button)}" for number, button in enumerate(card.buttons, start=1)]
        lines += ["\n".join(choices), PICK if kind == "direct" else PICK_IN_GROUP]
    return lines


def _choice(button: Button) -> str:
    return f"{button.label}: `{button.value}`" if button.value.startswith("/") else button.label


def _native(card: Card | None, abilities: frozenset[Ability]) -> Card | None:
    """Return what stays of a card beside the text: buttons and the form, as far as the platform has them."""
    if card is None:
        return None
    buttons = card.buttons if Ability.BUTTONS in abilities else ()
    has_form = bool(card.inputs) and Ability.FORMS in abilities
    if not buttons and not has_form:
        return None
    if not has_form:
        return Card(buttons=buttons)
    return Card(title=card.title, buttons=buttons, inputs=card.inputs, form_id=card.form_id)


def _source(citation: Citation) -> str:
    heading = f" › {citation.heading}" if citation.heading else ""
    note = f" ({citation.note})" if citation.note else ""
    name = f"{citation.document}{heading}"
    if citation.url.startswith(("https://", "http://")):
        shown = name.replace("[", "(").replace("]", ")")
        return f"[{citation.n}] [{shown}](<{citation.url.replace('>', '%3E')}>){note}"
    return f"[{citation.n}] {name}{note}"
