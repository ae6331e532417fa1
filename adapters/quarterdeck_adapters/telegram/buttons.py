"""Put buttons under a message. What a press means stays with us: a button carries a reference of a few bytes.

Telegram takes 64 bytes of data for a button, and a changed client can send any data it likes (Bot API,
InlineKeyboardButton and CallbackQuery, 2026-11-21); so a press counts only when we have put that button there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from quarterdeck.core.adapter import Memory
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Button
from quarterdeck.core.value import dataclass

ROW_UNITS: Final = 28  # characters that fit beside each other on a phone
ROW_MOST: Final = 3
MOST_BUTTONS: Final = 100  # limits.tginfo.me, 2026-11-21
LABEL_LENGTH: Final = 64
KEEP_S: Final = 90 * 86_400.0

Row = list[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Say which button was pressed, and in which chat it stood at first."""

    button_id: str
    value: str
    chat: int


def rows_of(buttons: Sequence[Button]) -> list[Row]:
    """Return buttons as rows that a phone can show, in order."""
    rows: list[Row] = []
    room = 0
    for button in buttons:
        label = button.label.strip() or button.id or "·"
        if len(label) > LABEL_LENGTH:
            label = f"{label[: LABEL_LENGTH - 1]}…"
        if not rows or len(rows[-1]) == ROW_MOST or room < len(label):
            rows.append([])
            room = ROW_UNITS
        room -= len(label)
        rows[-1].append({"label": label, "id": button.id, "value": button.value, "danger": button.danger})
    return rows


class Buttons:
    """Remember what the buttons of each message mean."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def keyboard(self, rows: Sequence[Row], *, chat: int, key: str) -> dict[str, object]:
        """Return the keyboard for a message; the same `key` again gives the same one."""
        name = hashlib.sha256(f"{chat}\n{key}".encode("utf-8", "replace")).hexdigest()[:32]
        meant: list[Json] = [[str(one["id"]), str(one["value"])] for row in rows for one in row]
        await self._memory.put(f"buttons:{name}", {"chat": chat, "buttons": meant}, keep_s=KEEP_S)
        numbers = iter(range(len(meant)))
        return {
            "inline_keyboard": [
                [
                    {
                        "text": one["label"],
                        "callback_data": f"{name}:{next(numbers)}",
                        **({"style": "danger"} if one["danger"] else {}),
                    }
                    for one in row
                ]
                for row in rows
            ]
        }

    async def press_of(self, data: str) -> Press | None:
        """Return what a press means; None when we have put no such button up, or too long ago."""
        name, _, number = data.partition(":")
        if len(data) > 64 or not name.isalnum() or not (number.isascii() and number.isdecimal()):
            return None
        match await self._memory.get(f"buttons:{name}"):
            case {"chat": int(chat), "buttons": list(buttons)} if int(number) < len(buttons):
                match buttons[int(number)]:
                    case [str(button_id), str(value)]:
                        return Press(button_id=button_id, value=value, chat=chat)
        return None
