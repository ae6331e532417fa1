"""Cut a document into chunks along its structure. Runs in the reader process only.

A heading begins a new chunk, so that each has one heading to be cited by; within a section the splitter keeps
paragraphs, lists, tables and code whole where they fit. Sizes are tokens of the embedding model.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quarterdeck.rag.reading.document import HEADING_SEPARATOR, Piece, context, inline
from quarterdeck.rag.reading.parse import Parsed

if TYPE_CHECKING:
    from semantic_text_splitter import MarkdownSplitter
    from tokenizers import Tokenizer

MODEL_LIMIT_TOKENS = 254  # all-MiniLM-L6-v2 reads 256 with its two own marks; what is beyond is not seen
LEAST_TOKENS = 32
HEADING_LIMIT = 200  # characters of one heading

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^\n]*)")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+([^\n]*))?$")
_CLOSING = re.compile(r"[ \t]+#+[ \t]*$")
_ANCHOR = re.compile(r"\s*\{#[^{}]{1,100}\}\s*$")
_FRONT_TITLE = re.compile(r"^title:[ \t]*[\"']?([^\n]{1,300}?)[\"']?[ \t]*$", re.MULTILINE)
_LEADING = re.compile(r"\A(?:[ \t]*\n)+")
_TRAILING = re.compile(r"[ \t]+\n")
_EMPTY_LINES = re.compile(r"\n{3,}")
FRONT_LIMIT = 8192  # characters of front matter


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Hold the text between two headings: its path of headings, and where it lies."""

    headings: tuple[str, ...]
    start: int
    end: int


class Chunker:
    """Cut documents; `chunk_tokens` bounds a chunk, `overlap_tokens` repeats the end of one in the next."""

    def __init__(self, tokenizer: Tokenizer, *, chunk_tokens: int, overlap_tokens: int) -> None:
        self._tokenizer, self._chunk_tokens, self._overlap_tokens = tokenizer, chunk_tokens, overlap_tokens
        self._splitters: dict[int, MarkdownSplitter] = {}

    def cut(self, parsed: Parsed, fallback_title: str) -> tuple[str, list[Piece]]:
        """Return the document's title and its chunks, in order."""
        outline = Outline(parsed.text)
        title = parsed.title or outline.title or fallback_title
        chunks: list[Piece] = []
        for section in outline.sections:
            chunks.extend(self._cut_section(parsed, title, section))
        return title, chunks

    def _cut_section(self, parsed: Parsed, title: str, section: Section) -> Iterator[Piece]:
        text = _without_comments(parsed.text[section.start : section.end])
        if not text.strip():
            return
        heading = HEADING_SEPARATOR.join(section.headings)
        splitter = self._splitter(context(title, heading))
        for offset, piece in splitter.chunk_indices(text):
            if not any(character.isalnum() for character in piece):
                continue
            blank = len(piece) - len(_LEADING.sub("", piece))
            piece = piece[blank:].rstrip()
            start = section.start + offset + blank
            page = bisect.bisect_right(parsed.pages, start) if parsed.pages else None
            end = start + len(piece)
            yield Piece(heading=heading, text=_tidy(piece), start=start, end=end, page=page)

    def _splitter(self, before: str) -> MarkdownSplitter:
        from semantic_text_splitter import MarkdownSplitter

        used = len(self._tokenizer.encode(before, add_special_tokens=False).ids) + 1
        room = max(LEAST_TOKENS, min(self._chunk_tokens, (MODEL_LIMIT_TOKENS - used) // 8 * 8))
        if room not in self._splitters:
            self._splitters[room] = MarkdownSplitter.from_huggingface_tokenizer(
                self._tokenizer, room, overlap=min(self._overlap_tokens, room // 2)
            )
        return self._splitters[room]


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


def _without_comments(text: str) -> str:
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


def _tidy(piece: str) -> str:
    """Return the piece without blanks at ends of lines, and without more than one empty line in a row."""
    return _EMPTY_LINES.sub("\n\n", _TRAILING.sub("\n", piece))


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
