"""Lay out buttons as Discord takes them: five rows of five; more than that, as lists to choose from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from quarterdeck_adapters.discord.interactions import references
from quarterdeck_adapters.discord.writing.units import cut

# docs.discord.com/developers/components/reference, 2026-11-21
ROW, BUTTON, STRING_SELECT = 1, 2, 3
SECONDARY, DANGER = 2, 4
LABEL, OPTION_LABEL, PER_ROW, ROWS, OPTIONS = 80, 100, 5, 5, 25
MOST: Final = ROWS * OPTIONS  # buttons of one message

Data = Mapping[str, Any]


def rows(buttons: Sequence[Data]) -> tuple[list[Data], dict[str, str]]:
    """Return the components, and what must be remembered for them by `custom_id`."""
    if len(buttons) <= PER_ROW * ROWS:
        return _buttons(buttons)
    return _lists(buttons)


def opener(label: str, custom_id: str) -> list[Data]:
    """Return one button that opens a form."""
    return [_row([{"type": BUTTON, "style": SECONDARY, "label": cut(label, LABEL), "custom_id": custom_id}])]


def chosen(remembered: object, value: str) -> tuple[str, str] | None:
    """Return the button behind an entry of a list: its id and its value."""
    if not isinstance(remembered, str) or not value.isascii() or not value.isdecimal():
        return None
    entries = json.loads(remembered)
    if int(value) >= len(entries):
        return None
    first, second = entries[int(value)]
    return str(first), str(second)


def _buttons(buttons: Sequence[Data]) -> tuple[list[Data], dict[str, str]]:
    components, memories = [], {}
    for one in buttons:
        custom_id, words = references.written(references.BUTTON, one["id"], one["value"])
        if words:
            memories[custom_id] = words
        style = DANGER if one.get("danger") else SECONDARY
        label = cut(one["label"] or one["id"], LABEL)
        components.append({"type": BUTTON, "style": style, "label": label, "custom_id": custom_id})
    return [_row(components[at : at + PER_ROW]) for at in range(0, len(components), PER_ROW)], memories


def _lists(buttons: Sequence[Data]) -> tuple[list[Data], dict[str, str]]:
    lists, memories = [], {}
    for at in range(0, len(buttons), OPTIONS):
        some = buttons[at : at + OPTIONS]
        words = json.dumps([[one["id"], one["value"]] for one in some])
        custom_id = references.hashed(references.CHOICE, words)
        memories[custom_id] = words
        options = [
            {"label": cut(one["label"] or one["id"], OPTION_LABEL), "value": str(n)}
            for n, one in enumerate(some)
        ]
        lists.append(_row([{"type": STRING_SELECT, "custom_id": custom_id, "options": options}]))
    return lists, memories


def _row(components: Sequence[Data]) -> Data:
    return {"type": ROW, "components": list(components)}
