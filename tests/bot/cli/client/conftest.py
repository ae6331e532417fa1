"""Give the client of the console a small honest bot in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.errors import NotFound, QuarterdeckError, Unavailable
from quarterdeck.core.ports import Json, Progress


class MemoryBot:
    """Answer `/echo X`, stay silent at `/silence`, end at `/die`; speak both operations and the stream (a `Door`).

    `noise` is posted by others before each answer.
    """

    def __init__(self) -> None:
        self.posted: list[Mapping[str, Json]] = []
        self.noise: list[dict[str, Json]] = []
        self._numbers = itertools.count(1)
        self._items: asyncio.Queue[dict[str, Json] | None] = asyncio.Queue()
        self._is_dead = False

    async def call(
        self, operation: str, parameters: Mapping[str, Json], progress: Progress | None = None
    ) -> Json:
        """Take what is said; the answer may appear before this returns, as with the real bot."""
        if self._is_dead:
            raise gone()
        self.posted.append({"operation": operation, **parameters})
        cause = f"console::{next(self._numbers)}"
        if operation == "console.press":
            if parameters["button"] != "go":
                raise NotFound("no such button")
            self.show(cause, "pressed")
        elif parameters["text"] == "/die":
            self.die()
            raise gone()
        elif parameters["text"] != "/silence":
            for item in self.noise:
                self._items.put_nowait(item)
            self.show(cause, str(parameters["text"]).removeprefix("/echo "))
        return {"cause": cause}

    async def stream(self, name: str, parameters: Mapping[str, Json]) -> AsyncIterator[Json]:
        """Show the conversation."""
        assert name == "console.attach"
        yield {
            "kind": "attached",
            "conversation": parameters["conversation"] or "console:1000",
            "identity": parameters["identity"] or "console::1000",
        }
        while (item := await self._items.get()) is not None:
            yield item
        raise gone()

    def show(self, cause: str, text: str, **more: Json) -> None:
        """Post a reply."""
        self._items.put_nowait(post(cause, text, **more))

    def die(self) -> None:
        """End as a killed process does."""
        self._is_dead = True
        self._items.put_nowait(None)


def post(cause: str, text: str, **more: Json) -> dict[str, Json]:
    """Return a post of the stream."""
    body: dict[str, Any] = {"status": "answered", "text": text, "run_id": None}
    body |= {"citations": [], "buttons": [], "files": [], **more}
    return {"kind": "post", "cause": cause, "seq": 1, "body": body}


def gone() -> QuarterdeckError:
    """Return the error of a bot that ended."""
    return Unavailable("the bot that was spoken to has ended", service="quarterdeck")


@pytest.fixture
def bot() -> MemoryBot:
    """Return a bot that nobody has spoken to."""
    return MemoryBot()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return an empty folder for uploads."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder
