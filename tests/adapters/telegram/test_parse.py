"""Updates as Telegram sends them, made into events; the samples lie beside the adapter."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.event import Edited, Event, Joined, Posted, Pressed, Reacted
from quarterdeck_adapters.telegram import parse
from quarterdeck_adapters.telegram.text import Me, said

ME = Me(id=7000, username="quarterdeck_bot", names={"run_book": "run-book"})
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SAMPLES = files("quarterdeck_adapters.telegram") / "samples"


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return read


def events_of(name: str) -> list[Event]:
    return parse.events_of(sample(name), ME, parse.Arrival(at=NOW))


def posted(name: str) -> Posted:
    (event,) = events_of(name)
    assert isinstance(event, Posted)
    return event


def test_a_message_carries_immutable_ids_and_its_own_time() -> None:
    """Names change hands; ids do not."""
    event = posted("posted")

    assert "telegram::900000001:4001:11" == event.key
    assert ("telegram::4001", "telegram:4001", "direct") == (
        str(event.actor),
        event.conversation.id,
        event.conversation.kind,
    )
    assert (datetime(2026, 11, 21, 9, 0, tzinfo=UTC), "11") == (event.message.sent_at, event.message.id)
    assert (4001, 11) == parse.message_id_of(event.key)


def test_a_mention_is_taken_away_and_signs_of_code_and_links_come_back() -> None:
    """Telegram keeps them beside the text, counted in UTF-16 units; the emoji counts for two."""
    event = posted("mentioned")

    assert "😀 see `code` and [docs](<https://docs.example.com/a>)" == event.message.text
    assert event.message.mentions_bot


def test_a_command_for_us_has_our_name_for_it() -> None:
    """Telegram takes no hyphen in names."""
    event = posted("command_for_us")

    assert ("/run-book staging", True) == (event.message.text, event.message.mentions_bot)


@pytest.mark.parametrize("name", ["command_for_another", "from_channel", "migrated"])
def test_what_is_not_for_us_becomes_no_event(name: str) -> None:
    """Other bots are in the group, too."""
    assert [] == events_of(name)


def test_a_topic_is_a_conversation_of_its_own() -> None:
    """The message that made the topic is not what somebody answers."""
    event = posted("topic")

    assert ("telegram:-1009876543210:7", "thread") == (event.conversation.id, event.conversation.kind)
    assert (None, False) == (event.message.reply_to, event.message.mentions_bot)


def test_an_answer_to_us_is_meant_for_us() -> None:
    """Privacy mode delivers it, so it must be answered."""
    event = posted("reply_to_us")

    assert (True, "10") == (event.message.mentions_bot, event.message.reply_to)


def test_a_change_is_an_edit_of_the_old_message() -> None:
    """The history keeps one message."""
    (event,) = events_of("edited")

    assert isinstance(event, Edited)
    assert ("12", "changed") == (event.message.id, event.message.text)


@pytest.mark.parametrize(
    ("name", "attachment"),
    [
        ("album", ("photo-18.jpg", "image/jpeg", 90000, "large")),
        ("document", ("plan.pdf", "application/pdf", 12345, "doc")),
        ("voice", ("voice.ogg", "audio/ogg", 8000, "v")),
    ],
)
def test_files_come_as_attachments(name: str, attachment: tuple[object, ...]) -> None:
    """Of a photo's sizes the largest."""
    (found,) = posted(name).message.attachments

    assert attachment == (found.name, found.media_type, found.size_bytes, found.url)


def test_a_press_a_reaction_and_who_comes_are_events() -> None:
    """Each says who."""
    (press,), (added, removed), (ours,), (new,) = map(
        events_of, ("pressed", "reacted", "joined_by_us", "joined")
    )

    assert isinstance(press, Pressed)
    assert ("0123456789abcdef0123456789abcdef:0", "21") == (press.button_id, press.message_id)
    assert isinstance(added, Reacted)
    assert isinstance(removed, Reacted)
    assert [("🎉", True), ("👍", False)] == [(one.emoji, one.added) for one in (added, removed)]
    assert isinstance(ours, Joined)
    assert ours.is_bot
    assert isinstance(new, Joined)
    assert ("telegram::4002", "Bo") == (str(new.actor), new.actor_name)


def test_bots_are_marked_and_a_sticker_is_its_emoji() -> None:
    """The core keeps programs out."""
    assert posted("from_bot").is_bot
    assert "👍" == posted("sticker").message.text


def test_what_was_written_while_we_were_away_is_marked() -> None:
    """The core decides what to do about it."""
    late = parse.events_of(sample("posted"), ME, parse.Arrival(at=NOW, late_before=1795251601.0))

    assert [True] == [event.is_late for event in late]


def test_the_same_number_after_an_idle_week_is_another_event() -> None:
    """Telegram begins anew at a random number; the message tells them apart."""
    again = sample("posted")
    again["message"]["message_id"] = 512
    (first,), (second,) = (
        parse.events_of(update, ME, parse.Arrival(at=NOW)) for update in (sample("posted"), again)
    )

    assert first.key != second.key


@given(
    text=st.text(max_size=60), spans=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 30)), max_size=5)
)
def test_entities_of_any_shape_break_nothing(text: str, spans: list[tuple[int, int]]) -> None:
    """A server may be wrong; nothing of the text may be lost through that."""
    kinds = ("code", "pre", "mention", "bold", "text_link")
    entities = [
        {"type": kinds[n % 5], "offset": offset, "length": length, "url": "https://x.example"}
        for n, (offset, length) in enumerate(spans)
    ]
    what = said(text, entities, ME)

    if what is not None and not text.startswith("/"):
        assert set(text) <= set(what.text)
