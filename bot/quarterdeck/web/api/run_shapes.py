"""Say what goes in and out of the API about runs of workflows."""

from __future__ import annotations

from typing import Literal

from quarterdeck.core.timeline import Word
from quarterdeck.web.api.shapes import Shape


class RunWord(Shape):
    """Say what is to become of a run."""

    word: Word


class RunShown(Shape):
    """Show one run. `by` is whose rights it has; `is_own`: they are the caller's."""

    id: str
    workflow: str
    state: Literal["waiting", "running", "succeeded", "failed", "cancelled", "unknown"]
    step: str
    message: str
    by: str
    is_own: bool
    conversation: str
    started_at: str
    finished_at: str | None


class RunsShown(Shape):
    """Show runs, newest first; `sees_all`: those of others too."""

    runs: list[RunShown]
    sees_all: bool


class StepShown(Shape):
    """Show one step; `depth` 0 is an outermost one. What it came to is shortened."""

    place: str
    title: str
    kind: str
    state: Literal["succeeded", "failed", "skipped", "running", "waiting", "unknown", ""]
    depth: int
    tries: int
    at: str | None
    took_ms: int | None
    output: str
    error: str
    hint: str


class ChoiceShown(Shape):
    """Offer one thing that can be done about a run now."""

    word: Word
    label: str
    danger: bool


class TimelineShown(Shape):
    """Show a run with its steps; `has_outputs` false: what steps came to is not the caller's to see.

    `html` is the run's message, sanitised.
    """

    run: RunShown
    title: str
    steps: list[StepShown]
    choices: list[ChoiceShown]
    html: str
    left_out: int
    has_outputs: bool
