"""Count things over runs: once each, anew after a quiet while, and remembered over a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from quarterdeck.core.action import Tally
from quarterdeck.runtime.tallies import KeptTallies
from quarterdeck.store.conversations.memory import PlatformMemory
from quarterdeck.store.engine import Store
from quarterdeck.testing.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands."""
    return FakeClock()


async def test_a_step_that_runs_twice_counts_once_and_a_restart_forgets_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    """An alert that comes twice is posted once."""
    store = await Store.open(tmp_path / "q.db")
    tallies = KeptTallies(PlatformMemory(store, "tally", clock), clock)
    counts = [(await tallies.add("w", "disk", key=key, within_s=60)).count for key in ("a", "a", "b")]
    await tallies.put("w", "disk", "m1")
    again = KeptTallies(PlatformMemory(store, "tally", clock), clock)
    third = await again.add("w", "disk", key="c", within_s=60)
    other = await again.add("v", "disk", key="c", within_s=60)
    cleared = [await again.clear("w", "disk", key="d") for _ in range(2)]
    empty = await again.clear("w", "disk", key="e")
    await store.close()

    assert [1, 1, 2] == counts
    assert (3, "m1", 1) == (third.count, third.value, other.count)
    assert [3, 3] == [one.count for one in cleared]
    assert Tally() == empty


async def test_after_a_quiet_while_it_begins_anew(tmp_path: Path, clock: FakeClock) -> None:
    """What happens again next week is new."""
    store = await Store.open(tmp_path / "q.db")
    tallies = KeptTallies(PlatformMemory(store, "tally", clock), clock)
    counts = []
    for key, wait_s in (("a", 50), ("b", 50), ("c", 61), ("d", 0)):
        counts.append((await tallies.add("w", "disk", key=key, within_s=60)).count)
        await clock.advance(wait_s)
    await store.close()

    assert [1, 2, 3, 1] == counts
