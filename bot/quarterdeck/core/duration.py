"""Read durations as people write them: `90s`, `1h30m`, `2 days`, `1 hour 30 minutes`."""

from __future__ import annotations

UNITS_S = {
    1: ("s", "sec", "secs", "second", "seconds"),
    60: ("m", "min", "mins", "minute", "minutes"),
    3600: ("h", "hr", "hrs", "hour", "hours"),
    86_400: ("d", "day", "days"),
    604_800: ("w", "week", "weeks"),
}
_SECONDS = {word: float(seconds) for seconds, words in UNITS_S.items() for word in words}
LONGEST_S = 100 * 366 * 86_400.0
LONGEST_TEXT = 100  # characters; no duration and no moment takes more


def read_duration(text: str) -> float | None:
    """Return seconds, or None when `text` is no duration: numbers, each with its unit."""
    if len(text) > LONGEST_TEXT or not text.isascii():
        return None
    seconds, at, text = 0.0, 0, text.lower()
    is_empty = True
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        number, at = _run(text, at, "0123456789.")
        at = _run(text, at, " ")[1]
        unit, at = _run(text, at, "abcdefghijklmnopqrstuvwxyz")
        if unit not in _SECONDS or number.count(".") > 1 or not number.strip("."):
            return None
        seconds += float(number) * _SECONDS[unit]
        is_empty = False
    return None if is_empty or seconds > LONGEST_S else seconds


def _run(text: str, at: int, letters: str) -> tuple[str, int]:
    """Return the longest run of `letters` from `at`, and where it ends."""
    start = at
    while at < len(text) and text[at] in letters:
        at += 1
    return text[start:at], at
