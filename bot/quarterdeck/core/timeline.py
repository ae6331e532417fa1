"""Describe what a run has done, step by step, for people to read; and who may read and change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from quarterdeck.core.access import AccessRequest, Authoriser, Decision, Way
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.run import RunOf
from quarterdeck.core.value import dataclass

Word = Literal["cancel", "resume", "confirm", "retry", "skip", "fail"]
"""What people can say about a run, as in `/runs ID WORD`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Offer one thing that can be done about a run now."""

    word: Word
    label: str
    is_dangerous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Show one step. `place` is where it stands in the file, `depth` how deep inside others, 0 the outermost.

    `state` is succeeded, failed, skipped, running, waiting or unknown, empty where it was not reached. `output` is
    JSON, or the text itself, shortened; `took_ms` None while it goes on.
    """

    place: str
    title: str
    kind: str
    state: str = ""
    depth: int = 0
    tries: int = 1
    at_ms: int | None = None
    took_ms: int | None = None
    output: str = ""
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Show a run with its steps. `left_out` counts inner steps that are not shown: the oldest ones."""

    run: RunOf
    title: str
    entries: tuple[Entry, ...]
    choices: tuple[Choice, ...] = ()
    left_out: int = 0


class RunBook(Protocol):
    """Tell what runs have done."""

    async def of_person(self, person: Person, limit: int) -> Sequence[RunOf]:
        """Return the runs that somebody has the rights of, newest first."""

    async def all(self, limit: int) -> Sequence[RunOf]:
        """Return the runs of everybody, newest first."""

    async def timeline(self, run_id: str) -> Timeline:
        """Return what a run has done so far.

        Raises:
            NotFound: no run has this id.
        """

    async def say(self, run_id: str, word: Word, *, by: str) -> RunOf:
        """Do what somebody said about a run.

        Raises:
            NotFound: no run has this id.
            UsageError: there is nothing of the kind to do.
        """

    def watch(self, run_id: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` whenever something of the run may have changed; returns what ends that."""


def is_own(run: RunOf, person: Person, identity: Identity) -> bool:
    """Tell whether a run has somebody's own rights."""
    return run.owner == person.id or run.identity == identity or str(run.identity) in person.identities


async def may_handle(
    authoriser: Authoriser,
    run: RunOf,
    *,
    person: Person,
    identity: Identity,
    way: Way,
    conversation: Conversation | None = None,
) -> Decision:
    """Decide whether somebody may look into a run from anywhere, and say what becomes of it.

    Their own, yes; those of others by the policy, as `action:runs.others`: an admin unless a rule says otherwise.
    """
    if is_own(run, person, identity):
        return Decision(allowed=True, rule="own run")
    return await others(authoriser, person=person, identity=identity, way=way, conversation=conversation)


async def others(
    authoriser: Authoriser,
    *,
    person: Person,
    identity: Identity,
    way: Way,
    conversation: Conversation | None = None,
) -> Decision:
    """Decide whether somebody may deal with the runs of everybody."""
    return await authoriser.authorise(
        AccessRequest(
            person=person,
            identity=identity,
            action="action:runs.others",
            way=way,
            conversation=conversation,
            least_role="admin",
            effect="write",
        )
    )
