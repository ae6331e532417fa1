"""Let the program's verb `schedule` do its work inside the process that holds the state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.core.schedule import Changes, Schedule
from quarterdeck.schedule.moments import moment_of
from quarterdeck.schedule.orders import StandingOrders
from quarterdeck.schedule.trigger import zone_of

NEXT = 5  # planned times that are shown
FIRES_SHOWN = 20

Find = Callable[[str], Awaitable[Conversation | None]]


class ScheduleOperations:
    """Show and change schedules for the person at the command line, `owner`, whose conversation is `home`.

    `find` returns a conversation that is known to the bot.
    """

    def __init__(self, orders: StandingOrders, *, find: Find, owner: Identity, home: Conversation) -> None:
        self._orders, self._find, self._owner, self._home = orders, find, owner, home

    def all(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(name="schedule.list", handler=self._list),
            Operation(name="schedule.show", handler=self._show),
            Operation(name="schedule.preview", handler=self._preview),
            Operation(name="schedule.edit", handler=self._edit, effect="write"),
            Operation(name="schedule.add", handler=self._add, effect="write"),
            Operation(name="schedule.pause", handler=self._pause, effect="write"),
            Operation(name="schedule.resume", handler=self._resume, effect="write"),
            Operation(name="schedule.remove", handler=self._remove, effect="destructive"),
            Operation(name="schedule.run", handler=self._run, effect="write"),
        ]

    async def _list(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        last = await self._orders.last_fires()
        return [self._shown(schedule, last.get(schedule.id)) for schedule in await self._orders.all()]

    async def _show(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        schedule = await self._orders.get(_text(parameters, "id"))
        shown = cast("Mapping[str, Json]", await self._with_last(schedule))
        zone = zone_of(schedule.timezone)
        fires = await self._orders.fires(schedule.id, FIRES_SHOWN)
        return {
            **shown,
            "overlap": schedule.overlap,
            "lateness_s": schedule.lateness_s,
            "version": schedule.version,
            "failures": schedule.failures,
            "fires": [
                {
                    "planned": moment_of(fire.planned_ms).astimezone(zone).isoformat(),
                    "outcome": fire.outcome,
                    "result": fire.result,
                    "reason": fire.reason,
                    "run_id": fire.run_id or None,
                }
                for fire in fires
            ],
        }

    async def _preview(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Show what a trigger comes to; with an `id`, as a change of that schedule."""
        trigger, timezone, version = _text(parameters, "trigger"), _text(parameters, "timezone"), 0
        if schedule_id := _text(parameters, "id"):
            schedule = await self._orders.get(schedule_id)
            trigger, timezone = trigger or schedule.trigger, timezone or schedule.timezone
            version = schedule.version
        understood = self._orders.understand(trigger, timezone)
        change = understood.change
        return {
            "trigger": understood.trigger,
            "timezone": understood.timezone,
            "said": understood.said,
            "next": [moment.isoformat() for moment in understood.next],
            "clock_change": None
            if change is None
            else {
                "at": change.at.isoformat(),
                "before": change.before.isoformat() if change.before else None,
                "after": change.after.isoformat() if change.after else None,
            },
            "version": version,
        }

    async def _add(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        schedule = await self._orders.add(
            key=f"cli:{_text(parameters, 'key')}",
            trigger=_text(parameters, "trigger"),
            timezone=_text(parameters, "timezone"),
            what=_text(parameters, "what"),
            conversation=await self._conversation(_text(parameters, "conversation")),
            owner=self._owner,
            misfire=_text(parameters, "misfire") or "once",
            overlap=_text(parameters, "overlap") or "skip",
            lateness_s=_number(parameters, "lateness_s"),
        )
        return self._shown(schedule, None)

    async def _edit(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        changes = Changes(
            trigger=_text(parameters, "trigger") or None,
            timezone=_text(parameters, "timezone") or None,
            what=_text(parameters, "what") or None,
            misfire=_text(parameters, "misfire") or None,
            overlap=_text(parameters, "overlap") or None,
            lateness_s=_number(parameters, "lateness_s"),
        )
        version = _number(parameters, "version") or 0
        edited = await self._orders.edit(_text(parameters, "id"), changes, by=self._owner, version=version)
        return await self._with_last(edited)

    async def _pause(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        return await self._paused(parameters, paused=True)

    async def _resume(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        return await self._paused(parameters, paused=False)

    async def _paused(self, parameters: Mapping[str, Json], *, paused: bool) -> Json:
        version = _number(parameters, "version") or 0
        return await self._with_last(
            await self._orders.pause(_text(parameters, "id"), paused=paused, version=version)
        )

    async def _remove(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        last = await self._orders.last_fires()
        version = _number(parameters, "version") or 0
        schedule = await self._orders.remove(_text(parameters, "id"), version=version)
        return self._shown(schedule, last.get(schedule.id))

    async def _run(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        key = f"cli:{_text(parameters, 'key')}"
        return await self._with_last(await self._orders.run(_text(parameters, "id"), key=key))

    async def _with_last(self, schedule: Schedule) -> Json:
        last = await self._orders.last_fires()
        return self._shown(schedule, last.get(schedule.id))

    async def _conversation(self, conversation_id: str) -> Conversation:
        if conversation_id in ("", self._home.id):
            return self._home
        found = await self._find(conversation_id)
        if found is None:
            raise NotFound(
                f"the bot knows no conversation {conversation_id!r}",
                hint="say something to it there first, or add the schedule there by /schedule add",
            )
        return found

    def _shown(self, schedule: Schedule, last_ms: int | None) -> Json:
        zone = zone_of(schedule.timezone)
        planned = [] if schedule.paused else self._orders.preview(schedule.trigger, schedule.timezone, NEXT)
        return {
            "id": schedule.id,
            "trigger": schedule.trigger,
            "timezone": schedule.timezone,
            "what": schedule.what,
            "conversation": schedule.conversation.id,
            "misfire": schedule.misfire,
            "paused": schedule.paused,
            "next": [moment.isoformat() for moment in planned],
            "last": None if last_ms is None else moment_of(last_ms).astimezone(zone).isoformat(),
        }


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name) or ""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text", hint=f"not {value!r}")
    return value


def _number(parameters: Mapping[str, Json], name: str) -> int | None:
    value = parameters.get(name)
    if value is not None and not isinstance(value, int):
        raise UsageError(f"{name} must be a whole number", hint=f"not {value!r}")
    return value
