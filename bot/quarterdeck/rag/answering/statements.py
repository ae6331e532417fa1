"""Cut what a model writes into statements as it comes: a sentence, an item, a block of code, with what it cites.

A model is asked to end every sentence with `[2: "words of passage 2"]`; `[2]` and `[1, 3]` are understood as well.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import field

from quarterdeck.core.value import dataclass

_QUOTES = "\"“”„«»'"
_MARK = re.compile(
    rf"\s*\[(\d{{1,3}})\s*:\s*[{_QUOTES}]([^\n]{{0,800}}?)[{_QUOTES}]\s*\]"
    r"|\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\](?!\()"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])(?=\s+(?!\[\d))")
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|z\.B|d\.h|bzw|ca|Dr|Mr|Ms|St)\.|\b[A-Z]\.|(?:^|\s)\d{1,3}\.)$"
)
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s+")
_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_OPEN = re.compile(r"\[[^\]\n]*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold words and the marks that follow them: (passage, quoted words)."""

    text: str
    marks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Hold one sentence. `before` is what stands between it and the one before; `bullet` is an item's sign."""

    parts: tuple[Part, ...]
    before: str = ""
    bullet: str = ""
    is_code: bool = False

    @property
    def text(self) -> str:
        """Return its words without marks."""
        return "".join(part.text for part in self.parts)


@dataclass(slots=True)
class Reader:
    """Take pieces of text, give statements that are whole."""

    _held: str = ""
    _before: str = ""
    _code: list[str] = field(default_factory=list)

    def take(self, piece: str) -> list[Statement]:
        """Return the statements that this piece completes."""
        self._held += piece
        found: list[Statement] = []
        while "\n" in self._held:
            line, _, self._held = self._held.partition("\n")
            found += self._line(line)
            if not self._code:
                self._before += "\n"
        if not self._code and not _OPEN.search(self._held) and not _FENCE.match(self._held):
            whole, self._held = _whole(self._held)
            found += self._sentences(whole)
        return found

    def end(self) -> list[Statement]:
        """Return what is left."""
        found = self._line(self._held) if self._held else []
        if self._code:  # it was cut off inside
            found += self._block([*self._code, "```"])
        self._held, self._code = "", []
        return found

    def _line(self, line: str) -> list[Statement]:
        if self._code:
            self._code.append(line)
            if not _FENCE.match(line):
                return []
            block, self._code = self._code, []
            return self._block(block)
        if _FENCE.match(line):
            self._code = [line]
            return []
        return self._sentences(line)

    def _block(self, lines: list[str]) -> list[Statement]:
        before, self._before = self._before, ""
        return [Statement(parts=(Part(text="\n".join(lines)),), before=before, is_code=True)]

    def _sentences(self, text: str) -> list[Statement]:
        found = []
        bullet = ""
        if (item := _ITEM.match(text)) and ("\n" in self._before or not self._before):
            bullet, text = item.group(), text[item.end() :]
        for sentence in _cut(text):
            if sentence.strip():
                leading = sentence[: len(sentence) - len(sentence.lstrip())]
                found.append(
                    Statement(
                        parts=tuple(_parts(sentence.strip())), before=self._before + leading, bullet=bullet
                    )
                )
                self._before, bullet = "", ""
        return found


def _whole(text: str) -> tuple[str, str]:
    """Return the sentences that are whole because another one has begun, and the rest."""
    ends = [end for end in _ends(text) if text[end:].strip()]
    return (text[: ends[-1]], text[ends[-1] :]) if ends else ("", text)


def _cut(text: str) -> list[str]:
    cuts = [0, *_ends(text), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(cuts)]


def _ends(text: str) -> list[int]:
    """Return where sentences end: after their marks, or at their sign where no marks follow."""
    marks = [(mark.start(), mark.end()) for mark in _MARK.finditer(text)]
    ends = [end.start() for end in _SENTENCE_END.finditer(text)]
    ends = [at for at in ends if not any(a < at < b for a, b in marks) and not _SHORT.search(text[:at])]
    for n, (_, after) in enumerate(marks):
        is_last = n + 1 == len(marks) or marks[n + 1][0] > after
        rest = text[after:]
        if is_last and re.match(r"\s+[A-ZÄÖÜ0-9`*\"„]", rest):
            ends.append(after)
    return sorted(set(ends))


def _parts(sentence: str) -> list[Part]:
    parts: list[Part] = []
    text, marks, at = "", list[tuple[int, str]](), 0
    for mark in _MARK.finditer(sentence):
        between = sentence[at : mark.start()]
        if between.strip() and marks:
            parts.append(Part(text=text, marks=tuple(marks)))
            text, marks = "", []
        text += between
        if mark[1]:
            marks.append((int(mark[1]), mark[2].strip()))
        else:
            marks += [(int(n), "") for n in mark[3].split(",")]
        at = mark.end()
    rest = sentence[at:]
    if rest.strip(" .!?,;:") and marks:
        parts.append(Part(text=text, marks=tuple(marks)))
        return [*parts, Part(text=rest)]
    return [*parts, Part(text=text + rest, marks=tuple(marks))]
