"""Keep thoughts apart from the answer where a model writes both into its text, between `<think>` tags."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class ThinkTags:
    """Split a text that comes in pieces; a tag may be torn anywhere."""

    def __init__(self) -> None:
        self._is_thinking = False
        self._held = ""

    @property
    def is_busy(self) -> bool:
        """Tell whether the next piece may be no plain part of the answer, even without the sign of a tag in it."""
        return self._is_thinking or bool(self._held)

    def feed(self, piece: str) -> tuple[str, str]:
        """Take the next piece and return what is certain by now: (answer, thoughts)."""
        text, thoughts = "", ""
        rest = self._held + piece
        while True:
            tag = CLOSE if self._is_thinking else OPEN
            before, found, after = rest.partition(tag)
            if not found:
                break
            text, thoughts = self._add(before, text, thoughts)
            self._is_thinking = not self._is_thinking
            rest = after
        kept = _torn(rest, tag)
        self._held = rest[len(rest) - kept :]
        text, thoughts = self._add(rest[: len(rest) - kept], text, thoughts)
        return text, thoughts

    def flush(self) -> tuple[str, str]:
        """Return what was held back as the possible begin of a tag, at the end of the text."""
        held, self._held = self._held, ""
        return self._add(held, "", "")

    def _add(self, piece: str, text: str, thoughts: str) -> tuple[str, str]:
        return (text, thoughts + piece) if self._is_thinking else (text + piece, thoughts)


def _torn(text: str, tag: str) -> int:
    """Return how many characters at the end of `text` may be the begin of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0
