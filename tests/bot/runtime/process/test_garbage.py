"""What is loaded is never walked through again, and rings that are made later still go."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from quarterdeck.runtime.process.garbage import YOUNG, loading, look_less_often


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the collector as other tests know it."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Ring:
    """Hold itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_there_is_not_looked_through_again() -> None:
    """It is there until the process ends."""
    gc.unfreeze()
    look_less_often()

    assert gc.get_freeze_count() > 10_000


def test_rings_that_come_later_go_after_so_many_more() -> None:
    """A collector that never runs would be a leak."""
    look_less_often()
    ring = weakref.ref(Ring())

    made = [[] for _ in range(2 * YOUNG)]

    assert (None, 2 * YOUNG) == (ring(), len(made))


def test_nothing_is_looked_through_while_it_is_loaded() -> None:
    """A start makes hundreds of thousands of objects, and all of them stay."""
    with loading():
        while_loading = gc.isenabled()

    assert (False, True) == (while_loading, gc.isenabled())
