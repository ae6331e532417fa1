"""Say what is near to a question, and how near."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from quarterdeck.core.value import dataclass
from quarterdeck.runtime.workers.protocol import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Hold the chunks nearest to a question, by id, each with its cosine; `vector` is the question's."""

    cosines: Mapping[str, float]
    vector: bytes


def near_of(answer: Part) -> Near:
    """Read the librarian's answer to `find`."""
    found = cast("list[tuple[str, str, float]]", answer.value)
    return Near(cosines={id_: cosine for _, id_, cosine in found}, vector=answer.blob)


def cosines(vector: bytes, others: Mapping[str, bytes]) -> dict[str, float]:
    """Return the cosine of `vector` to each of `others`, all of length 1; 0 for those of another space.

    Of two vectors of length 1 their distance says it, and that Python computes in C: half the time of a sum.
    """
    mine = tuple(memoryview(vector).cast("f"))
    return {
        id_: 1.0 - math.dist(mine, tuple(memoryview(other).cast("f"))) ** 2 / 2
        if len(other) == len(vector)
        else 0.0
        for id_, other in others.items()
    }
