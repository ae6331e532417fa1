"""Keep standing orders (the `Schedules` port): check what is asked for before it is stored."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from quarterdeck.core.adapter import Accept
from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock
from quarterdeck.core.schedule import Changes, Draft, FireRow, Schedule, Understood
from quarterdeck.core.text import did_you_mean
from quarterdeck.schedule import trigger as triggers
from quarterdeck.schedule.firing.fire import Fire
from quarterdeck.schedule.firing.misfire import checked, checked_overlap
from quarterdeck.schedule.moments import ms_of
from quarterdeck.schedule.rights import Rights as Rights
from quarterdeck.schedule.rights import checked_line
from quarterdeck.schedule.rows import FireRows, ScheduleRows
from quarterdeck.schedule.understanding import understand

MOST_SCHEDULES = 1000
ID_BYTES = 4
DRAFT_MS = 86_400_000  # an order waits a day for a yes
NO_LIMIT = -1  # of lateness
CHOICES = ("once", "all", "skip")  # what becomes of missed times that somebody is asked about

OnChange = Callable[[str], Awaitable[None]]


class StandingOrders:
    """Add, show and change schedules; `timezone` is the one of those that name none."""

    def __init__(
        self,
        rows: ScheduleRows,
        rights: Rights,
        accept: Accept,
        clock: Clock,
        *,
        fires: FireRows,
        timezone: str = "UTC",
    ) -> None:
        self._rows, self._rights, self._accept, self._clock = rows, rights, accept, clock
        self._fires = fires
        self.timezone = timezone
        self._on_change: list[OnChange] = []

    def on_change(self, listener: OnChange) -> None:
        """Await `listener(schedule id)` after each change, once it is stored."""
        self._on_change.append(listener)

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
        """Store a schedule; the same `key` twice is one schedule. An empty `timezone` is the default one.

        Raises:
            UsageError: trigger, timezone, misfire word or command line is wrong.
            Denied: the owner may not run the command.
        """
        changes = Changes(
            trigger=trigger,
            timezone=timezone,
            what=what,
            misfire=misfire,
            overlap=overlap,
            lateness_s=lateness_s,
        )
        checked = await self._checked(changes, conversation=conversation, owner=owner, before=None)
        return await self._stored(checked, conversation=conversation, owner=owner, key=key)

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

        Raises:
            UsageError, Denied: as `add` does.
            NotFound: there is no schedule `edits`.
        """
        before = await self.get(edits) if edits else None
        if before is not None and version not in (0, before.version):
            raise _changed_meanwhile(before)
        checked = await self._checked(changes, conversation=conversation, owner=owner, before=before)
        understood = self._wanted(changes, before)
        draft = Draft(
            id=secrets.token_hex(ID_BYTES),
            identity=owner,
            conversation=conversation,
            changes=checked,
            expires_at_ms=ms_of(self._clock.now()) + DRAFT_MS,
            edits=edits,
            version=before.version if before else 0,
        )
        await self._fires.keep_draft(draft)
        return draft, understood

    async def confirm(self, draft_id: str, *, by: Identity) -> Schedule:
        """Store what waits; twice is once.

        Raises:
            NotFound: there is no such draft, or its time is over.
            Denied: it is somebody else's.
            UsageError: the schedule was changed meanwhile.
        """
        draft = await self._draft(draft_id, by)
        if draft.edits:
            before = await self.get(draft.edits)
            if before.version == draft.version + 1 and _has(before, draft.changes):
                return before  # pressed twice
            return await self._edited(before, draft.changes, version=draft.version)
        return await self._stored(
            draft.changes, conversation=draft.conversation, owner=by, key=f"draft:{draft.id}"
        )

    async def discard(self, draft_id: str, *, by: Identity) -> None:
        """Forget what waits.

        Raises:
            NotFound, Denied: as above.
        """
        await self._draft(draft_id, by)
        await self._fires.forget_draft(draft_id)

    async def edit(self, schedule_id: str, changes: Changes, *, by: Identity, version: int = 0) -> Schedule:
        """Change a schedule, if it still has this `version` (0: whichever it has now).

        Raises:
            UsageError: a value is wrong, or the schedule was changed meanwhile.
            NotFound: no such schedule.
        """
        before = await self.get(schedule_id)
        checked = await self._checked(changes, conversation=before.conversation, owner=by, before=before)
        return await self._edited(before, checked, version=version or before.version)

    async def all(self, conversation_id: str | None = None) -> list[Schedule]:
        """Return schedules, oldest first."""
        return await self._rows.all(conversation_id)

    async def get(self, schedule_id: str) -> Schedule:
        """Return one.

        Raises:
            NotFound: no such schedule.
        """
        return await self._found(schedule_id, await self._rows.get(schedule_id))

    async def fires(self, schedule_id: str, limit: int = 10) -> list[FireRow]:
        """Return the latest planned times that were dealt with, newest first."""
        return await self._fires.latest(schedule_id, limit)

    async def pause(self, schedule_id: str, *, paused: bool, version: int = 0) -> Schedule:
        """Stop firing, or go on; planned times that pass while paused are not made up for.

        Raises:
            NotFound: no such schedule.
            UsageError: it has another `version` by now.
        """
        now_ms = ms_of(self._clock.now())
        found = await self._rows.pause(schedule_id, paused=paused, now_ms=now_ms, version=version)
        if found is not None and found.paused is not paused:
            raise _changed_meanwhile(found)
        return await self._after(schedule_id, found)

    async def remove(self, schedule_id: str, *, version: int = 0) -> Schedule:
        """Delete and return it.

        Raises:
            NotFound: no such schedule.
            UsageError: it has another `version` by now.
        """
        found = await self._rows.remove(schedule_id, version=version)
        if found is not None and version not in (0, found.version):
            raise _changed_meanwhile(found)
        return await self._after(schedule_id, found)

    async def run(self, schedule_id: str, *, key: str) -> Schedule:
        """Fire now, beside the plan; the same `key` twice fires once.

        Raises:
            NotFound: no such schedule.
            Busy: the conversation has too much waiting.
        """
        schedule = await self.get(schedule_id)
        now = self._clock.now()
        await self._accept(Fire.asked_for(schedule, now, key=key).event(now))
        return schedule

    async def catch_up(self, schedule_id: str, choice: str, *, up_to_ms: int) -> tuple[int, int]:
        """Decide about missed times that wait for it; returns how many run, and how many do not.

        Raises:
            NotFound: no such schedule, or nothing waits (any more).
            UsageError: there is no such choice.
        """
        await self.get(schedule_id)
        if choice not in CHOICES:
            raise UsageError(f"{choice!r} decides nothing", hint=f"write one of {', '.join(CHOICES)}")
        now_ms = ms_of(self._clock.now())
        due, left = await self._fires.decide(schedule_id, choice, up_to_ms=up_to_ms, now_ms=now_ms)
        if not due and not left:
            raise NotFound("this was decided already", hint=f"/schedule show {schedule_id} shows how")
        await self._changed(schedule_id)
        return len(due), len(left)

    async def last_fires(self) -> dict[str, int]:
        """Return the latest planned time that fired, in ms, by schedule id; without those that never did."""
        return await self._rows.last_fires()

    def understand(self, trigger: str, timezone: str) -> Understood:
        """Read a trigger in any of its forms, plain words included; an empty `timezone` is the default one.

        Raises:
            UsageError: trigger or timezone is wrong, or no time is to come.
        """
        return understand(trigger, timezone or self.timezone, self._clock.now())

    def preview(self, trigger: str, timezone: str, count: int = 5) -> list[datetime]:
        """Return the next planned times of a stored trigger, in the zone; an empty `timezone` is the default one.

        Raises:
            UsageError: trigger or timezone is wrong.
        """
        zone = timezone or self.timezone
        return triggers.preview(trigger, zone, after=self._clock.now(), count=count)

    async def _checked(
        self, changes: Changes, *, conversation: Conversation, owner: Identity, before: Schedule | None
    ) -> Changes:
        """Return the changes in their stored forms."""
        if before is not None and changes.is_empty():
            raise UsageError(
                "nothing is to be changed", hint="give a trigger, a zone, a command or an option"
            )
        trigger, timezone = None, None
        if before is None or changes.trigger or changes.timezone:
            understood = self._wanted(changes, before)
            trigger = understood.trigger if changes.trigger else None
            timezone = understood.timezone if changes.timezone or before is None else None
        line = None
        if changes.what is not None:
            line = await checked_line(self._rights, changes.what, owner, conversation)
        elif before is not None:  # who changes when it runs answers for what runs as well
            await checked_line(self._rights, before.what, owner, before.conversation)
        return Changes(
            trigger=trigger,
            timezone=timezone,
            what=line,
            misfire=checked(changes.misfire) if changes.misfire else None,
            overlap=checked_overlap(changes.overlap) if changes.overlap else None,
            lateness_s=_checked_lateness(changes.lateness_s),
        )

    def _wanted(self, changes: Changes, before: Schedule | None) -> Understood:
        """Return what the trigger comes to with the changes."""
        trigger = changes.trigger or (before.trigger if before else "")
        return self.understand(trigger, changes.timezone or (before.timezone if before else ""))

    async def _stored(
        self, changes: Changes, *, conversation: Conversation, owner: Identity, key: str
    ) -> Schedule:
        if len(await self._rows.all()) >= MOST_SCHEDULES:
            raise UsageError(f"there are {MOST_SCHEDULES} schedules already", hint="remove some first")
        schedule = Schedule(
            id=secrets.token_hex(ID_BYTES),
            trigger=changes.trigger or "",
            timezone=changes.timezone or self.timezone,
            what=changes.what or "",
            conversation=conversation,
            owner=owner,
            misfire=changes.misfire or "once",
            overlap=changes.overlap or "skip",
            lateness_s=None if changes.lateness_s == NO_LIMIT else changes.lateness_s,
            created_at_ms=ms_of(self._clock.now()),
        )
        stored = await self._rows.add(schedule, key)
        await self._changed(stored.id)
        return stored

    async def _edited(self, before: Schedule, changes: Changes, *, version: int) -> Schedule:
        given = {
            name: value
            for name in ("trigger", "timezone", "what", "misfire", "overlap", "lateness_s")
            if (value := getattr(changes, name)) is not None
        }
        if given.get("lateness_s") == NO_LIMIT:
            given["lateness_s"] = None
        changed = replace(before, **given)
        found = await self._rows.edit(changed, from_version=version, now_ms=ms_of(self._clock.now()))
        stored = await self._after(before.id, found)
        if stored.version != version + 1 or not _has(stored, changes):
            raise _changed_meanwhile(stored)
        return stored

    async def _draft(self, draft_id: str, by: Identity) -> Draft:
        draft = await self._fires.draft(draft_id)
        if draft is None:
            raise NotFound(f"nothing waits as {draft_id!r}", hint="order it again")
        if draft.identity != by:
            raise Denied("only who ordered it can agree", hint="order it yourself")
        if draft.expires_at_ms < ms_of(self._clock.now()):
            raise NotFound("this has waited for more than a day", hint="order it again")
        return draft

    async def _after(self, schedule_id: str, found: Schedule | None) -> Schedule:
        schedule = await self._found(schedule_id, found)
        await self._changed(schedule_id)
        return schedule

    async def _changed(self, schedule_id: str) -> None:
        for listener in self._on_change:
            await listener(schedule_id)

    async def _found(self, schedule_id: str, found: Schedule | None) -> Schedule:
        if found is None:
            known = [schedule.id for schedule in await self._rows.all()]
            hint = did_you_mean(schedule_id, known) or "`/schedule list` shows the ids"
            raise NotFound(f"there is no schedule {schedule_id!r}", hint=hint)
        return found


def _checked_lateness(seconds: int | None) -> int | None:
    if seconds is None or seconds == NO_LIMIT or 60 <= seconds <= 366 * 86_400:
        return seconds
    raise UsageError("a lateness limit is from one minute to 366 days", hint="such as 30m, 2h or 1d")


def _has(schedule: Schedule, changes: Changes) -> bool:
    """Tell whether a schedule already is as somebody wants it."""
    limit = None if schedule.lateness_s is None else schedule.lateness_s
    wanted = limit if changes.lateness_s is None else changes.lateness_s
    return (wanted if wanted != NO_LIMIT else None) == limit and all(
        getattr(changes, name) in (None, getattr(schedule, name))
        for name in ("trigger", "timezone", "what", "misfire", "overlap")
    )


def _changed_meanwhile(schedule: Schedule) -> UsageError:
    return UsageError(
        f"schedule {schedule.id} was changed meanwhile: it has version {schedule.version} now",
        hint=f"look at it again: /schedule show {schedule.id}",
    )
