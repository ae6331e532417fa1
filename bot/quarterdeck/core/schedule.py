"""Describe standing orders: what happens when, what becomes of times that were missed, and who keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Protocol

from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass

_PLANNED = re.compile(r":cron:[^:]+:(\d{4}-\d\d-\d\dT\S+)$")


def planned_at(event_key: str) -> str:
    """Return the planned time (RFC 3339) that an event stands for by its key; empty where no schedule raised it."""
    found = _PLANNED.search(event_key)
    return found[1] if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Describe one standing order: at each `trigger`, in `timezone`, do `what` in `conversation`.

    `what` is a command line such as `/digest`; it runs with the rights of `owner` at the time of each fire.
    `misfire` is `skip`, `once`, `all`, `all <= N` or `ask`; `overlap` is `skip`, `queue`, `parallel` or `cancel`.
    A time that is later than `lateness_s` is never made up for; None: any lateness. `version` counts changes.
    `failures` fires in a row went wrong, the first of them planned at `failing_since_ms`.
    """

    id: str
    trigger: str
    timezone: str
    what: str
    conversation: Conversation
    owner: Identity
    misfire: str = "once"
    overlap: str = "skip"
    lateness_s: int | None = None
    paused: bool = False
    last_at_ms: int | None = None
    created_at_ms: int = 0
    version: int = 1
    failing_since_ms: int | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """Show the coming change of a zone's clocks, and the planned times before and after it; all in the zone."""

    at: datetime
    before: datetime | None = None
    after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """Show what was made of a trigger: its stored form, a sentence, and the next times, in the zone."""

    trigger: str
    timezone: str
    said: str
    next: tuple[datetime, ...]
    change: ClockChange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Hold what somebody wants of a schedule; None: as it is, or the default for a new one. -1: no lateness limit."""

    trigger: str | None = None
    timezone: str | None = None
    what: str | None = None
    misfire: str | None = None
    overlap: str | None = None
    lateness_s: int | None = None

    def is_empty(self) -> bool:
        """Tell whether nothing is wanted."""
        return self == Changes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Hold an order that waits for a yes. `edits` names the schedule that it changes, from `version`; empty: a new one.

    `changes` are checked, the trigger in its stored form.
    """

    id: str
    identity: Identity
    conversation: Conversation
    changes: Changes
    expires_at_ms: int
    edits: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FireRow:
    """Show one planned time: `outcome` is fired, missed, skipped, asked (a person decides) or due (it waits its turn).

    `result` is empty until a fire has ended, then `ok` or `failed`.
    """

    planned_ms: int
    outcome: str
    result: str = ""
    reason: str = ""
    run_id: str = ""
    ended_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Streak:
    """Say how an end changed a row of failures: which planned time began it, how many there were before the end.

    `is_first` failure of a row, or the end of one (`is_over`).
    """

    since_ms: int
    failures: int
    is_first: bool = False
    is_over: bool = False


class Schedules(Protocol):
    """Keep standing orders."""

    async def add(
        self,
        *,
        key: str,
        trigger: str,
        timezone: str,
        what: str,
        conversation: Conversation,
        owner: Identity,
        misfire: str = "once",
        overlap: str = "skip",
        lateness_s: int | None = None,
    ) -> Schedule:
        """Store a schedule; the same `key` twice is one schedule.

        Raises:
            UsageError: trigger, timezone, misfire word or command line is wrong; the hint says how to write it.
            Denied: the owner may not run the command.
        """

    async def draft(
        self,
        changes: Changes,
        *,
        conversation: Conversation,
        owner: Identity,
        edits: str = "",
        version: int = 0,
    ) -> tuple[Draft, Understood]:
        """Check an order and keep it until its maker agrees; returns what was understood.

        `edits` names a schedule that is to be changed, from `version`; 0: from the one that it has now.

        Raises:
            UsageError, Denied, NotFound: as `add` does.
        """

    async def confirm(self, draft_id: str, *, by: Identity) -> Schedule:
        """Store what waits; twice is once.

        Raises:
            NotFound: there is no such draft, or its time is over.
            Denied: it is somebody else's.
            UsageError: the schedule was changed meanwhile.
        """

    async def discard(self, draft_id: str, *, by: Identity) -> None:
        """Forget what waits.

        Raises:
            NotFound, Denied: as above.
        """

    async def edit(self, schedule_id: str, changes: Changes, *, by: Identity, version: int = 0) -> Schedule:
        """Change a schedule, if it still has this `version` (0: whichever it has now).

        Raises:
            UsageError: a value is wrong, or the schedule was changed meanwhile.
            NotFound: no such schedule.
        """

    async def all(self, conversation_id: str | None = None) -> list[Schedule]:
        """Return schedules, oldest first."""

    async def get(self, schedule_id: str) -> Schedule:
        """Return one.

        Raises:
            NotFound: no such schedule.
        """

    async def fires(self, schedule_id: str, limit: int = 10) -> list[FireRow]:
        """Return the latest planned times that were dealt with, newest first."""

    async def pause(self, schedule_id: str, *, paused: bool, version: int = 0) -> Schedule:
        """Stop firing, or go on; planned times that pass while paused are not made up for."""

    async def remove(self, schedule_id: str, *, version: int = 0) -> Schedule:
        """Delete and return it.

        Raises:
            NotFound: no such schedule.
        """

    async def run(self, schedule_id: str, *, key: str) -> Schedule:
        """Fire now, beside the plan; the same `key` twice fires once.

        Raises:
            NotFound: no such schedule.
            Busy: the conversation has too much waiting.
        """

    async def catch_up(self, schedule_id: str, choice: str, *, up_to_ms: int) -> tuple[int, int]:
        """Decide about missed times that wait for it: `once`, `all` or `skip`; returns how many run, and do not.

        Raises:
            NotFound: no such schedule, or nothing waits (any more).
            UsageError: there is no such choice.
        """

    def understand(self, trigger: str, timezone: str) -> Understood:
        """Read a trigger in any of its forms, plain words included; an empty `timezone` is the default one.

        Raises:
            UsageError: trigger or timezone is wrong, or no time is to come.
        """

    def preview(self, trigger: str, timezone: str, count: int = 5) -> list[datetime]:
        """Return the next planned times, in the zone; an empty `timezone` is the default one.

        Raises:
            UsageError: trigger or timezone is wrong.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """Say where a digest looks: `kind` is conversation, workflow, knowledge, feed or json.

    `target` is a conversation's id, a workflow's or collection's name (`*`: all), or an address. `paths` are JMESPath
    expressions of a `json` source by field: items, id, title, url, text, at. `credential` is one of
    `egress.credentials`.
    """

    kind: str
    target: str
    title: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    credential: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Hold one thing that a source has: `id` is its name within the digest, `mark` changes when it does."""

    id: str
    mark: str
    title: str
    url: str = ""
    text: str = ""
    at: datetime | None = None
    group: str = ""


class DigestSource(Protocol):
    """Find items of one kind of source; connectors bring their own."""

    async def items(
        self, spec: SourceSpec, *, since_ms: int, reader: Identity, place: Conversation
    ) -> list[Item]:
        """Return what there is, or what came after `since_ms` where the source knows times; newest last.

        `reader` is who declared the digest, `place` where it goes: what may not be read there is refused or left out.

        Raises:
            UserError: it may not be read, or is named wrongly.
            ServiceError: the other side failed.
        """
