"""Make engines on one file, and wait for their runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from quarterdeck.runtime.durable import Durable, Queue

Make = Callable[[], Durable]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Make engines on one file, and close them all afterwards."""
    made: list[Durable] = []

    def build() -> Durable:
        made.append(Durable(tmp_path / "durable.db", queues=[Queue(name="work", poll_s=0.05)]))
        return made[-1]

    yield build
    for durable in made:
        await durable.close()
