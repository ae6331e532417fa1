"""Hold the reader of events to the format, wherever its pieces are torn."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from quarterdeck.core.model import Delta
from quarterdeck.models.dialects.events import Lines, together

STREAM = b": hello\n\ndata: {1}\n\nevent: x\r\ndata:{2}\r\n\r\ndata: a\r\ndata: b\n\nid: 5\n\ndata: last\n\n"
EXPECTED = [b"{1}", b"{2}", b"a\nb", b"last"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_in_pieces_of_any_size(size: int) -> None:
    """The network tears where it likes, also between the two ends of a line."""
    lines = Lines()

    found = [
        data for n in range(0, len(STREAM), size) for data in lines.feed(STREAM[n : n + size])
    ] + lines.flush()

    assert EXPECTED == found


def test_an_event_without_its_empty_line_comes_at_the_end() -> None:
    """Some servers close right after the last event."""
    lines = Lines()

    assert ([], [b"x"]) == (lines.feed(b"data: x"), lines.flush())


class Scripted:
    """Be an answer that takes two events, says of each what it is, and breaks at "bad"."""

    is_over = False

    def words(self, event: Mapping[str, object]) -> str | None:
        """Read what is nothing but words."""
        return str(event["words"]) if "words" in event else None

    def hear(self, event: Mapping[str, object]) -> Delta | None:
        """Take an event."""
        if event["is"] == "bad":
            raise ValueError("bad")
        return Delta(text=str(event["is"]))


def test_what_came_together_is_passed_on_together() -> None:
    """Hundreds of answers at once would cost a dozen calls for each word otherwise."""
    assert [Delta(text="ab")] == [*together(Scripted(), [{"is": "a"}, {"is": "b"}])]


def test_bare_words_keep_their_place_among_the_rest() -> None:
    """They are read by a shorter way, which must not change their order."""
    batch = [{"words": "a"}, {"is": "b"}, {"words": "c"}, {"words": ""}]

    assert [Delta(text="abc")] == [*together(Scripted(), batch)]


def test_what_came_before_a_fault_is_passed_on() -> None:
    """People keep what they may have, and are told of the rest."""
    pieces = together(Scripted(), [{"is": "a"}, {"is": "bad"}])

    assert Delta(text="a") == next(pieces)
    with pytest.raises(ValueError, match="bad"):
        next(pieces)
