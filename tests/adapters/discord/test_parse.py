"""Payloads in the shapes of Discord's documentation become events."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import quarterdeck_adapters.discord
from quarterdeck.core.event import Deleted, Edited, Event, Invoked, Joined, Posted, Reacted, Submitted
from quarterdeck.core.person import Identity
from quarterdeck.router.command.catalogue import Catalogue
from quarterdeck_adapters.discord import ids
from quarterdeck_adapters.discord.interactions import parse as interactions
from quarterdeck_adapters.discord.parse import events_of
from quarterdeck_adapters.discord.world import World

SAMPLES = Path(quarterdeck_adapters.discord.__file__).parent / "samples"
AT = datetime(2026, 11, 21, 9, 0, 1, tzinfo=UTC)
GUILD, CHANNEL, BOT = "1441000000000000001", "1441000000000000002", "1441000000000000009"
ANN, BO = "1441000000000000005", "1441000000000000006"
ROLE = f"discord:{GUILD}:1441000000000000007"


def sample(name: str) -> tuple[str, dict[str, Any]]:
    frame = json.loads((SAMPLES / f"{name}.json").read_text())
    return frame["t"], frame["d"]


def world() -> World:
    world = World(BOT)
    world.our_roles.add("1441000000000000010")
    return world


def events(name: str) -> list[Event]:
    kind, data = sample(name)
    return list(events_of(kind, data, world=world(), session="S", number=7, at=AT))


def one(name: str) -> Any:
    (event,) = events(name)
    return event


def test_a_message_says_who_where_and_what() -> None:
    """Ids, never names; groups as the event itself proves them."""
    event = one("posted")

    assert isinstance(event, Posted)
    assert ("1441234567890123456", f"discord:{GUILD}:{CHANNEL}", "group") == (
        event.id,
        event.conversation.id,
        event.conversation.kind,
    )
    assert (Identity(platform="discord", user_id=ANN), "Ann") == (event.actor, event.actor_name)
    assert frozenset({ROLE, f"discord:{GUILD}:{GUILD}"}) == event.groups
    assert f"say **hello** to @discord::{BO}" == event.message.text
    assert datetime(2026, 11, 21, 9, 0, 0, 123_000, tzinfo=UTC) == event.message.sent_at
    assert not event.message.mentions_bot


@pytest.mark.parametrize(("name", "text"), [("mentioned", "ask what is due?"), ("mentioned_by_role", "ping")])
def test_our_mention_is_taken_away(name: str, text: str) -> None:
    """People pick the bot or the bot's own role; both mean it."""
    message = one(name).message

    assert (True, text) == (message.mentions_bot, message.text)


def test_places_differ_in_kind() -> None:
    """A direct conversation is read by nobody else."""
    kinds = [one(name).conversation for name in ("direct", "thread", "posted")]

    assert ["direct", "thread", "group"] == [where.kind for where in kinds]
    assert f"discord:@me:{CHANNEL}" == kinds[0].id
    assert one("direct").groups is None


def test_what_comes_along_is_kept() -> None:
    """Files as handles, replies with what they answer, emoji as words, channels as conversations."""
    (file,) = one("file").message.attachments

    assert ("plan.txt", "text/plain; charset=utf-8", 12) == (file.name, file.media_type, file.size_bytes)
    assert "1441234567890123000" == one("reply").message.reply_to
    assert f":ship: :wave: discord:{GUILD}:1441000000000000003" == one("emoji").message.text


@pytest.mark.parametrize("name", ["by_bot", "by_webhook", "by_us", "pinned", "preview_added", "typing"])
def test_what_no_person_said_is_nothing(name: str) -> None:
    """Two bots that answer each other never end; a preview is no edit."""
    assert [] == events(name)


def test_changes_have_ids_of_their_own() -> None:
    """The same change delivered twice is one event, another change is another."""
    edited = one("edited")

    assert isinstance(edited, Edited)
    assert "1441234567890123456:edited:2026-11-21T09:01:00.500000+00:00" == edited.id
    assert "say hello, all" == edited.message.text
    assert ["1441234567890123456:deleted", "1441234567890123457:deleted"] == [
        event.id for event in events("deleted_many")
    ]
    assert isinstance(one("deleted"), Deleted)


def test_reactions_and_joins() -> None:
    """A reaction has no id of Discord's: its number in the session tells two of them apart."""
    added, taken, joined = one("reacted"), one("unreacted"), one("joined")

    assert isinstance(added, Reacted)
    assert ("👍", True, ":ship:", False) == (added.emoji, added.added, taken.emoji, taken.added)
    assert "1441234567890123456:reacted:S:7" == added.id
    assert isinstance(joined, Joined)
    assert f"{GUILD}:{ANN}:joined:2026-01-02T03:04:05.000000+00:00" == joined.id


def test_a_command_has_typed_options() -> None:
    """Every kind of option, as `core.command` says."""
    _, data = sample("command")
    sender = interactions.sender_of(data)
    event = interactions.invoked(sender, interactions.typed(data, sender.guild, Catalogue([])), AT)

    assert isinstance(event, Invoked)
    assert {
        "target": "staging",
        "count": 3,
        "ratio": 1,
        "dry": True,
        "who": f"discord::{BO}",
        "where": f"discord:{GUILD}:1441000000000000003",
        "team": ROLE,
        "plan": "plan.txt",
    } == dict(event.options)
    assert ["plan.txt"] == [file.name for file in event.attachments]
    assert frozenset({ROLE, f"discord:{GUILD}:{GUILD}"}) == event.groups


def test_a_command_may_come_from_a_direct_conversation() -> None:
    """Then the sender is a user, and no member of anything."""
    _, data = sample("command_direct")
    sender = interactions.sender_of(data)

    assert ("direct", f"discord:@me:{CHANNEL}") == (sender.conversation.kind, sender.conversation.id)
    assert interactions.invoked(sender, interactions.typed(data, "", Catalogue([])), AT).groups is None


def test_what_is_being_typed_is_known() -> None:
    """It is what the completion is asked for."""
    _, data = sample("completing")

    assert ("target", "st") == interactions.typed(data, GUILD, Catalogue([])).focused


def test_a_form_has_values_by_input() -> None:
    """Empty inputs are left out, so that a command's own default counts."""
    _, data = sample("submitted")
    event = interactions.submitted(interactions.sender_of(data), data, "F1", AT)

    assert isinstance(event, Submitted)
    assert {"why": "because", "how": "slow", "who": f"discord::{BO}", "plan": "plan.txt"} == dict(
        event.values
    )
    assert ["plan.txt"] == [file.name for file in event.attachments]


def test_ids_tell_their_time_and_their_cause() -> None:
    """After a restart this says from where on a channel is to be read."""
    assert 1_462_015_105_796 == ids.made_at_ms("175928847299117063")
    assert ids.made_at_ms(ids.snowflake_at(1_700_000_000_000)) == 1_700_000_000_000
    assert "discord::12" == ids.cause("discord::12~progress#1")
    assert ("12", "") == (ids.cause_snowflake("discord::12:edited:x#1"), ids.cause_snowflake("schedule:7#1"))
