"""Let the program's verb `schedule` do its work inside the process that holds the state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json, Operation, Progress, Schedule
from quarterdeck.schedule.moments import moment_of
from quarterdeck.schedule.orders import StandingOrders
from quarterdeck.schedule.trigger import zone_of

NEXT = 5  # planned times that are shown

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
            Operation(name="schedule.preview", handler=self._preview),
            Operation(name="schedule.add", handler=self._add, effect="write"),
            Operation(name="schedule.pause", handler=self._pause, effect="write"),
            Operation(name="schedule.resume", handler=self._resume, effect="write"),
            Operation(name="schedule.remove", handler=self._remove, effect="destructive"),
            Operation(name="schedule.run", handler=self._run, effect="write"),
        ]

    async def _list(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        last = await self._orders.last_fires()
        return [self._shown(schedule, last.get(schedule.id)) for schedule in await self._orders.all()]

    async def _preview(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        trigger, timezone = _text(parameters, "trigger"), _text(parameters, "timezone")
        planned = self._orders.preview(trigger, timezone, NEXT)
        return {
            "trigger": trigger,
            "timezone": timezone or self._orders.timezone,
            "next": [moment.isoformat() for moment in planned],
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
        )
        return self._shown(schedule, None)

    async def _pause(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        return await self._with_last(await self._orders.pause(_text(parameters, "id"), paused=True))

    async def _resume(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        return await self._with_last(await self._orders.pause(_text(parameters, "id"), paused=False))

    async def _remove(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        last = await self._orders.last_fires()
        schedule = await self._orders.remove(_text(parameters, "id"))
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
