"""Prove that what is stored as a schedule can fire, and that everything else is refused with the fix."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity

OWNER = Identity(platform="slack", workspace="T1", user_id="U1")
TEAM = Conversation(id="slack:T1:C1", platform="slack", kind="group")


async def add(bench: Any, **changes: str) -> Any:
    """Add a schedule with some of its values changed."""
    values = {"key": "k", "trigger": "0 9 * * mon-fri", "timezone": "Europe/Berlin", "what": "/digest"}
    return await bench.orders.add(conversation=TEAM, owner=OWNER, **{**values, **changes})


async def test_a_schedule_is_stored_as_it_was_understood(bench: Any) -> None:
    """Spaces and capitals are tidied, the rest is kept."""
    stored = await add(bench, trigger=" 0  9 * * MON-FRI ", what=" /digest ")

    assert ("0 9 * * mon-fri", "Europe/Berlin", "/digest", TEAM, OWNER, "once", False, None) == (
        stored.trigger,
        stored.timezone,
        stored.what,
        stored.conversation,
        stored.owner,
        stored.misfire,
        stored.paused,
        stored.last_at_ms,
    )
    assert [stored] == await bench.orders.all()


async def test_the_same_request_twice_is_one_schedule(bench: Any) -> None:
    """A command is run again after a crash."""
    first, second = await add(bench), await add(bench)

    assert first == second
    assert [first] == await bench.orders.all()


async def test_schedules_can_be_asked_for_by_conversation(bench: Any) -> None:
    """`/schedule list` shows what runs here."""
    here = await add(bench)
    await bench.orders.add(
        key="other",
        trigger="every 1h",
        timezone="",
        what="/ping",
        conversation=replace(TEAM, id="slack:T1:C2"),
        owner=OWNER,
    )

    assert [here] == await bench.orders.all(TEAM.id)
    assert 2 == len(await bench.orders.all())


@pytest.mark.parametrize(
    ("changes", "words", "hint"),
    [
        ({"trigger": "0 9 * *"}, "five", "0 9"),
        ({"trigger": "every 5s"}, "interval", "10m"),
        ({"trigger": "2020-01-01T00:00:00Z"}, "no time to come", "every weekday at 9"),
        ({"timezone": "Europe/Berln"}, "time zone", "did you mean 'Europe/Berlin'?"),
        ({"misfire": "onse"}, "missed times", "did you mean 'once'?"),
        ({"what": "digest"}, "begins with a slash", "/digest"),
        ({"what": "/digest\n/purge"}, "one command line", "no line break"),
        ({"what": "/digets"}, "no command /digets", "did you mean 'digest'?"),
        ({"what": "/schedule list"}, "cannot change schedules", "another"),
        ({"what": "/digest " + "x" * 2000}, "one command line", "2000"),
    ],
)
async def test_a_wrong_order_is_refused_with_the_fix(
    bench: Any, changes: dict[str, str], words: str, hint: str
) -> None:
    """At nine tomorrow nobody is there to read an error."""
    with pytest.raises(UsageError, match=words) as caught:
        await add(bench, **changes)

    assert hint in caught.value.hint
    assert [] == await bench.orders.all()


async def test_nobody_schedules_what_they_may_not_run(bench: Any) -> None:
    """A schedule is no way around the authoriser."""
    with pytest.raises(Denied, match="for others"):
        await add(bench, what="/purge")

    bench.people.roles[OWNER] = "owner"
    assert "/purge" == (await add(bench, what="/purge")).what


@pytest.mark.parametrize("change", ["pause", "remove", "run"])
async def test_an_unknown_schedule_is_said_to_be_unknown(bench: Any, change: str) -> None:
    """With the nearest id, as ids are typed off a screen."""
    stored = await add(bench)
    wrong = stored.id[:-1] + ("0" if stored.id[-1] != "0" else "1")
    arguments: dict[str, Any] = {}
    if change == "pause":
        arguments["paused"] = True
    if change == "run":
        arguments["key"] = "k"

    with pytest.raises(NotFound) as caught:
        await getattr(bench.orders, change)(wrong, **arguments)

    assert f"did you mean '{stored.id}'?" == caught.value.hint


async def test_pausing_twice_is_pausing_once(bench: Any) -> None:
    """Each real change counts the version up, for whoever compares it."""
    stored = await add(bench)
    once = await bench.orders.pause(stored.id, paused=True)
    twice = await bench.orders.pause(stored.id, paused=True)

    assert (2, True) == (once.version, once.paused)
    assert once == twice


async def test_firing_now_goes_the_way_of_every_fire_once_a_request(bench: Any) -> None:
    """The same press twice is one fire; two presses are two."""
    stored = await add(bench)
    for key in ("press-1", "press-1", "press-2"):
        await bench.orders.run(stored.id, key=key)

    events = list(bench.inbox.events.values())
    assert [("/digest", OWNER, TEAM, f"schedule:{stored.id}")] * 2 == [
        (event.message.text, event.actor, event.conversation, event.origin) for event in events
    ]


async def test_a_removed_schedule_takes_its_history_along(bench: Any) -> None:
    """Ids are never used again."""
    stored = await add(bench)
    await bench.rows.record(stored.id, {1000: "fired"}, now_ms=1000)
    await bench.orders.remove(stored.id)

    assert {} == await bench.orders.last_fires()
    assert set() == await bench.rows.fired(stored.id, [1000])
