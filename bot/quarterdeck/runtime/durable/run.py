"""Describe a run: what its body may do, and what people see of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, Protocol

from quarterdeck.core.ports import Json

P = ParamSpec("P")

RunState = Literal["waiting", "running", "succeeded", "failed", "cancelled", "unknown"]

StepBody = Callable[P, Coroutine[Any, Any, Json]]


class Run(Protocol):
    """Be what a body does its work through. A replay must make the same calls in the same order."""

    @property
    def id(self) -> str:
        """Name the run, the same at each replay: `f"{run.id}:{step}"` is a step's idempotency key."""

    async def step(self, name: str, function: StepBody[P], *args: P.args, **kwargs: P.kwargs) -> Json:
        """Await `function(…)` on the bot's event loop and keep what it returned, which must be plain JSON.

        It is run again only when the process dies before the result is on disk.

        Raises:
            StepFailed: it raised; the same at a replay.
            NonDeterministic: at this place another step was recorded.
        """

    async def sleep(self, seconds: float) -> None:
        """Wait until that long after the first time that the run came here, however often it is restarted."""

    async def wait(self, topic: str, timeout_s: float) -> Json:
        """Return what was sent to this run under `topic`, oldest first, or None when nothing came in time."""


Body = Callable[[Run, Json], Awaitable[Json]]
"""Do the work of a run from its input, which is plain JSON, and return its result, plain JSON too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Name a body on disk, and say after how many crashes of the process a run of it is given up."""

    name: str
    body: Body
    most_recoveries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Describe a queue: how many of its runs go at once, and how often it looks for new ones.

    Each costs a thread, and at 50 ms a twentieth of a processor core: have few.
    """

    name: str
    concurrency: int = 4
    poll_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """Show one run. `step` is the last step that finished, empty before the first; times are ms UTC."""

    run_id: str
    workflow: str
    state: RunState
    step: str
    started_at_ms: int | None
    finished_at_ms: int | None
    conversation: str | None


def plain(value: Json, what: str) -> Json:
    """Return `value` as it will be read back from disk, so that a first run and a replay see the same.

    Raises:
        TypeError: it is not plain JSON.
    """
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} must be plain JSON: {error}") from error
    result: Json = json.loads(text)
    return result
