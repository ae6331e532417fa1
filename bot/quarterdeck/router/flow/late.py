"""Say of what was asked while the bot was away for long that it was not done: it may not be wanted any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from quarterdeck.core.event import Event, Posted, Pressed
from quarterdeck.core.reply import Reply
from quarterdeck.router.addressing import Wish

QUOTE_LENGTH = 200


def missed(event: Event, wish: Wish, *, now: datetime, after_s: float) -> Reply | None:
    """Return the line that stands for the answer, None where it is not too late for one."""
    asked_at = event.message.sent_at if isinstance(event, Posted) else event.received_at
    age_s = (now - asked_at).total_seconds()
    if not event.is_late or age_s <= after_s:
        return None
    again = "press it again" if isinstance(event, Pressed) else "write it again"
    return Reply(
        text=f"Missed while I was away: `{_asked(event, wish)}`, {asked_at:%Y-%m-%d %H:%M} UTC ({_ago(age_s)} ago). "
        f"Nothing was done; {again} if you still want it.",
        status="pending",
    )


def _asked(event: Event, wish: Wish) -> str:
    if isinstance(event, Posted):
        asked = event.message.text
    else:
        asked = " ".join(filter(None, [f"/{wish.name}", _typed(wish.options or {}), wish.rest]))
    words = " ".join(asked.replace("`", "'").split())
    return words if len(words) <= QUOTE_LENGTH else f"{words[:QUOTE_LENGTH].rstrip()}…"


def _typed(options: Mapping[str, object]) -> str:
    return " ".join(f"--{name} {value}" for name, value in options.items())


def _ago(age_s: float) -> str:
    for unit, seconds in (("day", 86_400), ("hour", 3_600)):
        if age_s >= 2 * seconds:
            return f"{round(age_s / seconds)} {unit}s"
    return f"{round(age_s / 60)} minutes"
