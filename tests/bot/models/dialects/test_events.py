"""Hold the reader of events to the format, wherever its pieces are torn."""

from __future__ import annotations

import pytest

from quarterdeck.models.dialects.events import Lines

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
