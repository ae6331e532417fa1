"""Show a card's inputs as a modal: a window over the chat, as the answer to a command or a press."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from quarterdeck.core.reply import Card, Input
from quarterdeck_adapters.discord.writing.units import cut, length

# docs.discord.com/developers/components/reference, 2026-11-21
TEXT, STRING_SELECT, USER_SELECT, ROLE_SELECT, CHANNEL_SELECT, LABEL, FILE_UPLOAD = 4, 3, 5, 6, 8, 18, 19
SHORT, PARAGRAPH = 1, 2
MOST_INPUTS: Final = 5
TITLE, LABEL_LENGTH, HINT, CHOICE, VALUE, CHOICES = 45, 45, 100, 100, 4_000, 25
SELECTS: Final = {"user": USER_SELECT, "role": ROLE_SELECT, "channel": CHANNEL_SELECT}


def fits(card: Card) -> bool:
    """Tell whether a modal can hold all of a card's inputs."""
    return 0 < len(card.inputs) <= MOST_INPUTS and all(0 < len(one.id) <= CHOICE for one in card.inputs)


def modal(card: Card) -> dict[str, Any]:
    """Return the modal, without its `custom_id`."""
    title = card.title or "Please fill in"
    return {"title": cut(title, TITLE), "components": [_label(one) for one in card.inputs]}


def _label(one: Input) -> dict[str, Any]:
    label = {"type": LABEL, "label": cut(one.label or one.id, LABEL_LENGTH), "component": _component(one)}
    hint = one.hint if len(one.label) <= LABEL_LENGTH else f"{one.label} {one.hint}".strip()
    return {**label, "description": cut(hint, HINT)} if hint else label


def _component(one: Input) -> Mapping[str, Any]:
    named = {"custom_id": one.id, "required": one.required}
    if _are_few(one.choices) or one.kind == "boolean":
        options = [(choice, choice) for choice in one.choices] or [("Yes", "true"), ("No", "false")]
        return {
            **named,
            "type": STRING_SELECT,
            "options": [
                {"label": label, "value": value} | ({"default": True} if value == one.value else {})
                for label, value in options
            ],
        }
    if one.kind in SELECTS:
        return {**named, "type": SELECTS[one.kind]}
    if one.kind == "file":
        return {**named, "type": FILE_UPLOAD}
    component = {**named, "type": TEXT, "style": PARAGRAPH if one.kind == "text" else SHORT}
    if one.value:
        component["value"] = one.value[:VALUE]
    component["max_length"] = max(1, len(one.value[:VALUE]), min(one.max_length or VALUE, VALUE))
    return component


def _are_few(choices: Sequence[str]) -> bool:
    """Tell whether choices can be shown as a list; more of them are typed, and checked when they arrive."""
    return 0 < len(choices) <= CHOICES and all(0 < length(choice) <= CHOICE for choice in choices)
