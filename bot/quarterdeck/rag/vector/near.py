"""Say what is near to a question, and how near."""

from __future__ import annotations

import operator
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


def cosine(one: bytes, other: bytes) -> float:
    """Return the cosine of two vectors of length 1; 0 when they are of different spaces."""
    if len(one) != len(other):
        return 0.0
    left, right = memoryview(one).cast("f"), memoryview(other).cast("f")
    return float(sum(map(operator.mul, left, right)))
