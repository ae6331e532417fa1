"""Read robots.txt as RFC 9309 has it: what this bot may fetch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from quarterdeck.core.value import dataclass

SIZE_LIMIT: Final = 500 * 1024  # RFC 9309, section 2.5: at least 500 KiB are read
RULE_LIMIT: Final = 5000
DELAY_LIMIT_S: Final = 10.0

_LINE: Final = re.compile(r"\s*([A-Za-z-]{2,30})\s*:\s*([^#]*)")


@dataclass(frozen=True, slots=True)
class Rules:
    """Hold the rules of one host for us: each a path pattern and whether it allows; `delay_s` between two pages."""

    rules: tuple[tuple[str, bool], ...] = ()
    delay_s: float = 0.0
    is_closed: bool = False

    def allows(self, url: str) -> bool:
        """Tell whether a page may be fetched: the longest rule that fits decides, allowing ones first."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if path == "/robots.txt":
            return True
        if self.is_closed:
            return False
        fitting = [(len(pattern), is_allowed) for pattern, is_allowed in self.rules if _fits(pattern, path)]
        return max(fitting)[1] if fitting else True


OPEN: Final = Rules()
CLOSED: Final = Rules(is_closed=True)


def read_robots(text: str, agent: str) -> Rules:
    """Return the rules for `agent`, a product name in lower case, or else those for everybody."""
    groups: list[tuple[list[str], list[tuple[str, bool]], list[float]]] = []
    is_naming = False
    for line in text[:SIZE_LIMIT].splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        key, value = found[1].lower(), found[2].strip()
        if key == "user-agent":
            if not is_naming:
                groups.append(([], [], []))
            groups[-1][0].append(value.lower())
            is_naming = True
        elif groups:
            is_naming = False
            _rule(key, value, groups[-1])
    ours = [group for group in groups if any(name != "*" and name in agent for name in group[0])]
    chosen = ours or [group for group in groups if "*" in group[0]]
    rules = [rule for group in chosen for rule in group[1]][:RULE_LIMIT]
    return Rules(
        tuple(rules), min(DELAY_LIMIT_S, max((d for group in chosen for d in group[2]), default=0.0))
    )


def _rule(key: str, value: str, group: tuple[list[str], list[tuple[str, bool]], list[float]]) -> None:
    if key in ("allow", "disallow") and value:
        group[1].append((value, key == "allow"))
    elif key == "crawl-delay" and re.fullmatch(r"\d{1,4}(?:\.\d{1,3})?", value):
        group[2].append(float(value))


def _fits(pattern: str, path: str) -> bool:
    """Match without a regular expression, so that no pattern is slow: stars in order, `$` at the end."""
    is_whole = pattern.endswith("$")
    pieces: Sequence[str] = pattern.removesuffix("$").split("*")
    if not path.startswith(pieces[0]):
        return False
    at = len(pieces[0])
    for n, piece in enumerate(pieces[1:], 1):
        if is_whole and n == len(pieces) - 1:
            return len(path) - len(piece) >= at and path.endswith(piece)
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return not is_whole or at == len(path)
