"""Lay trees of plain data over each other: ours below, the owner's above."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.core.ports import Json

Tree = dict[str, Json]
Keys = tuple[str | int, ...]


def merge(below: Mapping[str, Json], above: Mapping[str, Json]) -> Tree:
    """Return `above` over `below`: maps are merged key by key, everything else is replaced.

    A map whose lines are all commented out reads as null, and says nothing.
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and value is None:
            continue
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged
