"""Name what the engine needs of the bot; `app/workflows.py` plugs the real things in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from quarterdeck.core.action import Action
from quarterdeck.core.approval import Requests
from quarterdeck.core.command import Command
from quarterdeck.core.image import Attached
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Authoriser, Clock, Json, Outbox, People, Services
from quarterdeck.core.run import RunOf, State, Waiting
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.spec import Workflow


class RunRows(Protocol):
    """Keep the index of runs."""

    async def add(self, run: RunOf) -> RunOf: ...
    def note(self, run_id: str, changes: Mapping[str, object]) -> asyncio.Future[None]: ...
    async def get(self, run_id: str) -> Sequence[RunOf]: ...
    async def all(
        self,
        *,
        limit: int,
        conversation_id: str | None = None,
        states: Sequence[State] = (),
        owner: Person | None = None,
    ) -> list[RunOf]: ...
    async def wait(self, waiting: Waiting) -> None: ...
    async def waits(
        self, *, kind: str = "", subject: str | None = None, run_id: str | None = None
    ) -> list[Waiting]: ...
    async def end_wait(self, durable_id: str, topic: str) -> None: ...
    async def end_waits(self, run_id: str) -> list[Waiting]: ...
    async def mark(self, key: str, run_id: str) -> bool: ...
    async def keep(self, run_id: str, digest: str, value: str) -> None: ...
    async def load(self, run_id: str, digest: str) -> str | None: ...
    async def forget(self, durable_ids: Sequence[str]) -> list[str]: ...


class Shelf(Protocol):
    """Know the workflows there are now."""

    def all(self) -> Sequence[Workflow]:
        """Return those that are on, by name."""

    def off(self) -> Sequence[Workflow]:
        """Return those of the library that nobody switched on, by name."""

    def get(self, name: str) -> Workflow | None:
        """Return the one of this name, if it is on."""

    def find(self, name: str, *, is_called: bool = False) -> Workflow:
        """Return the one of this name; one that another calls need not be on.

        Raises:
            NotFound: there is none, or nobody switched it on; the hint names the way.
        """


class Actions(Protocol):
    """Know the actions there are."""

    def get(self, id_: str) -> Action | None: ...


class Record(Protocol):
    """Write down what is done, before it is done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None: ...


class Asking(Protocol):
    """Show a form of our own accord, and take the values that come back."""

    async def ask(
        self,
        form_id: str,
        command: Command,
        identity: Identity,
        conversation: Conversation,
        *,
        expires_at_ms: int,
    ) -> None:
        """Keep the form and send it."""

    async def close(self, form_id: str) -> None:
        """Close it."""


class Inputs(Protocol):
    """Read the inputs of a workflow as options of commands are read."""

    def typed(
        self,
        workflow: Workflow,
        line: str,
        identity: Identity,
        conversation: Conversation,
        files: Sequence[str] | None = (),
    ) -> Mapping[str, Json]:
        """Read `name=value …`; `files` are the names that inputs of the kind file may have, None: any.

        Raises:
            UsageError: names the input, the value and what is allowed.
        """

    def given(
        self, workflow: Workflow, values: Mapping[str, Json], files: Sequence[str] | None = ()
    ) -> Mapping[str, Json]:
        """Check values that came by name, and add the defaults; `files` as above.

        Raises:
            UsageError: as above.
        """


class OnEnded(Protocol):
    """Hear that a run has ended, and with which output; the same end may be told twice."""

    async def __call__(self, run: RunOf, output: Json) -> None: ...


async def tell_nobody(run: RunOf, output: Json) -> None:
    """Start nothing after a run."""


class Cost(Protocol):
    """Estimate what an action costs."""

    async def __call__(self, action: str, arguments: Mapping[str, Json]) -> float | None:
        """Return US dollars at the most for one time, 0 where it costs nothing, None where nobody knows."""


async def _free(action: str, arguments: Mapping[str, Json]) -> float | None:
    return 0.0


def _no_page(run_id: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """Bundle what the engine uses of the bot.

    `folder` is where runs keep their files. `can_edit` tells whether a message can be changed in a conversation.
    `cost` estimates actions, for plans. `page_of` is where people read all of a run, empty: nowhere.
    `attached` fetches files that people sent; a run's folder holds `folder_bytes` at the most.
    """

    clock: Clock
    people: People
    authoriser: Authoriser
    outbox: Outbox
    approvals: Requests
    record: Record
    asking: Asking
    inputs: Inputs
    rows: RunRows
    shelf: Shelf
    actions: Actions
    folder: Path
    can_edit: Callable[[Conversation], bool] = lambda _where: True
    cost: Cost = _free
    page_of: Callable[[str], str] = _no_page
    attached: Attached | None = None
    folder_bytes: int = 1024**3


class ServicesOf(Protocol):
    """Return what actions may use; asked late, since that holds the engine itself."""

    def __call__(self) -> Services: ...
