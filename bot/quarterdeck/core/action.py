"""Describe what a workflow's step may do, and what it is handed when it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.core.command import Effect
    from quarterdeck.core.message import Conversation
    from quarterdeck.core.person import Identity, Person
    from quarterdeck.core.ports import Json, Services

Idempotency = Literal["pure", "key", "none"]
"""Say what a second run of the same step does after a crash: nothing that anybody could see, nothing because the other
side knows the key, or the effect again: then a person decides (the run's step is `unknown`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """Declare an action: `id` is `noun.verb`, `input` and `output` are JSON Schemas, `secrets` names what it may read.

    `is_untrusted` marks a result that strangers may have written (a web page, a message): what a model makes of it
    may not reach for write actions by itself.
    """

    id: str
    summary: str
    input: Mapping[str, Json]
    output: Mapping[str, Json] = field(default_factory=dict)
    effect: Effect = "read"
    idempotency: Idempotency = "pure"
    secrets: tuple[str, ...] = ()
    is_untrusted: bool = False
    timeout_s: float = 60.0
    meaning: Callable[[Mapping[str, Json]], tuple[Effect, Idempotency]] | None = field(
        default=None, compare=False
    )

    def meant(self, given: Mapping[str, Json]) -> ActionSpec:
        """Return what holds for this input, where effect and idempotency depend on it (a GET is no POST)."""
        if self.meaning is None:
            return self
        effect, idempotency = self.meaning(given)
        return replace(self, effect=effect, idempotency=idempotency, meaning=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """Hand an action its checked input. `key` is the same at every try of this step of this run.

    `folder` is the run's own, and holds `folder_bytes` at the most. `progress` tells people in one sentence how far a
    long action is.
    """

    input: Mapping[str, Json]
    key: str
    run_id: str
    workflow: str
    person: Person
    identity: Identity
    conversation: Conversation
    folder: Path
    services: Services
    progress: Callable[[str], Awaitable[None]]
    folder_bytes: int = 1024**3


class Action(Protocol):
    """Do one thing for a workflow."""

    @property
    def spec(self) -> ActionSpec:
        """Declare it."""

    async def run(self, call: ActionCall) -> Json:
        """Do it and return a result that fits `spec.output`, plain JSON.

        Raises:
            QuarterdeckError: it could not; `Unavailable` and `RateLimited` may be tried again.
        """


class Reactions(Protocol):
    """Put an emoji under a message, wherever it stands."""

    async def react(self, to: Conversation, message: str, emoji: str) -> bool:
        """Add the emoji; twice is once. False: the platform knows no reactions.

        `message` is the platform's message id, or the outbox key of a message of ours; then it is waited for.

        Raises:
            NotFound: no platform of this name is connected.
            ServiceError: the platform refused, or our message has not arrived.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Hold how often something was counted since `first_at_ms`, and what was noted beside it."""

    count: int = 0
    first_at_ms: int = 0
    last_at_ms: int = 0
    value: Json = None


class Tallies(Protocol):
    """Count things over all runs of a workflow, by name."""

    async def add(self, workflow: str, name: str, *, key: str, within_s: float) -> Tally:
        """Count one more; after `within_s` without one it begins anew. The same `key` twice counts once."""

    async def put(self, workflow: str, name: str, value: Json) -> Tally:
        """Note something beside a count; nothing where there is none."""

    async def clear(self, workflow: str, name: str, *, key: str) -> Tally:
        """Count from nothing again; returns what there was, the same for the same `key`."""


class Starting(Protocol):
    """Start workflows."""

    async def start(
        self,
        workflow: str,
        inputs: Mapping[str, Json],
        *,
        key: str,
        person: Person,
        identity: Identity,
        conversation: Conversation,
        files: Path | None = None,
    ) -> str:
        """Start a run of `workflow` with the rights of `person` and return its id; the same `key` twice is one run.

        Inputs of the kind file are names in `files`, the folder of the run that starts it.

        Raises:
            NotFound: there is no such workflow.
            UsageError: the inputs do not fit.
            Denied: the person may not run it.
        """
