"""Choose the sentences of passages that answer a question best: the answer where no capable model writes one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log

from quarterdeck.core.ports import Passage
from quarterdeck.core.value import dataclass
from quarterdeck.rag.reading.document import plain
from quarterdeck.rag.vector.vectors import Vectors
from quarterdeck.rag.words.query import terms, words

UNIT_LIMIT = 60  # sentences, lists, code blocks that are compared
PASSAGES = 5
QUOTES = 3
QUOTE_LIMIT = 700  # characters of one quote
WHOLE = 320  # characters: a passage no longer than this is quoted whole
AS_GOOD = 0.8  # of the best: what is worse is not quoted beside it
WORDS_WEIGHT = 0.35
PLACE_WEIGHT = 0.05  # the first passages are better than the later ones

_END = re.compile(r"(?<=[.!?])[\"')\]]{0,2}\s+(?=[\"'(\[`*]{0,2}[A-ZÄÖÜ0-9])")
_SHORT = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|z\.B|d\.h|bzw|ca|Dr|Mr|Ms|St)\.|\b[A-Z]\.)$")
_BULLET = re.compile(r" {0,3}[-*+]\s")
_STEP = re.compile(r" {0,3}\d{1,3}[.)]\s")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Hold what is quoted as a whole: a sentence, a list, a table or a code block; `passage` counts from 0."""

    passage: int
    place: int
    text: str
    is_block: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Hold the chosen words of one passage, as Markdown."""

    passage: Passage
    text: str


async def quotes(question: str, passages: Sequence[Passage], vectors: Vectors) -> list[Quote]:
    """Return up to three quotes, best first, one a passage."""
    passages = passages[:PASSAGES]
    found = [unit for n, one in enumerate(passages) for unit in units(one.text, n)][:UNIT_LIMIT]
    if not found:
        return [Quote(passage=one, text=_cut(one.text)) for one in passages[:1]]
    likeness = await vectors.compare(question, [_with_heading(unit, passages) for unit in found])
    scores = _scores(question, found, passages, likeness)
    best: dict[int, int] = {}
    for n, unit in enumerate(found):
        if unit.passage not in best or scores[n] > scores[best[unit.passage]]:
            best[unit.passage] = n
    order = sorted(best.values(), key=lambda n: -scores[n])
    chosen = [n for n in order if scores[n] >= scores[order[0]] * AS_GOOD][:QUOTES]
    kept: list[Quote] = []
    for quote in (_quote(passages[found[n].passage], found, n, scores) for n in chosen):
        if not any(quote.text in other.text for other in kept):  # neighbouring chunks overlap
            kept.append(quote)
    return kept


def _quote(passage: Passage, found: Sequence[Unit], n: int, scores: Sequence[float]) -> Quote:
    if len(passage.text) <= WHOLE:
        return Quote(passage=passage, text=_joined([one for one in found if one.passage == found[n].passage]))
    return Quote(passage=passage, text=_around(found, n, scores))


def units(text: str, passage: int) -> list[Unit]:
    """Cut a passage into what can be quoted by itself."""
    found: list[Unit] = []
    for is_block, block in _Blocks().read(text):
        pieces = [block] if is_block else sentences(block)
        for piece in pieces:
            if any(character.isalnum() for character in piece):
                found.append(Unit(passage=passage, place=len(found), text=piece, is_block=is_block))
    return found


def sentences(paragraph: str) -> list[str]:
    """Cut a paragraph into sentences, on one line each."""
    flat = " ".join(paragraph.split())
    out: list[str] = []
    begun = 0
    for end in _END.finditer(flat):
        if not _SHORT.search(flat[begun : end.start()]):
            out.append(flat[begun : end.end()].strip())
            begun = end.end()
    out.append(flat[begun:])
    return [one for one in out if one]


class _Blocks:
    """Cut Markdown into blocks: paragraphs, items of bullet lists, numbered lists, tables, code."""

    def __init__(self) -> None:
        self.found: list[tuple[bool, str]] = []
        self._lines: list[str] = []
        self._fence = ""

    def read(self, text: str) -> list[tuple[bool, str]]:
        """Return each block with whether it must stay in one piece."""
        for line in text.split("\n"):
            self._take(line)
        if self._fence:
            self._lines.append(self._fence)  # the chunk ended inside
        self._end()
        return self.found

    def _take(self, line: str) -> None:
        mark = _FENCE.match(line)
        if self._fence:
            self._lines.append(line)
            if mark and mark.group(1).startswith(self._fence):
                self._fence = ""
                self._end()
        elif mark:
            self._end()
            self._fence = mark.group(1)[:3]
            self._lines.append(line)
        elif not line.strip():
            if not self._is_in_steps():
                self._end()
        else:
            if self._begins(line):
                self._end()
            self._lines.append(line)

    def _begins(self, line: str) -> bool:
        """Tell whether the line begins a block of its own."""
        if _BULLET.match(line):
            return not self._is_in_steps()
        if _STEP.match(line):
            return not self._is_in_steps()
        return self._is_in_steps() and not line.startswith(" ") and len(self._lines) > 0

    def _is_in_steps(self) -> bool:
        return bool(self._lines) and bool(_STEP.match(self._lines[0]))

    def _end(self) -> None:
        lines = "\n".join(self._lines).strip("\n")
        self._lines = []
        if not lines.strip():
            return
        is_code = bool(_FENCE.match(lines)) or lines.startswith("    ")
        is_whole = is_code or bool(_BULLET.match(lines) or _STEP.match(lines)) or lines.lstrip()[0] in "|>"
        self.found.append((is_whole, lines if is_code else plain(lines)))


def _with_heading(unit: Unit, passages: Sequence[Passage]) -> str:
    return f"{passages[unit.passage].heading}\n{plain(unit.text)[:QUOTE_LIMIT]}"


def _scores(
    question: str, found: Sequence[Unit], passages: Sequence[Passage], likeness: list[float] | None
) -> list[float]:
    wanted = terms(question)
    held = [set(words(unit.text)) for unit in found]
    rarity = {word: log(1 + len(found) / (1 + sum(_holds(some, word) for some in held))) for word in wanted}
    total = sum(rarity.values()) or 1.0
    scores = []
    for n, unit in enumerate(found):
        covered = sum(weight for word, weight in rarity.items() if _holds(held[n], word)) / total
        meaning = max(0.0, likeness[n]) if likeness else covered
        scores.append(meaning + WORDS_WEIGHT * covered - PLACE_WEIGHT * unit.passage)
    return scores


def _holds(some: set[str], word: str) -> bool:
    """Tell whether a word, or one that begins with it (a plural, a conjugation), is among `some`."""
    stem = word[:-1] if len(word) > 4 else word
    return word in some or any(one.startswith(stem) and len(one) - len(word) <= 3 for one in some)


def _around(found: Sequence[Unit], n: int, scores: Sequence[float]) -> str:
    """Return the unit, and what follows as long as it belongs to it or is nearly as good."""
    same = [m for m in range(len(found)) if found[m].passage == found[n].passage]
    first = last = n
    if found[n].is_block and n - 1 in same and found[n - 1].text.rstrip().endswith(":"):
        first = n - 1
    while last + 1 in same:
        after = found[last + 1]
        leads_on = found[last].text.rstrip().endswith(":") or scores[last + 1] >= scores[n] * AS_GOOD
        size = sum(len(found[m].text) for m in range(first, last + 2))
        if not leads_on or (size > QUOTE_LIMIT and not found[last].text.rstrip().endswith(":")):
            break
        last += 1
        if after.is_block and size > QUOTE_LIMIT:
            break
    return _joined(found[first : last + 1])


def _joined(units_: Sequence[Unit]) -> str:
    text, before = "", None
    for unit in units_:
        between = "\n" if before and _BULLET.match(before.text) and _BULLET.match(unit.text) else "\n\n"
        if before and not before.is_block and not unit.is_block:
            between = " "
        text += (between if before else "") + (unit.text if unit.is_block else _cut(unit.text))
        before = unit
    return text


def _cut(text: str) -> str:
    return text if len(text) <= QUOTE_LIMIT else text[:QUOTE_LIMIT].rsplit(" ", 1)[0] + " …"
