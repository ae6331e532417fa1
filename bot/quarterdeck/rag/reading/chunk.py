"""Cut a document into chunks along its structure. Runs in the reader process only.

A heading begins a new chunk, so that each has one heading to be cited by; within a section the splitter keeps
paragraphs, lists, tables and code whole where they fit. A table or a code block that is too long for that is a chunk
of its own up to twice the size, and beyond it is cut between lines, its head repeated. A short document without parts,
such as an abstract, stays whole: cutting its last sentences off makes no answer better. Sizes are tokens of the
embedding model.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from quarterdeck.rag.reading.blocks import Block, blocks_of
from quarterdeck.rag.reading.document import HEADING_SEPARATOR, Piece, context
from quarterdeck.rag.reading.formats.parsed import Parsed
from quarterdeck.rag.reading.outline import Outline, Section, merged, sections_of, without_comments

if TYPE_CHECKING:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter
    from tokenizers import Tokenizer

    Splitter = MarkdownSplitter | TextSplitter

MODEL_LIMIT_TOKENS = 254  # all-MiniLM-L6-v2 reads 256 with its two own marks; what is beyond is not seen
LEAST_TOKENS = 32
WHOLE = 2  # times the size of a chunk: so long a table or code block stays whole; full text reads all of it
ALONE = (
    1.75  # times: a document of one part that is hardly longer is one passage; its vector is of its beginning
)
SHORT = 1.5  # characters a token at least: what is shorter than so many is not counted

_LEADING = re.compile(r"\A(?:[ \t]*\n)+")
_TRAILING = re.compile(r"[ \t]+\n")
_EMPTY_LINES = re.compile(r"\n{3,}")

Cut = tuple[int, int, str]
"""Where a piece begins and ends in its section, and its text."""


class Chunker:
    """Cut documents; `chunk_tokens` bounds a chunk, `overlap_tokens` repeats the end of one in the next."""

    def __init__(self, tokenizer: Tokenizer, *, chunk_tokens: int, overlap_tokens: int) -> None:
        self._tokenizer, self._chunk_tokens, self._overlap_tokens = tokenizer, chunk_tokens, overlap_tokens
        self._splitters: dict[tuple[int, bool], Splitter] = {}

    def cut(self, parsed: Parsed, fallback_title: str) -> tuple[str, list[Piece]]:
        """Return the document's title and its chunks, in order."""
        if parsed.is_plain:
            title = parsed.title or fallback_title
            sections = list(merged(sections_of(parsed), self._chunk_tokens))
        else:
            outline = Outline(parsed.text)
            title, sections = parsed.title or outline.title or fallback_title, outline.sections
        sections = [one for one in sections if parsed.text[one.start : one.end].strip()]
        line_of = _lines(parsed.text) if parsed.has_lines else None
        chunks: list[Piece] = []
        for section in sections:
            chunks.extend(self._cut_section(parsed, title, section, line_of, is_all=len(sections) == 1))
        return title, chunks

    def _cut_section(
        self,
        parsed: Parsed,
        title: str,
        section: Section,
        line_of: Callable[[int], int] | None,
        *,
        is_all: bool,
    ) -> Iterator[Piece]:
        text = parsed.text[section.start : section.end]
        if not parsed.is_plain:
            text = without_comments(text)
        if not text.strip():
            return
        heading = HEADING_SEPARATOR.join(section.headings)
        room = self._room(context(title, heading))
        if is_all and self._count(text) <= ALONE * room:
            cuts = self._whole(text)
        else:
            cuts = self._split(text, room, is_plain=True) if parsed.is_plain else self._blocks(text, room)
        for begin, end, words in cuts:
            if not any(character.isalnum() for character in words):
                continue
            start = section.start + begin
            yield Piece(
                heading=heading,
                text=words if parsed.is_plain else _tidy(words),
                start=start,
                end=section.start + end,
                page=bisect.bisect_right(parsed.pages, start) or None if parsed.pages else None,
                line=line_of(start) if line_of else None,
                end_line=line_of(max(start, section.start + end - 1)) if line_of else None,
            )

    def _blocks(self, text: str, room: int) -> Iterator[Cut]:
        """Yield pieces of Markdown; long tables and code apart from what stands around them."""
        begun = 0
        for block in blocks_of(text):
            if block.end - block.start < room * SHORT or self._count(text[block.start : block.end]) <= room:
                continue
            yield from _moved(self._split(text[begun : block.start], room), begun)
            yield from self._long(text, block, room)
            begun = block.end
        yield from _moved(self._split(text[begun:], room), begun)

    def _long(self, text: str, block: Block, room: int) -> Iterator[Cut]:
        whole = text[block.start : block.end]
        if self._count(whole) <= WHOLE * room:
            yield block.start, block.end, whole.rstrip("\n")
            return
        limit = max(LEAST_TOKENS, room - self._count(block.head + block.tail))
        begin, end, used = block.body_start, block.body_start, 0
        for line in text[block.body_start : block.body_end].splitlines(keepends=True):
            tokens = self._count(line)
            if used and used + tokens > limit:
                yield begin, end, (block.head + text[begin:end] + block.tail).rstrip("\n")
                begin, used = end, 0
            if tokens > limit:
                yield from _moved(self._split(line, room), end)
                begin = end = end + len(line)
                continue
            end, used = end + len(line), used + tokens
        if end > begin:
            yield begin, end, (block.head + text[begin:end] + block.tail).rstrip("\n")

    def _whole(self, text: str) -> Iterator[Cut]:
        blank = len(text) - len(_LEADING.sub("", text))
        words = text[blank:].rstrip()
        yield blank, blank + len(words), words

    def _split(self, text: str, room: int, *, is_plain: bool = False) -> Iterator[Cut]:
        if not text.strip():
            return
        for offset, piece in self._splitter(room, is_plain).chunk_indices(text):
            blank = len(piece) - len(_LEADING.sub("", piece))
            words = piece[blank:].rstrip()
            if words:
                yield offset + blank, offset + blank + len(words), words

    def _count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _room(self, before: str) -> int:
        used = self._count(before) + 1
        return max(LEAST_TOKENS, min(self._chunk_tokens, (MODEL_LIMIT_TOKENS - used) // 8 * 8))

    def _splitter(self, room: int, is_plain: bool) -> Splitter:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter

        key = (room, is_plain)
        if key not in self._splitters:
            overlap = min(self._overlap_tokens, room // 2)
            if is_plain:
                self._splitters[key] = TextSplitter.from_huggingface_tokenizer(
                    self._tokenizer, room, overlap=0, trim=False
                )
            else:
                self._splitters[key] = MarkdownSplitter.from_huggingface_tokenizer(
                    self._tokenizer, room, overlap=overlap
                )
        return self._splitters[key]


def _moved(cuts: Iterator[Cut], by: int) -> Iterator[Cut]:
    return ((begin + by, end + by, words) for begin, end, words in cuts)


def _lines(text: str) -> Callable[[int], int]:
    """Return what gives the line, from 1, of a character."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return lambda at: bisect.bisect_right(starts, at)


def _tidy(piece: str) -> str:
    """Return the piece without blanks at ends of lines, and without more than one empty line in a row."""
    return _EMPTY_LINES.sub("\n\n", _TRAILING.sub("\n", piece))
