"""Take secret values out of every text that leaves the process.

By value, not by pattern: what was registered is found in whatever form it is likely to be printed in:
as it is, URL-encoded, JSON-escaped, as Python shows it, and inside base64 at each of the three alignments.
All forms are one regular expression, a shallow tree of first characters: a text is read once, and where it holds no
secret, which is the rule, by a search that skips what no secret begins with.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

from quarterdeck.core.ports import Json

MASK: Final = "[redacted]"
SHORTEST: Final = 6  # characters; shorter values occur in honest text
SHORTEST_LINE: Final = 16  # characters; lines of a key file are also masked one by one
_TREE_DEPTH: Final = 4

log = logging.getLogger(__name__)


class Redactor:
    """Know the secret values of this process and mask them."""

    def __init__(self) -> None:
        self._needles: set[str] = set()
        self._patterns: tuple[re.Pattern[str], re.Pattern[str]] | None = None
        self._changing = threading.Lock()

    def add(self, value: str) -> bool:
        """Mask `value` from now on. False: it is too short to be told from honest text, and is not masked."""
        if len(value.strip()) < SHORTEST:
            log.warning("A secret is too short to be kept out of logs; use one of 6 or more characters")
            return False
        with self._changing:
            needles = self._needles | _forms_of(value)
            if needles != self._needles:
                self._needles, self._patterns = needles, None
        return True

    def clean(self, text: str) -> str:
        """Return `text` with every registered value masked; overlapping values are masked together."""
        if not self._needles:
            return text
        any_secret, all_secrets = self._patterns or self._compiled()
        if any_secret.search(text) is None:
            return text
        spans: list[tuple[int, int]] = []
        for match in all_secrets.finditer(text):
            start, end = match.span(1)
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        return _mask(text, spans)

    def _compiled(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """Return what finds one form, and what finds all with their overlaps; compiled when first wanted.

        The second one looks ahead at every character, which costs seven times the first.
        """
        with self._changing:
            tree = _tree(self._needles)
            patterns = self._patterns = re.compile(tree), re.compile(f"(?=({tree}))")
        return patterns

    def clean_json(self, value: Json) -> Json:
        """Return `value` with every text in it cleaned, keys included."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return {self.clean(key): self.clean_json(item) for key, item in value.items()}
        if isinstance(value, Iterable):
            return [self.clean_json(item) for item in value]
        return value


def _forms_of(value: str) -> set[str]:
    texts = {value, value.strip()}
    texts |= {line.strip() for line in value.splitlines() if len(line.strip()) >= SHORTEST_LINE}
    forms: set[str] = set()
    for text in texts:
        forms |= {text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        for encoded in (quote(text, safe=""), quote(text), quote_plus(text)):
            forms |= {encoded, re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)}
        forms |= _base64_forms(text.encode())
    return {form for form in forms if len(form) >= SHORTEST}


def _base64_forms(value: bytes) -> set[str]:
    """Return the characters that base64 of any text holding `value` must contain, in both alphabets."""
    forms = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value).decode()
        first = -(-before * 8 // 6)  # characters that also depend on what stands before
        last = (before + len(value)) * 8 // 6  # characters that also depend on what comes after
        certain = encoded[first:last]
        forms |= {certain, certain.replace("+", "-").replace("/", "_")}
    return forms


def _tree(needles: Iterable[str], depth: int = 0) -> str:
    """Write needles as one expression: branching by first character near the root, longest first below."""
    rest = sorted(needles, key=lambda needle: (-len(needle), needle))
    if len(rest) == 1 or depth == _TREE_DEPTH:
        return "|".join(re.escape(needle) for needle in rest)
    branches: dict[str, list[str]] = {}
    for needle in rest:
        branches.setdefault(needle[0], []).append(needle[1:])
    return "|".join(f"{re.escape(first)}(?:{_tree(tails, depth + 1)})" for first, tails in branches.items())


def _mask(text: str, spans: list[tuple[int, int]]) -> str:
    pieces, end = [], 0
    for start, stop in spans:
        pieces += [text[end:start], MASK]
        end = stop
    return "".join([*pieces, text[end:]])
