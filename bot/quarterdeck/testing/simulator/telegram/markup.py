"""Check what hangs below a message: buttons and keyboards (Bot API, InlineKeyboardButton, 2026-11-21)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from quarterdeck.testing.simulator.telegram.refusal import bad

DATA_LIMIT_BYTES: Final = 64
BUTTON_LIMIT: Final = 100  # the servers take no more under one message
ROW_LIMIT: Final = 8  # the clients show no more beside each other
STYLES: Final = frozenset({"danger", "success", "primary"})
ACTIONS: Final = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)
LINK: Final = re.compile(r"(?:https?|tg|ton)://\S+|(?:[\w-]+\.)+\w{2,}(?:[/:?#]\S*)?", re.IGNORECASE)
Markup = Mapping[str, Any]


def read_markup(value: object, *, inline_only: bool = False) -> Markup | None:
    """Return a reply markup that may stand below a message, None for none.

    Raises:
        Refused: it may not.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise bad("object expected as reply markup")
    if "inline_keyboard" in value:
        rows = read_rows(value["inline_keyboard"])
        return {"inline_keyboard": rows} if rows else None
    if inline_only:
        raise bad("inline keyboard expected")
    if "keyboard" in value:
        check_keyboard(value["keyboard"])
    elif not value.get("remove_keyboard") and not value.get("force_reply"):
        raise bad("can't parse reply keyboard markup JSON object")
    return value


def read_rows(value: object) -> list[list[Mapping[str, Any]]]:
    """Return the rows of buttons, without empty ones.

    Raises:
        Refused: one is not a button.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise bad('field "inline_keyboard" must be of type Array')
    rows: list[list[Mapping[str, Any]]] = []
    for row in value:
        if not isinstance(row, Sequence) or isinstance(row, str):
            raise bad('field "inline_keyboard" must be an Array of Arrays of InlineKeyboardButton')
        buttons = [read_button(button) for button in row]
        if len(buttons) > ROW_LIMIT:
            raise bad("reply markup is too long")
        if buttons:
            rows.append(buttons)
    if sum(map(len, rows)) > BUTTON_LIMIT:
        raise bad("reply markup is too long")
    return rows


def read_button(value: object) -> Mapping[str, Any]:
    """Return one button.

    Raises:
        Refused: it has no text, not exactly one thing to do, or too much data.
    """
    if not isinstance(value, Mapping):
        raise bad("can't parse inline keyboard button: expected an Object")
    text = value.get("text")
    if not isinstance(text, str) or not text.strip():
        raise bad("can't parse inline keyboard button: button text must be non-empty")
    actions = [name for name in ACTIONS if value.get(name) is not None]
    if not actions:
        raise bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise bad("can't parse inline keyboard button: exactly one optional field must be used")
    if "callback_data" in actions:
        data = value["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode()) <= DATA_LIMIT_BYTES:
            raise bad("BUTTON_DATA_INVALID")
    if "url" in actions and not LINK.fullmatch(str(value["url"])):
        raise bad("BUTTON_URL_INVALID")
    if "style" in value and value["style"] not in STYLES:
        raise bad("can't parse inline keyboard button: invalid button style specified")
    return value


def check_keyboard(value: object) -> None:
    """Pass a keyboard of texts.

    Raises:
        Refused: it is none.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or not any(value):
        raise bad("reply keyboard must be non-empty")
    for row in value:
        for button in row:
            text = button.get("text") if isinstance(button, Mapping) else button
            if not isinstance(text, str) or not text.strip():
                raise bad("keyboard button text must be non-empty")


def buttons_of(markup: Markup | None) -> Iterator[Mapping[str, Any]]:
    """Yield the buttons under a message, in order."""
    for row in (markup or {}).get("inline_keyboard", ()):
        yield from row
