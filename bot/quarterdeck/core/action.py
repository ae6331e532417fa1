"""Describe what a workflow's step may do, and what it is handed when it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """Hand an action its checked input. `key` is the same at every try of this step of this run.

    `folder` is the run's own; `progress` tells people in one sentence how far a long action is.
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
