"""Close the markup of a text that is still being written, so that every view of it is whole."""

from __future__ import annotations

import re

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
MARKS = re.compile(r"\\.|(`+)|(\*\*\*|___|\*\*|__|~~|\*|_)|(!?\[)", re.DOTALL)
LINK_TAIL = re.compile(r"\[[^\[\]]*(\]\(?[^()\s]*)?$")
HALF_FENCE = re.compile(r"\n {0,3}(`+|~+)$")  # what will close a code block
LONE_MARKER = re.compile(r"(?:^|\n)[ \t]*(?:[-+*]|[0-9]+[.)]|#{1,6}|>)$")  # of a list, a heading, a quotation
HALF_MARK = re.compile(r"[*_~`]+$")  # may be the half of a longer one; where it closes something, so do we
SIGNS = frozenset("`*_~[|")  # nothing is open in a text without any of them
WORD = re.compile(r"\w")


def closed(text: str) -> str:
    """Return `text` with what is open in it closed, and without what nobody can read yet.

    An open code fence is closed; the row of a table or a link that is being written is held back; open bold, italic,
    struck and code spans of the last paragraph are closed.
    """
    if SIGNS.isdisjoint(text):  # most texts, and each is looked at again with every second of its writing
        begins_at = text.rfind("\n\n") + 2 if "\n\n" in text else 0
        return text[:begins_at] + LONE_MARKER.sub("", text[begins_at:].rstrip()).rstrip()
    fence, begins_at = _code(text)
    if fence:
        return f"{HALF_FENCE.sub('', text.rstrip())}\n{fence}"
    begins_at = max(begins_at, text.rfind("\n\n") + 2 if "\n\n" in text else 0)
    last = _without_half_link(_without_half_row(text[begins_at:])).rstrip()
    last = HALF_MARK.sub("", LONE_MARKER.sub("", last)).rstrip()
    return text[:begins_at] + last + _closers(last)


def _code(text: str) -> tuple[str, int]:
    """Return what closes the code block that `text` ends in, or nothing and where the last such block ended."""
    fence, at, ended_at = "", 0, 0
    for line in text.splitlines(keepends=True):
        at += len(line)
        found = FENCE.match(line.rstrip("\n"))
        if found is None:
            continue
        mark, rest = found[1], found[2]
        if not fence:
            fence = mark if mark[0] == "~" or "`" not in rest else ""
        elif mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip():
            fence, ended_at = "", at
    return fence, ended_at


def _without_half_row(text: str) -> str:
    """Hold back a table row until its line has ended, and a table's header until its rule has."""
    lines = text.split("\n")
    if not lines[-1].lstrip().startswith("|"):
        return text
    before = lines[:-1]
    if before and before[-1].lstrip().startswith("|") and not (len(before) > 1 and "|" in before[-2]):
        before = before[:-1]  # the header alone is no table yet
    return "\n".join(before)


def _without_half_link(text: str) -> str:
    found = LINK_TAIL.search(text)
    if found is None or (found[1] or "").endswith(")"):
        return text
    return text[: found.start()].removesuffix("!")


def _closers(text: str) -> str:
    """Return the marks that close what is open at the end of a paragraph, innermost first."""
    open_: list[str] = []
    code = ""
    for found in MARKS.finditer(text):
        ticks, mark = found[1], found[2]
        if ticks:
            code = "" if code == ticks else code or ticks
        elif mark and not code:
            _meet(open_, mark, text, found.start())
    return code + "".join(reversed(open_))


def _meet(open_: list[str], mark: str, text: str, at: int) -> None:
    """Open or close a span at a mark, as CommonMark reads it: by what stands before and after."""
    before, after = text[at - 1 : at], text[at + len(mark) : at + len(mark) + 1]
    if mark in open_ and before and not before.isspace():
        del open_[open_.index(mark) :]
        return
    can_open = bool(after) and not after.isspace()
    is_inside_word = mark[0] == "_" and bool(WORD.match(before or " "))
    if can_open and not is_inside_word:
        open_.append(mark)
