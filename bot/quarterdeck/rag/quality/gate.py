"""Compare what was measured with the last accepted measurement, and refuse what has become worse."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.core.value import dataclass

WATCHED = ("recall_at_5", "ndcg_at_10", "mrr", "citation_precision", "fact_recall", "not_found_precision")
MARGIN = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Hold how each measure changed (now minus before), and which lost more than the margin."""

    changes: Mapping[str, float]
    losses: tuple[str, ...]


def compare(
    before: Mapping[str, float | None], now: Mapping[str, float | None], *, margin: float = MARGIN
) -> Comparison:
    """Compare two measurements; a measure that is there no more is lost."""
    changes: dict[str, float] = {}
    losses = []
    for name in WATCHED:
        was, is_ = before.get(name), now.get(name)
        if was is None:
            continue
        if is_ is None:
            losses.append(name)
            continue
        changes[name] = round(is_ - was, 4)
        if was - is_ > margin + 1e-9:
            losses.append(name)
    return Comparison(changes=changes, losses=tuple(losses))
