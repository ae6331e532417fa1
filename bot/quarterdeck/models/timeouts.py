"""Bound the time of a call to a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Bound a call: to connect, between two pieces of an answer, and as a whole; in seconds."""

    connect_s: float = 10.0
    idle_s: float = 60.0
    total_s: float = 180.0
