"""Find the parts of a document: between headings of Markdown, definitions of code, keys of records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from quarterdeck.core.value import dataclass
from quarterdeck.rag.reading.document import inline
from quarterdeck.rag.reading.formats.parsed import Parsed

HEADING_LIMIT = 200  # characters of one heading

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^\n]*)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+([^\n]*))?$")
_CLOSING = re.compile(r"[ \t]+#+[ \t]*$")
_ANCHOR = re.compile(r"\s*\{#[^{}]{1,100}\}\s*$")
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?([^\n]{1,300}?)[\"']?[ \t]*$", re.MULTILINE)
FRONT_LIMIT = 8192  # characters of front matter

SMALL = 3  # characters a token: parts of code that are smaller than a chunk are put together by this measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Hold the text between two headings: its path of headings, and where it lies."""

    headings: tuple[str, ...]
    start: int
    end: int


def sections_of(parsed: Parsed) -> Iterator[Section]:
    """Yield the parts that the marks of a text begin."""
    path: list[tuple[int, str]] = []
    begun = 0
    for mark in parsed.marks:
        if mark.start > begun:
            yield Section(headings=tuple(name for _, name in path), start=begun, end=mark.start)
        while path and path[-1][0] >= mark.level:
            path.pop()
        path.append((mark.level, mark.heading))
        begun = mark.start
    yield Section(headings=tuple(name for _, name in path), start=begun, end=len(parsed.text))


def merged(sections: Iterable[Section], chunk_tokens: int) -> Iterator[Section]:
    """Yield parts, small neighbours as one under the headings that they share."""
    limit = chunk_tokens * SMALL
    held: Section | None = None
    for one in sections:
        if held is not None and one.end - held.start <= limit:
            held = replace(held, headings=_shared(held.headings, one.headings), end=one.end)
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]


class Outline:
    """Know a Markdown text's title and its sections, code fences respected."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._body, self.title = _front_matter(text)
        self.sections: list[Section] = []
        path: list[tuple[int, str]] = []
        begun = self._body
        for level, heading, start, end in self._headings():
            self._add(path, begun, start)
            while path and path[-1][0] >= level:
                path.pop()
            path.append((level, heading))
            begun = end
            if level == 1 and not self.title:
                self.title = heading
        self._add(path, begun, len(text))

    def _add(self, path: list[tuple[int, str]], start: int, end: int) -> None:
        self.sections.append(Section(headings=tuple(name for _, name in path), start=start, end=end))

    def _headings(self) -> Iterator[tuple[int, str, int, int]]:
        """Yield level, words, and where the heading's lines begin and end."""
        fence = ""
        above: tuple[int, str] | None = None  # a line that an underline would make a heading
        is_after_blank = True
        position = self._body
        for line in self._text[self._body :].splitlines(keepends=True):
            bare = line.rstrip("\n")
            start, position = position, position + len(line)
            candidate, above = above, None
            if (mark := _FENCE.match(bare)) and (not fence or _closes(mark, fence)):
                fence = "" if fence else mark.group(1)
            elif fence:
                continue
            elif (atx := _ATX.match(bare)) and (words := _words(atx.group(2) or "")):
                yield len(atx.group(1)), words, start, position
            elif candidate and (level := _underlines(bare)) and (words := _words(candidate[1])):
                yield level, words, candidate[0], position
            elif is_after_blank and _may_be_title(bare):
                above = (start, bare)
            is_after_blank = not bare.strip()


def without_comments(text: str) -> str:
    """Return the text with blanks of the same length where HTML comments stand outside of code."""
    if "<!--" not in text:
        return text
    out, fence, is_comment = [], "", False
    for line in text.splitlines(keepends=True):
        if not is_comment and (mark := _FENCE.match(line)) and (not fence or _closes(mark, fence)):
            fence = "" if fence else mark.group(1)
        elif not fence:
            line, is_comment = _blank(line, is_comment)
        out.append(line)
    return "".join(out)


def _blank(line: str, is_comment: bool) -> tuple[str, bool]:
    """Return the line without what is in comments, and whether one goes on in the next line."""
    out, position = [], 0
    while position < len(line):
        mark = "-->" if is_comment else "<!--"
        found = line.find(mark, position)
        end = len(line) if found < 0 else found + len(mark)
        kept = "" if is_comment else line[position : end if found < 0 else found]
        lost = line[position + len(kept) : end]
        out.append(kept + "".join("\n" if character == "\n" else " " for character in lost))
        is_comment = is_comment ^ (found >= 0)
        position = end
    return "".join(out), is_comment


def _closes(mark: re.Match[str], fence: str) -> bool:
    return mark.group(1)[0] == fence[0] and len(mark.group(1)) >= len(fence) and not mark.group(2).strip()


def _underlines(line: str) -> int:
    bare = line.strip()
    if len(bare) >= 3 and not line.startswith("    "):
        if not bare.strip("="):
            return 1
        if not bare.strip("-"):
            return 2
    return 0


def _may_be_title(line: str) -> bool:
    is_block = line.startswith(("    ", "\t", "|", "- ", "* ", "> "))
    return bool(line.strip()) and not is_block and len(line) <= HEADING_LIMIT


def _words(raw: str) -> str:
    return inline(_ANCHOR.sub("", _CLOSING.sub("", raw)))[:HEADING_LIMIT]


def _front_matter(text: str) -> tuple[int, str]:
    """Return where the text begins after a YAML head, and the title that the head gives."""
    if not text.startswith("---\n"):
        return 0, ""
    end = text.find("\n---", 3, FRONT_LIMIT)
    if end < 0:
        return 0, ""
    title = _FRONT_TITLE.search(text, 4, end)
    line_end = text.find("\n", end + 1)
    return (line_end + 1 if line_end >= 0 else len(text)), title.group(1).strip() if title else ""
