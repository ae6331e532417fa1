"""Describe runs of workflows: what is kept of them, what people see of them, what people do about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

State = Literal["waiting", "running", "succeeded", "failed", "cancelled", "unknown"]
OVER: tuple[State, ...] = ("succeeded", "failed", "cancelled")

Decision = Literal["retry", "skip", "fail", "confirm"]
"""What a person says to a step of which nobody knows whether it was done; or to the plan of a run that waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOf:
    """Hold one run. `durable_id` is the durable run that does it now: another one after each `resume`.

    `step` is the step that it is at, as people call it; `message` says why it ended or what it waits for. `states` has
    the outermost steps by id. `shown_as` is the outbox key of its progress message, empty where none was sent.
    """

    id: str
    workflow: str
    digest: str
    state: State
    owner: str
    identity: Identity
    conversation: Conversation
    durable_id: str
    step: str = ""
    message: str = ""
    states: Mapping[str, str] = field(default_factory=dict)
    shown_as: str = ""
    trigger: str = ""
    started_at_ms: int
    finished_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold what a run waits for: `kind` is approval, ask, event or unknown; `subject` is its id or name.

    `durable_id` and `topic` are where the answer goes. `detail` is plain JSON: what is needed to show it again.
    """

    run_id: str
    durable_id: str
    topic: str
    kind: str
    subject: str
    detail: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """Say who starts a run, from where, by which event; `key` is the same when it is tried again.

    `shown_as` is the outbox key of a message that shows the run's progress from its start, empty: only a failure is
    shown. With `confirms`, a run that could destroy something or cost money shows its plan first, and waits for a yes.
    Inputs of the kind file are names of `attachments`, or of files in `files`: the folder of another run, or where
    somebody at the command line stands, who may name any path (`is_local`).
    """

    person: Person
    identity: Identity
    conversation: Conversation
    key: str
    shown_as: str = ""
    trigger: Mapping[str, Json] = field(default_factory=dict)
    confirms: bool = False
    attachments: tuple[Attachment, ...] = ()
    files: Path | None = None
    is_local: bool = False

    @property
    def names(self) -> Sequence[str] | None:
        """Return the names that inputs of the kind file may have, None: any."""
        return None if self.files is not None else [one.name for one in self.attachments]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Show a workflow that somebody may start; `inputs` are those that have no default."""

    name: str
    title: str
    description: str = ""
    inputs: tuple[str, ...] = ()


class Runs(Protocol):
    """Start workflows, show runs, and change what becomes of them."""

    async def begin(self, name: str, line: str, starter: Starter) -> RunOf:
        """Start the workflow `name` with inputs as they are typed: `name=value …`; the same `key` twice is one run.

        Raises:
            NotFound: there is no such workflow.
            UsageError: the inputs do not fit.
            Denied: the person may not run it.
        """

    async def offered(self, person: Person, identity: Identity, words: str = "") -> Sequence[Offered]:
        """Return the workflows that somebody may start and that have all `words`, by name."""

    def shelved(self, words: str = "") -> Sequence[Offered]:
        """Return the workflows of the library that nobody switched on and that have all `words`, by name."""

    async def of_conversation(self, conversation_id: str, limit: int = 10) -> Sequence[RunOf]:
        """Return the runs of a conversation, newest first."""

    async def get(self, run_id: str) -> RunOf:
        """Return a run, by its id or the beginning of it.

        Raises:
            NotFound: no run has this id, or more than one.
        """

    async def cancel(self, run_id: str, *, by: str) -> RunOf:
        """Stop a run, and the step that it is in where it can be; one that is over stays as it is."""

    async def resume(self, run_id: str, *, by: str, decision: Decision = "retry") -> RunOf:
        """Go on with a failed run at the step that failed; or decide about a step of which nobody knows.

        Raises:
            UsageError: there is nothing to go on with.
        """

    def describe(self, run: RunOf) -> str:
        """Return what people are shown of a run, as CommonMark."""

    def page(self, run: RunOf) -> str:
        """Return the address of a run's page, empty where people elsewhere can reach none."""
