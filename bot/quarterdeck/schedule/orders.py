"""Keep standing orders (the `Schedules` port): check what is asked for before it is stored."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.core.adapter import Accept
from quarterdeck.core.command import Command
from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import AccessRequest, Authoriser, Clock, Commands, People, Schedule
from quarterdeck.core.text import did_you_mean
from quarterdeck.schedule import trigger as triggers
from quarterdeck.schedule.fire import Fire
from quarterdeck.schedule.misfire import checked
from quarterdeck.schedule.moments import ms_of
from quarterdeck.schedule.rows import ScheduleRows

LONGEST_LINE = 2000  # characters of a command line
MOST_SCHEDULES = 1000
ID_BYTES = 4

OnChange = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Bundle what it takes to know whether somebody may run a command."""

    commands: Commands
    people: People
    authoriser: Authoriser


class StandingOrders:
    """Add, show and change schedules; `timezone` is the one of those that name none."""

    def __init__(
        self, rows: ScheduleRows, rights: Rights, accept: Accept, clock: Clock, *, timezone: str = "UTC"
    ) -> None:
        self._rows, self._rights, self._accept, self._clock = rows, rights, accept, clock
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
    ) -> Schedule:
        """Store a schedule; the same `key` twice is one schedule. An empty `timezone` is the default one.

        Raises:
            UsageError: trigger, timezone, misfire word or command line is wrong.
            Denied: the owner may not run the command.
        """
        timezone = timezone or self.timezone
        now = self._clock.now()
        if triggers.parse(trigger, timezone).after(now) is None:
            raise UsageError(f"{trigger!r} has no time to come", hint=triggers.HOW)
        what = await self._checked_line(what, owner, conversation)
        if len(await self._rows.all()) >= MOST_SCHEDULES:
            raise UsageError(f"there are {MOST_SCHEDULES} schedules already", hint="remove some first")
        schedule = Schedule(
            id=secrets.token_hex(ID_BYTES),
            trigger=triggers.canonical(trigger),
            timezone=timezone,
            what=what,
            conversation=conversation,
            owner=owner,
            misfire=checked(misfire),
            created_at_ms=ms_of(now),
        )
        stored = await self._rows.add(schedule, key)
        await self._changed(stored.id)
        return stored

    async def all(self, conversation_id: str | None = None) -> list[Schedule]:
        """Return schedules, oldest first."""
        return await self._rows.all(conversation_id)

    async def pause(self, schedule_id: str, *, paused: bool) -> Schedule:
        """Stop firing, or go on; planned times that pass while paused are not made up for.

        Raises:
            NotFound: no such schedule.
        """
        found = await self._rows.pause(schedule_id, paused=paused, now_ms=ms_of(self._clock.now()))
        return await self._after(schedule_id, found)

    async def remove(self, schedule_id: str) -> Schedule:
        """Delete and return it.

        Raises:
            NotFound: no such schedule.
        """
        return await self._after(schedule_id, await self._rows.remove(schedule_id))

    async def run(self, schedule_id: str, *, key: str) -> Schedule:
        """Fire now, beside the plan; the same `key` twice fires once.

        Raises:
            NotFound: no such schedule.
            Busy: the conversation has too much waiting.
        """
        schedule = await self._found(schedule_id, await self._rows.get(schedule_id))
        now = self._clock.now()
        await self._accept(Fire.asked_for(schedule, now, key=key).event(now))
        return schedule

    async def last_fires(self) -> dict[str, int]:
        """Return the latest planned time that fired, in ms, by schedule id; without those that never did."""
        return await self._rows.last_fires()

    def preview(self, trigger: str, timezone: str, count: int = 5) -> list[datetime]:
        """Return the next planned times, in the zone; an empty `timezone` is the default one.

        Raises:
            UsageError: trigger or timezone is wrong.
        """
        zone = timezone or self.timezone
        return triggers.preview(trigger, zone, after=self._clock.now(), count=count)

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

    async def _checked_line(self, line: str, owner: Identity, conversation: Conversation) -> str:
        line = line.strip()
        if not line.startswith("/") or len(line) > LONGEST_LINE or "\n" in line:
            raise UsageError(
                "a schedule does one command line, which begins with a slash",
                hint=f"such as /digest; at most {LONGEST_LINE} characters, no line break",
            )
        name = line[1:].partition(" ")[0].lower()
        command = self._rights.commands.get(name)
        if command is None:
            known = [command.name for command in self._rights.commands.all()]
            raise UsageError(f"there is no command /{name}", hint=did_you_mean(name, known) or "see /help")
        if command.name == "schedule":
            raise UsageError("a schedule cannot change schedules", hint="give another command")
        await self._refuse_unless_allowed(command, owner, conversation)
        return line

    async def _refuse_unless_allowed(
        self, command: Command, owner: Identity, conversation: Conversation
    ) -> None:
        request = AccessRequest(
            person=await self._rights.people.person_of(owner),
            identity=owner,
            action=f"command:{command.name}",
            way="schedule",
            conversation=conversation,
            least_role=command.allow,
            effect=command.effect,
            arguments=None,  # each fire is asked again, with them
        )
        decision = await self._rights.authoriser.authorise(request)
        if not decision.allowed:
            raise Denied(
                decision.reason or f"you may not run /{command.name}",
                hint="a schedule runs with the rights of whoever made it",
            )
