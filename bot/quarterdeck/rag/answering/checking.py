"""Let through what the passages say, sentence by sentence; show their own words where a model's go beyond them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field

from quarterdeck.core.value import dataclass
from quarterdeck.rag.answering.statements import Part, Statement
from quarterdeck.rag.answering.verify import Source, disagree, occurs, verify
from quarterdeck.rag.answering.wording import clauses, flat, stems
from quarterdeck.rag.words.quote import units

_ITEM = re.compile(r"^(?:[-*+]|\d{1,3}[.)])\s+")
LEAD_IN = 12  # words of a line that only leads to the next one
LEAST_SHOWN = 4  # words of a quotation that is shown in place of a sentence
SHOWN_LIMIT = 400  # characters of it


@dataclass(slots=True)
class Checker:
    """Hold what was let through so far, in the order in which it is shown."""

    sources: Sequence[Source]
    question: str = ""
    cited: list[int] = field(default_factory=list)
    spans: list[tuple[int, str]] = field(default_factory=list)
    dropped: int = 0
    replaced: int = 0
    _shown: str = ""
    _lead: str = ""

    def let_through(self, statement: Statement) -> str:
        """Return what may be shown of a statement: its text with numbers, the passage's words, or nothing."""
        if statement.is_code:
            return self._show(statement, self._code(statement))
        if self._is_lead_in(statement):
            self._lead = f"{statement.before}{statement.bullet}{statement.text}"
            return ""
        shown = [self._part(part, statement) for part in statement.parts]
        kept = [text for text in shown if text]
        if not kept:
            self.dropped += 1
            self._lead = ""
            return ""
        return self._show(statement, " ".join(text.strip() for text in kept))

    def _show(self, statement: Statement, text: str) -> str:
        if not text:
            self.dropped += 1
            self._lead = ""
            return ""
        before = statement.before if self._shown or self._lead else ""
        if not before and (self._shown or self._lead) and not statement.before:
            before = " "
        whole = self._lead + before + statement.bullet + text
        if not self._shown:
            whole = whole.lstrip("\n")
        self._lead = ""
        self._shown += whole
        return whole

    def _part(self, part: Part, statement: Statement) -> str:
        claim = part.text.strip()
        if not claim.strip(" .,;:!?"):
            return ""
        holding = [n for n, quote in part.marks if self._holds(claim, n, quote)]
        if not part.marks:
            holding = [source.n for source in self.sources if self._holds(claim, source.n, "")][:1]
        if holding:
            self._cite(holding)
            return claim + " " + "".join(f"[{n}]" for n in dict.fromkeys(holding))
        return self._instead(claim, part)

    def _holds(self, claim: str, n: int, quote: str) -> bool:
        source = self._source(n)
        if source is None:
            return False
        verdict = verify(claim, quote, source)
        if not verdict.holds and quote and occurs(quote, source.text):
            verdict = verify(claim, "", source)  # it stands there, though not where the model pointed
        if verdict.holds:
            self.spans.append((n, verdict.span))
        return verdict.holds

    def _instead(self, claim: str, part: Part) -> str:
        """Return the passage's own words where the model quoted some, each once; otherwise nothing."""
        for n, quote in part.marks:
            source = self._source(n)
            if source is None or len(flat(quote).split()) < LEAST_SHOWN or not occurs(quote, source.text):
                continue
            span = verify(claim, quote, source).span
            words = _ITEM.sub("", " ".join((span if 0 < len(span) <= SHOWN_LIMIT else quote).split()))
            if any(words in other for _, other in self.spans):
                return ""
            self.spans.append((n, words))
            self.replaced += 1
            self._cite([n])
            return f"“{words.strip()}” [{n}]"
        return ""

    def _code(self, statement: Statement) -> str:
        """Return a block whose every line stands in one passage, with its number."""
        lines = [line.strip() for line in statement.text.split("\n")[1:-1] if line.strip()]
        for source in self.sources:
            if lines and all(flat(line) in flat(source.text) for line in lines):
                self._cite([source.n])
                self.spans.append((source.n, "\n".join(lines)))
                return f"{statement.text}\n\n[{source.n}]"
        return ""

    def _is_lead_in(self, statement: Statement) -> bool:
        """Tell whether a line only announces what follows: nothing in it goes beyond the question and the passages."""
        text = statement.text.strip()
        if any(part.marks for part in statement.parts) or not text.endswith((":", ":**")):
            return False
        said = clauses(text)
        if len(text.split()) > LEAD_IN or any(one.numbers or one.is_negated for one in said):
            return False
        known = stems([self.question, *(f"{source.above}\n{source.text}" for source in self.sources)])
        return all(one.telling | set(one.names) <= known for one in said)

    def _source(self, n: int) -> Source | None:
        return next((source for source in self.sources if source.n == n), None)

    def _cite(self, numbers: Sequence[int]) -> None:
        self.cited += [n for n in numbers if n not in self.cited]

    def disagreements(self) -> list[tuple[int, str, int, str]]:
        """Return pairs of passages that say different things about what was answered, each with its words."""
        found: list[tuple[int, str, int, str]] = []
        for n, span in self.spans:
            for source in self.sources:
                if source.n == n or any({n, source.n} == {a, b} for a, _, b, _ in found):
                    continue
                other = next((one for one in _lines(source.text) if disagree(span, one)), "")
                if other:
                    found.append((n, span, source.n, other))
        return found


def _lines(text: str) -> list[str]:
    return [unit.text for unit in units(text, 0) if len(unit.text) <= SHOWN_LIMIT]
