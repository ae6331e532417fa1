"""Work on plain text where every part needs it the same way: nearest names, clean control characters."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

LONGEST_NAME = (
    100  # characters; no name of ours is longer, and comparing grows with the product of the lengths
)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like `name` in any case, or None when nothing comes close."""
    if len(name) > LONGEST_NAME:
        return None
    by_lower = {one.lower(): one for one in known}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?`, or nothing when no known name comes close."""
    match = nearest(name, known)
    return f"did you mean {match!r}?" if match else ""


def spell_duration(seconds: float) -> str:
    """Write seconds as people write a duration: `1h30m`; parts of a second are dropped."""
    left, words = int(seconds), []
    for letter, unit in (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, unit)
        words += [f"{count}{letter}"] if count else []
    return "".join(words) or "0s"


def well_formed(text: str) -> str:
    """Return `text` with lone surrogates replaced: halves of characters, which no file and no wire can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def printable(text: str) -> str:
    """Escape control characters (not line feed and tab), so that text can stand in a log line or a terminal."""
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
        else f"\\u{ord(character):04x}"
        for character in text
    )
