"""Hold another embedder to the questions that people have judged, before it takes over."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import cast

from quarterdeck.rag.library import Library
from quarterdeck.rag.quality.cases import judged_cases
from quarterdeck.rag.quality.evaluate import evaluate
from quarterdeck.rag.quality.gate import MARGIN, WATCHED, compare
from quarterdeck.rag.quality.rows import QualityRows
from quarterdeck.rag.retrieval.search import Nearest, Search
from quarterdeck.rag.vector.moving import Candidate

MOST = 200  # questions, the newest ones; a provider is paid for each
WAIT_S = 60.0

log = logging.getLogger(__name__)


class SwitchGate:
    """Refuse an embedder that loses more than the margin against the one that serves."""

    def __init__(self, library: Library, rows: QualityRows, serving: Nearest, *, floor: float) -> None:
        self._library, self._rows, self._serving, self._floor = library, rows, serving, floor

    async def __call__(self, candidate: Candidate) -> str:
        """Return what it loses, in a sentence; empty when it may take over. Without judged questions it may."""
        cases = judged_cases(await self._rows.judged())[-MOST:]
        if not cases:
            return ""
        trial = Search(self._library, candidate, floor=self._floor, staged=candidate.space)
        serving = Search(self._library, self._serving, floor=self._floor)
        before = await evaluate(cases, serving, (), wait_s=WAIT_S)
        now = await evaluate(cases, trial, (), wait_s=WAIT_S)
        comparison = compare(_watched(before), _watched(now), margin=MARGIN)
        log.info("Another embedder was tried", extra={"changes": str(dict(comparison.changes))})
        if not comparison.losses:
            return ""
        lost = ", ".join(f"{name} {before[name]} → {now[name]}" for name in comparison.losses)
        return f"{candidate.space} was not let in: on {len(cases)} judged questions it loses ({lost})"


def _watched(found: Mapping[str, object]) -> dict[str, float | None]:
    return {name: cast("float | None", found[name]) for name in WATCHED}
