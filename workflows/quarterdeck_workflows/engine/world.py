"""Name what a walk over a workflow needs of the world: all that has an effect, and all that may come out differently.

Each method runs on the bot's own event loop, inside a durable step, unless it says otherwise. The answers are plain
JSON: they are on disk, and a replay takes them from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from quarterdeck.core.access import ApprovalRule
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.engine.ending import Ending, Failure
from quarterdeck_workflows.engine.job import Job
from quarterdeck_workflows.language.spec import Ask, Step, Wait, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Say which step a call is about, and of which durable run. `key` is the same at every try of this step.

    `topic` is what the run waits for an answer under, where it does. `name` is that of this try.
    """

    job: Job
    durable_id: str
    place: str
    name: str
    step: Step
    topic: str = ""

    @property
    def key(self) -> str:
        """Name the step over all runs."""
        return f"{self.job.root}:{self.job.prefix}{self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Ask for an action. `approval` is the request by which others agreed to it."""

    order: Order
    action: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    timeout_s: float | None = None
    approval: str = ""


class World(Protocol):
    """Do what a walk asks for."""

    def enter(self, step: Step) -> None:
        """Hear that a step is taken, from whatever thread walks, at each replay again."""

    async def act(self, act: Act) -> Json:
        """Run an action with the rights that the run's person has now; returns one of

        `{"output": …}`; `{"output_blob": digest}`; `{"error": failure, "after_s": seconds or null}`;
        `{"approval": {by, quorum, within_s, rule}}`: not before others agree; `{"unknown": text}`: it began before, or
        its answer was lost, and it cannot be known whether it was done.
        """

    async def ask_approval(
        self, order: Order, what: Mapping[str, Json], needs: ApprovalRule, subject: str
    ) -> Json:
        """Ask others; returns `{"id": …}`, or `{"error": failure}`. The answer comes under the order's topic."""

    async def confirm(self, order: Order, plan: str) -> Json:
        """Show what the run would do, and ask its starter; the yes comes under the order's topic."""

    async def verdict(self, order: Order, approval_id: str, needs: ApprovalRule) -> Json:
        """Return `{"state": granted|denied|expired|refused, "by": [names], "comment": text}`."""

    async def ask(self, order: Order, step: Ask, values: Mapping[str, str]) -> Json:
        """Show a form to a person; returns `{}` or `{"error": failure}`. `values`: person, conversation, message."""

    async def listen(self, order: Order, step: Wait, event: str) -> Json:
        """Wait for an event from now on; what comes is sent under the order's topic."""

    async def hush(self, order: Order) -> Json:
        """Stop waiting: for an event, an answer, a decision. What it asked people is closed."""

    async def hold(self, order: Order, reason: str) -> Json:
        """Ask people what is to become of a step of which nobody knows; the word comes under the order's topic."""

    async def until(self, order: Order, moment: str) -> Json:
        """Return the seconds until a moment, 0 when it is past; `{"error": failure}` when it is none."""

    async def park(self, order: Order, seconds: float) -> Json:
        """Show that the run sleeps."""

    async def workflow(self, order: Order, name: str, arguments: Mapping[str, Json]) -> Json:
        """Return `{"definition": …, "inputs": …}` of a workflow that the run's person may start, or `{"error": …}`."""

    async def drop(self, job: Job, durable_id: str) -> Json:
        """Ask people no more for what this part of a run waited for: its time is up."""

    async def failed(self, job: Job, failure: Failure) -> Json:
        """Take note that a run, or a part of one, ends because a step failed."""

    async def ended(self, job: Job, ending: Ending, states: Mapping[str, str]) -> None:
        """Take note that the whole run is over. Not kept: said again at a replay."""

    def known(self, job: Job) -> Workflow | None:
        """Return the workflow of a job where it is at hand; asked from whatever thread walks."""

    async def definition(self, job: Job) -> Workflow:
        """Return the workflow as it was when the run started. Not kept."""

    async def load(self, root: str, digest: str) -> Json:
        """Return a large value by its hash. Not kept."""

    async def keep(self, root: str, value: Json) -> str:
        """Keep a large value and return its hash; the same twice is once. Not kept in the journal."""
