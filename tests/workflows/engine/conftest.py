"""Open engines on one folder, and close them afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.workflows.engine.place import Place, open_place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Be an engine."""
    opened = await open_place(tmp_path)
    yield opened
    await opened.close()
