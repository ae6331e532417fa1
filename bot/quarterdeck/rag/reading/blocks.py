"""Find tables and code blocks in Markdown, with what has to be repeated when one is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quarterdeck.core.value import dataclass

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[^\n]*")
_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-*:?[ \t]*)*$")
HEAD_LIMIT = 1000  # characters of a table's head; a longer one is not repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Point at a block: all of it, and its body between the lines that every piece needs (`head` and `tail`)."""

    start: int
    end: int
    body_start: int
    body_end: int
    head: str
    tail: str = ""


def blocks_of(text: str) -> Iterator[Block]:
    """Yield tables and fenced code, in order."""
    lines: list[tuple[int, str]] = []
    position = 0
    for line in text.splitlines(keepends=True):
        lines.append((position, line))
        position += len(line)
    n = 0
    while n < len(lines):
        line = lines[n][1]
        if fence := _FENCE.match(line):
            last = _end_of_fence(lines, n, fence[1])
            yield _fenced(lines, n, last, position)
        elif "|" in line and n + 1 < len(lines) and _is_rule(lines[n + 1][1]):
            last = n + 1
            while last + 1 < len(lines) and "|" in lines[last + 1][1]:
                last += 1
            yield _table(lines, n, last, position)
        else:
            n += 1
            continue
        n = last + 1


def _is_rule(line: str) -> bool:
    bare = line.rstrip()
    return "|" in bare and "-" in bare and _RULE.match(bare) is not None


def _end_of_fence(lines: list[tuple[int, str]], first: int, mark: str) -> int:
    for n in range(first + 1, len(lines)):
        bare = lines[n][1].strip()
        if bare and not bare.strip(mark[0]) and len(bare) >= len(mark):
            return n
    return len(lines) - 1


def _fenced(lines: list[tuple[int, str]], first: int, last: int, length: int) -> Block:
    start, opening = lines[first]
    end = lines[last + 1][0] if last + 1 < len(lines) else length
    is_closed = last > first and not lines[last][1].strip().strip("`~")
    return Block(
        start=start,
        end=end,
        body_start=start + len(opening),
        body_end=max(start + len(opening), lines[last][0] if is_closed else end),
        head=opening if opening.endswith("\n") else opening + "\n",
        tail=lines[last][1] if is_closed else "",
    )


def _table(lines: list[tuple[int, str]], first: int, last: int, length: int) -> Block:
    start = lines[first][0]
    end = lines[last + 1][0] if last + 1 < len(lines) else length
    head = lines[first][1] + lines[first + 1][1]
    return Block(
        start=start,
        end=end,
        body_start=start + len(head),
        body_end=end,
        head=head if len(head) <= HEAD_LIMIT else "",
    )
