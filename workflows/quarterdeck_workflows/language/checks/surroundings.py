"""Name what a workflow is checked against: actions, other workflows, roles, commands; and what a check found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from typing import Literal

from quarterdeck.core.action import ActionSpec
from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.spec import OnSchedule, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Hold one thing that is wrong, with its place: an `error` keeps the workflow out, a `warning` does not."""

    error: SetupError
    level: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Hold what there is. `roles` empty: not checked. `commands` are those that are no workflow's.

    `schedule_fault` returns what is wrong with a trigger's moment, and a hint; two empty texts where nothing is.
    """

    actions: Mapping[str, ActionSpec] = field(default_factory=dict)
    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    roles: Collection[str] = ()
    commands: Collection[str] = ()
    schedule_fault: Callable[[OnSchedule], tuple[str, str]] | None = None
