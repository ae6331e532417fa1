"""Parts that are opened when they are first used."""

from __future__ import annotations

import asyncio
import threading

import pytest

from quarterdeck.app.later import LateMap, close, is_open, later, opened


class Part:
    """Count how often it is made, and whether it is closed."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.name, self.is_closed = "part", False

    async def close(self) -> None:
        """End."""
        self.is_closed = True


@pytest.fixture(autouse=True)
def none_made() -> None:
    """Begin with nothing."""
    Part.made = 0


def test_a_part_is_made_by_its_first_use_and_once() -> None:
    """What nobody asks for costs nothing."""
    part = later(Part)
    before = (is_open(part), Part.made)

    assert ((False, 0), "part", "part", (True, 1)) == (
        before,
        part.name,
        part.name,
        (is_open(part), Part.made),
    )


def test_many_threads_get_the_same_part() -> None:
    """The web server is built in a thread, beside the first answers."""
    part, names = later(Part), []
    threads = [threading.Thread(target=lambda: names.append(part.name)) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert (20, 1) == (len(names), Part.made)


def test_what_is_set_is_set_on_the_part() -> None:
    """It stands for the part in both directions."""
    made = Part()
    later(lambda: made).name = "changed"

    assert "changed" == made.name


def test_an_error_is_raised_to_who_asked_and_the_next_use_tries_again() -> None:
    """A file that was wrong may have been mended."""
    errors = [ValueError("wrong")]

    def build() -> Part:
        if errors:
            raise errors.pop()
        return Part()

    part = later(build)
    with pytest.raises(ValueError, match="wrong"):
        _ = part.name

    assert "part" == part.name


async def test_only_what_was_made_is_closed() -> None:
    """Closing must not open."""
    unused, used = later(Part), later(Part)
    _ = used.name
    await close(unused)
    await close(used)

    assert (False, True, 1) == (is_open(unused), used.is_closed, Part.made)


async def test_waiting_for_a_part_ends_when_a_thread_opens_it() -> None:
    """What serves a part begins with its first use."""
    part = later(Part)
    waiting = asyncio.create_task(opened(part))
    await asyncio.sleep(0)
    was_done = waiting.done()
    await asyncio.to_thread(lambda: part.name)
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(opened(part), 5)

    assert (False, True) == (was_done, is_open(part))


def test_a_map_is_made_when_something_else_is_looked_for() -> None:
    """The console's own operations need none of the others."""
    made: list[str] = []

    def build() -> dict[str, int]:
        made.append("once")
        return {"a": 1, "b": 2}

    known = LateMap({"a": 10}, build)
    first = (known["a"], "a" in known, list(made))

    assert (10, True, []) == first
    assert ([10, 2, None], ["a", "b"], 2, ["once"]) == (
        [known["a"], known["b"], known.get("c")],
        sorted(known),
        len(known),
        made,
    )
