"""Prove what scripts read of schedules and runs: exactly the documented form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.schedule.operations import ScheduleOperations

LOCAL = Identity(platform="console", user_id="1000")
HOME = Conversation(id="console:1000", platform="console")
TEAM = Conversation(id="slack:T1:C1", platform="slack", kind="group")


class Operated:
    """Call operations by name."""

    def __init__(self, bench: Any) -> None:
        async def find(conversation_id: str) -> Conversation | None:
            return TEAM if conversation_id == TEAM.id else None

        made = ScheduleOperations(bench.orders, find=find, owner=LOCAL, home=HOME)
        self._operations = {operation.name: operation for operation in made.all()}

    async def __call__(self, operation: str, **parameters: Any) -> Any:
        async def quiet(sentence: str) -> None:
            return None

        return await self._operations[operation].handler(parameters, quiet)

    async def add(self, **changes: Any) -> Mapping[str, Any]:
        """Add a schedule with some of its values changed."""
        values = {"key": "k", "trigger": "0 9 * * mon-fri", "timezone": "Europe/Berlin", "what": "/digest"}
        added: Mapping[str, Any] = await self("schedule.add", **{**values, **changes})
        return added


@pytest.fixture
def operated(bench: Any) -> Operated:
    """Return the operations over an empty bench."""
    return Operated(bench)


async def test_a_schedule_is_listed_in_the_documented_form(bench: Any, operated: Operated) -> None:
    """Scripts hold on to these names."""
    added = await operated.add()
    await bench.rows.record(added["id"], {1_795_248_000_000: "fired"}, now_ms=0)

    assert [
        {
            "id": added["id"],
            "trigger": "0 9 * * mon-fri",
            "timezone": "Europe/Berlin",
            "what": "/digest",
            "conversation": "console:1000",
            "misfire": "once",
            "paused": False,
            "next": [
                "2026-11-23T09:00:00+01:00",
                "2026-11-24T09:00:00+01:00",
                "2026-11-25T09:00:00+01:00",
                "2026-11-26T09:00:00+01:00",
                "2026-11-27T09:00:00+01:00",
            ],
            "last": "2026-11-21T09:00:00+01:00",
        }
    ] == await operated("schedule.list")


async def test_a_new_schedule_has_no_last_time_and_a_paused_one_no_next(operated: Operated) -> None:
    """Nothing is made up."""
    added = await operated.add()
    paused = await operated("schedule.pause", id=added["id"])
    resumed = await operated("schedule.resume", id=added["id"])

    assert None is added["last"]
    assert (True, []) == (paused["paused"], paused["next"])
    assert (False, 5) == (resumed["paused"], len(resumed["next"]))


async def test_a_schedule_runs_where_it_is_told_to(operated: Operated) -> None:
    """In a conversation that the bot knows."""
    assert TEAM.id == (await operated.add(conversation=TEAM.id))["conversation"]
    with pytest.raises(NotFound, match="knows no conversation"):
        await operated.add(key="k2", conversation="slack:T1:C9")


async def test_a_preview_stores_nothing(operated: Operated) -> None:
    """People try triggers out."""
    shown = await operated("schedule.preview", trigger="30 2 * * *", timezone="Europe/Berlin")

    assert ("30 2 * * *", "Europe/Berlin", 5) == (shown["trigger"], shown["timezone"], len(shown["next"]))
    assert [] == await operated("schedule.list")


async def test_a_schedule_is_fired_and_removed(bench: Any, operated: Operated) -> None:
    """The same request twice is one fire."""
    added = await operated.add()
    for _ in range(2):
        await operated("schedule.run", id=added["id"], key="once")
    removed = await operated("schedule.remove", id=added["id"])

    assert 1 == len(bench.inbox.events)
    assert added["id"] == removed["id"]
    assert [] == await operated("schedule.list")


async def test_parameters_of_a_wrong_kind_are_refused(operated: Operated) -> None:
    """They come from a socket."""
    with pytest.raises(UsageError, match="must be text"):
        await operated("schedule.pause", id=5)
