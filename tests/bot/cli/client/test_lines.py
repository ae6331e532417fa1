"""Standard input is anything: a pipe that dribbles, a plain file, a line without end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck.cli.client.lines import lines_of, text_of
from quarterdeck.cli.client.talk import MESSAGE_LIMIT
from quarterdeck.core.errors import UsageError, UserError


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


async def test_a_line_that_comes_in_parts_is_one_line(pipe: tuple[int, int]) -> None:
    """Writers flush when they please, also inside a character."""
    source, sink = pipe
    lines = lines_of(source)
    os.write(sink, b"one\ntw\xc3")
    first = await anext(lines)
    os.write(sink, b"\xbc\nthree")
    os.close(sink)

    assert [b"one", b"tw\xc3\xbc", b"three"] == [first, *[line async for line in lines]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n\n", [b"", b""]),
        (b"a", [b"a"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", [b"a", b"\xef\xbb\xbfb"]),
        (b"a\x0bb\xe2\x80\xa8c\n", [b"a\x0bb\xe2\x80\xa8c"]),
    ],
)
async def test_a_plain_file_is_read_to_its_end(tmp_path: Path, content: bytes, expected: list[bytes]) -> None:
    """Only a line feed ends a line; a mark that editors put at the start is not part of it."""
    path = tmp_path / "lines"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)

    found = [line async for line in lines_of(descriptor)]
    os.close(descriptor)

    assert expected == found


async def test_a_line_without_end_is_not_kept(tmp_path: Path) -> None:
    """A wrong pipe, such as a disk image, costs no memory."""
    path = tmp_path / "lines"
    path.write_bytes(b"x" * (8 * MESSAGE_LIMIT) + b"\nafter\n")
    descriptor = os.open(path, os.O_RDONLY)

    found = [line async for line in lines_of(descriptor)]
    os.close(descriptor)

    assert [True, True] == [MESSAGE_LIMIT < len(found[0]) < MESSAGE_LIMIT + 10, found[1] == b"after"]


async def test_an_input_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A folder as standard input is a person's mistake, not ours."""
    descriptor = os.open(tmp_path, os.O_RDONLY)

    with pytest.raises(UserError, match="directory"):
        _ = [line async for line in lines_of(descriptor)]
    os.close(descriptor)


def test_the_line_end_of_windows_is_no_text() -> None:
    """Its files end lines with two characters."""
    assert "a\r b" == text_of(b"a\r b\r")


def test_other_encodings_are_refused_with_the_place() -> None:
    """Guessing would change what was said."""
    with pytest.raises(UsageError, match="byte 3"):
        text_of("Grün".encode("latin-1"))
