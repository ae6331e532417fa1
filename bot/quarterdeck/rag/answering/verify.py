"""Hold a sentence to the passage that it cites: everything that it says must stand there, and nothing turned round.

The words that a model quotes must occur in the passage. Around them the passage's own sentences are taken, and each
clause of the claim must be said by them: its telling words, its numbers with their units, its names, its negation, its
order, and what narrows or widens it (only, all, at least, before). No likeness counts, only what stands there; where
that is too strict for a good paraphrase, the passage's own words are shown instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from quarterdeck.core.value import dataclass
from quarterdeck.rag.answering.vocabulary import SAME
from quarterdeck.rag.answering.wording import Clause, clauses, flat, stem, stems
from quarterdeck.rag.words.quote import units

LEAST_QUOTE = 3  # words; what is shorter is everywhere
CONDITIONS = ("if", "unless", "until")
AROUND = 1  # sentences beside the quoted ones that belong to the span

_SAME_STEMS = {stem(word): stem(other) for word, other in SAME.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Hold a passage that may be cited, with what stands above it."""

    n: int
    text: str
    above: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Say whether a claim stands in the passage; `span` are the passage's own words about it, `reason` why not."""

    holds: bool
    span: str = ""
    reason: str = ""


def verify(claim: str, quote: str, source: Source) -> Verdict:
    """Hold `claim` to the words of `source` around `quote`; an empty quote stands for the sentences that fit best."""
    found = _span(claim, quote, source)
    if found is None:
        return Verdict(holds=False, reason="the quoted words do not stand in the passage")
    said, around = found
    wanted = clauses(claim)
    if not wanted:
        return Verdict(holds=False, span=said, reason="it claims nothing")
    given = clauses(around)
    above = _forms(stems([source.above]))
    leads = {clause.lead for clause in wanted}
    for clause in wanted:
        if reason := _fault(clause, given, above, leads):
            return Verdict(holds=False, span=said, reason=reason)
    return Verdict(holds=True, span=said)


def occurs(quote: str, text: str) -> bool:
    """Tell whether words stand in a text, one after another; blanks, markup and case do not count."""
    words = flat(quote).strip(" .…\"'")
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", flat(text)) is not None


def _span(claim: str, quote: str, source: Source) -> tuple[str, str] | None:
    """Return the sentences that hold the quote, and those with their neighbours; None when it stands nowhere."""
    sentences = _sentences(source.text)
    if quote.strip():
        if not occurs(quote, source.text) or len(flat(quote).split()) < min(
            LEAST_QUOTE, len(flat(source.text).split())
        ):
            return None
        inside = _holding(quote, sentences)
    else:
        inside = _fitting(claim, sentences)
    if not inside:
        return None
    first, last = inside[0], inside[-1]
    around = sentences[max(0, first - AROUND) : last + 1]
    own = sentences[first : last + 1]
    return " ".join(own), "\n".join(own if quote.strip() or len(own) > 1 else [*around])


def _holding(quote: str, sentences: Sequence[str]) -> list[int]:
    """Return the numbers of the sentences that the quote stands in, the fewest that hold all of it."""
    for length in range(1, len(sentences) + 1):
        for n in range(len(sentences) - length + 1):
            if occurs(quote, " ".join(sentences[n : n + length])):
                return list(range(n, n + length))
    return []


def _fitting(claim: str, sentences: Sequence[str]) -> list[int]:
    """Return the sentence that has most of the claim's words."""
    wanted = {form for clause in clauses(claim) for form in _wanted(clause)}
    if not wanted:
        return []
    held = [len(wanted & _forms(stems([sentence]))) for sentence in sentences]
    best = max(range(len(sentences)), key=lambda n: held[n], default=-1)
    return [best] if best >= 0 and held[best] else []


@lru_cache(maxsize=64)
def _sentences(text: str) -> tuple[str, ...]:
    """Return sentences, items, table rows and lines of code, in their order."""
    found: list[str] = []
    for unit in units(text, 0):
        found += [line for line in unit.text.split("\n") if line.strip()] if unit.is_block else [unit.text]
    return tuple(found)


