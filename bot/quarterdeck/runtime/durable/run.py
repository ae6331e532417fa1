"""Describe a run: what its body may do, and what people see of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass

P = ParamSpec("P")
T = TypeVar("T")

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

    async def look(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Await `function(…)` on the bot's event loop and keep nothing of it.

        Only for what never changes (a document by its hash), and for what nobody decides by (a sign of progress).
        """

    async def sleep(self, seconds: float) -> None:
        """Wait until that long after the first time that the run came here, however often it is restarted."""

    async def wait(self, topic: str, timeout_s: float) -> Json:
        """Return what was sent to this run under `topic`, oldest first, or None when nothing came in time."""

    async def begin(
        self,
        name: str,
        payload: Json,
        *,
        part: str,
        queue: str = "",
        partition: str = "",
        timeout_s: float | None = None,
    ) -> None:
        """Start the body `name` as a child run, `{id}/{part}`; on `queue`, where one is named.

        After `timeout_s` it is cancelled.
        """

    async def first(self, parts: Sequence[str]) -> str:
        """Wait until one of these child runs has ended, and return which; the same one at a replay."""

    async def ending(self, part: str) -> Json:
        """Wait for a child run and return its result.

        Raises:
            Cancelled: it was cancelled, or took too long.
            RunError: its body raised.
        """


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

    Each costs a thread, and at 50 ms a twentieth of a processor core: have few. Of a partitioned one, the runs of the
    same partition go one after the other, and those of different ones do not wait for each other at all. A rare one is
    opened when a run is first put on it, which that one run waits a second for, and kept open from then on.
    """

    name: str
    concurrency: int = 4
    is_partitioned: bool = False
    is_rare: bool = False
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Show one thing that a run has done; `child` is the run that it began, or whose end it saw."""

    name: str
    output: Json
    child: str
    started_at_ms: int | None
    finished_at_ms: int | None


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
