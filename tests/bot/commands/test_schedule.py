"""Prove what people type to `/schedule` and `/digest`, and what they read back."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quarterdeck.commands import digest as digest_command
from quarterdeck.commands import schedule as schedule_command
from quarterdeck.commands.schedule import read_order
from quarterdeck.core.command import Call
from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Schedule, Services
from quarterdeck.core.reply import Reply
from quarterdeck.router.command.syntax import parse, split
from quarterdeck.schedule import trigger

HERE = Conversation(id="slack:T1:C1", platform="slack", kind="group")
ANNA = Identity(platform="slack", workspace="T1", user_id="U1")
NOW = datetime(2027, 3, 26, 12, tzinfo=UTC)


class Kept:
    """Keep schedules in memory (the `Schedules` port), with the real triggers."""

    def __init__(self) -> None:
        self.kept: dict[str, Schedule] = {}
        self.ran: list[tuple[str, str]] = []

    async def add(self, *, key: str, conversation: Conversation, owner: Identity, **values: Any) -> Schedule:
        """Store a schedule under its key."""
        trigger.parse(values["trigger"], values["timezone"] or "UTC")
        values["timezone"] = values["timezone"] or "UTC"
        self.kept[key] = Schedule(id=key, conversation=conversation, owner=owner, **values)
        return self.kept[key]

    async def all(self, conversation_id: str | None = None) -> list[Schedule]:
        """Return schedules."""
        return [one for one in self.kept.values() if conversation_id in (None, one.conversation.id)]

    async def pause(self, schedule_id: str, *, paused: bool, version: int = 0) -> Schedule:
        """Stop or go on."""
        values = {name: getattr(self._found(schedule_id), name) for name in Schedule.__slots__}
        self.kept[schedule_id] = Schedule(**{**values, "paused": paused})
        return self.kept[schedule_id]

    async def remove(self, schedule_id: str, *, version: int = 0) -> Schedule:
        """Delete."""
        self._found(schedule_id)
        return self.kept.pop(schedule_id)

    async def run(self, schedule_id: str, *, key: str) -> Schedule:
        """Note the request."""
        self.ran.append((schedule_id, key))
        return self._found(schedule_id)

    def preview(self, text: str, timezone: str, count: int = 5) -> list[datetime]:
        """Return the next times."""
        return trigger.preview(text, timezone, after=NOW, count=count)

    def _found(self, schedule_id: str) -> Schedule:
        if schedule_id not in self.kept:
            raise NotFound(f"there is no schedule {schedule_id!r}")
        return self.kept[schedule_id]


@pytest.fixture
def kept() -> Kept:
    """Return an empty set of schedules."""
    return Kept()


async def typed(kept: Kept, text: str, *, event_id: str = "e1") -> str:
    """Type a line, as the router would read it; returns the answer."""
    line = split(text)
    assert line is not None
    call = Call(
        command=line.name,
        options=parse(schedule_command.COMMAND, line.rest),
        person=Person(id="p1", name="Anna", role="operator"),
        identity=ANNA,
        conversation=HERE,
        event_id=event_id,
        services=cast(Services, SimpleNamespace(schedules=kept)),
    )
    return (await schedule_command.COMMAND.handler(call)).text


async def test_adding_shows_what_was_understood_and_the_next_five_times(kept: Kept) -> None:
    """With the offset, so that a change of clocks is seen before it happens."""
    text = await typed(kept, '/schedule add --yes "0 9 * * *" Europe/Berlin /digest')

    expected = (
        "Scheduled.\n\n`e1` `/digest` at `0 9 * * *`, Europe/Berlin (missed times: once). Next:\n"
        "- Sat 27 Mar 2027 09:00 (CET, UTC+01:00)\n"
        "- Sun 28 Mar 2027 09:00 (CEST, UTC+02:00)\n"
        "- Mon 29 Mar 2027 09:00 (CEST, UTC+02:00)\n"
        "- Tue 30 Mar 2027 09:00 (CEST, UTC+02:00)\n"
        "- Wed 31 Mar 2027 09:00 (CEST, UTC+02:00)"
    )
    assert expected == text
    assert (HERE, ANNA) == (kept.kept["e1"].conversation, kept.kept["e1"].owner)


async def test_the_rule_for_missed_times_can_be_named(kept: Kept) -> None:
    """As every option is, before what is verbatim."""
    await typed(kept, '/schedule add --yes --misfire skip "0 9 * * *" UTC /digest')

    assert "skip" == kept.kept["e1"].misfire


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"0 9 * * mon-fri" Europe/Berlin /digest', ("0 9 * * mon-fri", "Europe/Berlin", "/digest")),
        ("0 9 * * mon-fri Europe/Berlin /digest", ("0 9 * * mon-fri", "Europe/Berlin", "/digest")),
        ("*/5 * * * * /digest", ("*/5 * * * *", "", "/digest")),
        ("“0 9 * * *” UTC /digest", ("0 9 * * *", "UTC", "/digest")),
        ("„0 9 * * *“ UTC /digest", ("0 9 * * *", "UTC", "/digest")),
        ("every 10m /digest", ("every 10m", "", "/digest")),
        ("every weekday at 9 in Europe/Berlin /digest", ("every weekday at 9", "Europe/Berlin", "/digest")),
        ("in 20 minutes /digest", ("in 20 minutes", "", "/digest")),
        ("every 10 minutes UTC /digest", ("every 10 minutes", "UTC", "/digest")),
        ("2027-05-01T09:00:00Z /ping", ("2027-05-01T09:00:00Z", "", "/ping")),
        ('"0 9 * * *" /ask "how / why"  /x', ("0 9 * * *", "", '/ask "how / why"  /x')),
    ],
)
def test_an_order_is_read_with_and_without_quotes(text: str, expected: tuple[str, str, str]) -> None:
    """Chat programs change quotes, people forget them; the command line is kept as it is."""
    order = read_order(text)

    assert expected == (order.trigger, order.timezone, order.what)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "which command"),
        ("0 9 * * * Europe/Berlin", "which command"),
        ("/digest", "when shall it run"),
        ('"0 9 * * *" Europe/Berlin tomorrow /digest', "what is 'tomorrow'"),
        ('"0 9 * * * /digest', "closing quote"),
    ],
)
def test_half_an_order_is_asked_for_the_rest(text: str, words: str) -> None:
    """With a line to copy."""
    with pytest.raises(UsageError, match=words) as caught:
        read_order(text)

    assert "/schedule add" in caught.value.hint


async def test_the_list_shows_what_runs_here_or_everywhere(kept: Kept) -> None:
    """One line each, with the next time."""
    await typed(kept, "/schedule add --yes every 1h /ping", event_id="here")
    await kept.add(
        key="there",
        trigger="every 2h",
        timezone="UTC",
        what="/ping",
        conversation=Conversation(id="x", platform="slack"),
        owner=ANNA,
        misfire="once",
    )
    await kept.pause("there", paused=True)
    line = (
        "`here` `/ping` at `every 1h`, UTC (missed times: once); next Fri 26 Mar 2027 13:00 (UTC, UTC+00:00)"
    )
    paused = "`there` `/ping` at `every 2h`, UTC (missed times: once; paused)"

    assert line == await typed(kept, "/schedule")
    assert line == await typed(kept, "/schedule list")
    assert f"{line}\n\n{paused}" == await typed(kept, "/schedule list all")


async def test_an_empty_list_says_how_to_begin(kept: Kept) -> None:
    """A line to copy."""
    expected = 'No schedules here. Add one: `/schedule add "every weekday at 9" Europe/Berlin /digest`'

    assert expected == await typed(kept, "/schedule list")


async def test_a_schedule_is_paused_resumed_run_and_removed_by_its_id(kept: Kept) -> None:
    """Each answer names what was touched."""
    await typed(kept, "/schedule add --yes every 1h /ping", event_id="ab12")
    paused = await typed(kept, "/schedule pause ab12")
    is_paused = kept.kept["ab12"].paused
    resumed = await typed(kept, "/schedule resume `ab12`")
    is_on = not kept.kept["ab12"].paused
    ran = await typed(kept, "/schedule run ab12", event_id="e9")
    removed = await typed(kept, "/schedule remove ab12")

    line = "`ab12` `/ping` at `every 1h`, UTC"
    assert f"Paused: {line}. `/schedule resume ab12` goes on." == paused
    assert is_paused
    assert is_on
    assert resumed.startswith(f"Goes on.\n\n{line}")
    assert "Running `/ping` now, beside the plan." == ran
    assert [("ab12", "e9")] == kept.ran
    assert f"Removed: {line}." == removed
    assert {} == kept.kept


@pytest.mark.parametrize("action", ["pause", "resume", "remove", "run"])
async def test_an_id_is_asked_for(kept: Kept, action: str) -> None:
    """Not guessed."""
    with pytest.raises(UsageError, match=f"{action} which schedule"):
        await typed(kept, f"/schedule {action}")


async def test_a_digest_is_of_this_conversation_under_the_events_key() -> None:
    """The key is what ties it to its delivery."""
    asked: list[tuple[str, str]] = []

    class Digests:
        async def compose(self, conversation: Conversation, *, key: str) -> Reply:
            asked.append((conversation.id, key))
            return Reply(text="**Digest**")

    call: Any = SimpleNamespace(
        conversation=HERE,
        event_id="slack:T1:e1",
        services=SimpleNamespace(digests=Digests()),
        text=lambda name: "",
    )
    reply = await digest_command.COMMAND.handler(call)

    assert "**Digest**" == reply.text
    assert [(HERE.id, "slack:T1:e1")] == asked


def test_schedules_and_digests_are_for_operators_and_up() -> None:
    """A viewer reads; what runs by itself is made by those who run the bot."""
    assert ("operator", "operator") == (schedule_command.COMMAND.allow, digest_command.COMMAND.allow)
