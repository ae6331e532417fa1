"""Events survive the way to disk and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.event import Event
from quarterdeck.core.message import Message
from quarterdeck.router.wire import decode, encode, mended

MOMENTS = st.datetimes(timezones=st.just(UTC))
PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
VALUES = st.dictionaries(st.text(), PLAIN | st.lists(PLAIN), max_size=3)
MESSAGES = st.builds(Message, sent_at=MOMENTS, raw=VALUES)
PARTS = {
    "received_at": MOMENTS,
    "message": MESSAGES,
    "options": VALUES,
    "values": VALUES,
}
EVENTS = st.one_of(
    *(
        st.builds(kind, **{name: part for name, part in PARTS.items() if name in kind.__dataclass_fields__})
        for kind in get_args(Event)
    )
)


@given(EVENTS)
def test_what_was_written_is_read_back(event: Event) -> None:
    """Every kind, every field."""
    kind = type(event).__name__

    assert event == decode(kind, encode(event))


@pytest.mark.parametrize(("kind", "body"), [("Posted", "{"), ("Posted", "{}"), ("Exploded", "{}"), ("", "")])
def test_what_was_not_written_by_us_is_refused(kind: str, body: str) -> None:
    """The caller sets it aside."""
    with pytest.raises(ValueError, match=r"."):
        decode(kind, body)


def test_half_characters_are_mended_wherever_they_are(bot) -> None:
    """In keys, in lists, in what the platform sent along."""
    event = bot.platform.posted("a\ud800", event_id="e\udfff")
    event = replace(event, message=replace(event.message, raw={"k\ud800": ["\ud801", {"x": "\ud802"}]}))
    with pytest.raises(ValueError, match="surrogate"):
        encode(event)

    sound = mended(event)

    assert sound == decode("Posted", encode(sound))
    assert ("a?", "e?", {"k?": ["?", {"x": "?"}]}) == (sound.message.text, sound.id, sound.message.raw)
