"""Know what starts which workflow, from the files as they are now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from quarterdeck.core.ports import Clock
from quarterdeck_workflows.language.spec import (
    OnButton,
    OnCommand,
    OnMessage,
    OnReaction,
    OnSchedule,
    OnStartup,
    OnWebhook,
    OnWorkflow,
    Trigger,
    Workflow,
)

LOOK_EVERY_S: Final = 1.0

T = TypeVar("T", OnCommand, OnSchedule, OnWebhook, OnMessage, OnReaction, OnButton, OnWorkflow, OnStartup)

log = logging.getLogger(__name__)


class Files(Protocol):
    """Know the workflow files."""

    def all(self) -> Sequence[Workflow]:
        """Return the workflows as they are now, by name."""

    @property
    def changes(self) -> int:
        """Count how often they were read."""


class Index:
    """Hold the triggers by kind. The files are looked at once a second at the most."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files, self._clock = files, clock
        self._looked_s = -LOOK_EVERY_S
        self._seen = -1
        self._workflows: Sequence[Workflow] = ()
        self._all: list[tuple[Workflow, Trigger]] = []
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after the workflows have changed."""
        self._listeners.append(listener)

    def of(self, kind: type[T]) -> list[tuple[Workflow, T]]:
        """Return the triggers of a kind with their workflows, by the workflows' names."""
        return [(workflow, one) for workflow, one in self.all() if isinstance(one, kind)]

    def all(self) -> Sequence[tuple[Workflow, Trigger]]:
        """Return every trigger with its workflow."""
        self.look()
        return self._all

    def workflows(self) -> Sequence[Workflow]:
        """Return the workflows themselves."""
        self.look()
        return self._workflows

    def hook(self, name: str) -> tuple[Workflow, OnWebhook] | None:
        """Return what a webhook starts; of two that claim a name, the first workflow by name has it."""
        return self.hooks().get(name)

    def hooks(self) -> Mapping[str, tuple[Workflow, OnWebhook]]:
        """Return all webhooks."""
        found: dict[str, tuple[Workflow, OnWebhook]] = {}
        for workflow, one in self.of(OnWebhook):
            found.setdefault(one.name, (workflow, one))
        return found

    def look(self) -> None:
        """Take over what has changed in the files, if it is time to look."""
        now_s = self._clock.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        workflows = self._files.all()
        if self._files.changes == self._seen:
            return
        self._seen, self._workflows = self._files.changes, workflows
        self._all = [(workflow, one) for workflow in workflows for one in workflow.triggers]
        for listener in self._listeners:
            listener()