def _wanted(clause: Clause) -> set[str]:
    return set(map(_same, clause.telling)) | set(clause.names) | {value for value, _ in clause.numbers}


def _same(word: str) -> str:
    return _SAME_STEMS.get(word, word)


def _forms(words: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_same, words)) | words


def _fault(claim: Clause, given: Sequence[Clause], above: frozenset[str], leads: Collection[str]) -> str:
    """Return what a clause says that the passage does not; empty when it says all of it."""
    near = max(given, key=lambda one: _likeness(claim, one), default=None)
    if near is None or _likeness(claim, near) <= 0:
        return "nothing in the passage is about it"
    missing = set(map(_same, claim.telling)) | set(claim.names)
    missing -= _said(near) | above
    if missing:
        return f"the passage does not say {', '.join(sorted(missing))}"
    under = {one.lead for one in given if one.sentence == near.sentence} & set(CONDITIONS)
    if under - set(leads):
        return "the passage says it under a condition"
    return _turned(claim, near, given)


def _likeness(claim: Clause, clause: Clause) -> float:
    return len(_wanted(claim) & _wanted(clause)) - (clause.lead != claim.lead) * 0.5


def _said(clause: Clause) -> set[str]:
    return set(map(_same, clause.telling)) | clause.telling | set(clause.names) | clause.generic


def _turned(claim: Clause, near: Clause, given: Sequence[Clause]) -> str:
    """Return what a clause turns round."""
    about = [clause for clause in given if _wanted(clause) & _wanted(claim)]
    if claim.is_negated != near.is_negated:
        return "the passage says the opposite"
    if claim.lead in ("before", "after", "until", "unless", "if") and claim.lead != near.lead:
        return f"the passage does not say {claim.lead}"
    for value, unit in claim.numbers:
        if not any(value == other and (not unit or not its or unit == its) for other, its in near.numbers):
            return f"the passage does not say {value} {unit}".rstrip()
    if reason := _widened(claim, near, {word for clause in about for word in clause.sensitive}):
        return reason
    return "the passage says it the other way round" if _is_reversed(claim, near) else ""


def _widened(claim: Clause, near: Clause, sensitive: Collection[str]) -> str:
    """Return what a clause makes more or less of: all of some, must of may."""
    for word in claim.sensitive - {"may"}:
        if word not in sensitive:
            return f"the passage does not say {word}"
    if "may" in near.sensitive and (claim.has_must or "all" in claim.sensitive) and not near.has_must:
        return "the passage says that it may be so"
    if "may" in claim.sensitive and near.has_must and "may" not in near.sensitive:
        return "the passage says that it must be so"
    if "only" in near.sensitive and "only" not in claim.sensitive and "all" in claim.sensitive:
        return "the passage says it of some only"
    return ""


def _is_reversed(claim: Clause, near: Clause) -> bool:
    """Tell whether the claim has the passage's words in the opposite order: who does what to whom."""
    if claim.is_passive != near.is_passive:
        return False
    places = [near.order.index(word) for word in dict.fromkeys(claim.order) if word in near.order]
    pairs = [(a, b) for n, a in enumerate(places) for b in places[n + 1 :]]
    return bool(pairs) and sum(a > b for a, b in pairs) * 2 > len(pairs)


def disagree(one: str, other: str) -> bool:
    """Tell whether two sentences speak of the same and differ in a number or in yes and no."""
    for left in clauses(one):
        for right in clauses(other):
            words = set(map(_same, left.telling | frozenset(left.names)))
            others = set(map(_same, right.telling | frozenset(right.names)))
            if len(words & others) < 3 or len(words & others) * 5 < len(words | others) * 3:
                continue
            if left.is_negated != right.is_negated:
                return True
            units_ = {unit for _, unit in left.numbers} & {unit for _, unit in right.numbers}
            if left.numbers and right.numbers and units_ and not set(left.numbers) & set(right.numbers):
                return True
    return False
