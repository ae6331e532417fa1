"""Gather the files at a path."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from itertools import islice

from quarterdeck.core.errors import UsageError
from quarterdeck.core.sourcing import KnowledgeSource
from quarterdeck.rag.ingesting.gathering import Round
from quarterdeck.rag.reading.sources import Item, walk
from quarterdeck.runtime.process.tasks import in_thread

BATCH = 200  # files that are looked at in one go


class Folder:
    """Walk through a folder, or take one file."""

    keeps_absent = False

    @staticmethod
    def check(path: str) -> str:
        """Return the real path of what can be read.

        Raises:
            UsageError: nothing is there, or it is a single file of a format that cannot be read.
        """
        for _ in walk(path):
            break
        return os.path.realpath(path)

    async def items(self, round_: Round) -> AsyncIterator[Item]:
        """Yield files in the order of their names; counts them first, and holds a few at a time."""
        where = round_.below or round_.source.location
        round_.total = await in_thread(lambda: sum(1 for _ in walk(where, round_.source.root)))
        if not round_.below:
            round_.cursor["is_file"] = await in_thread(os.path.isfile, where)
        found = walk(where, round_.source.root)
        while some := await in_thread(_take, found):
            for item in some:
                yield item

    def is_gone(self, source: KnowledgeSource) -> bool:
        """Tell a file that was deleted from a folder that is out of reach, whose documents stay."""
        return source.cursor.get("is_file") is True or source.kind == "upload"

    def forget(self, source: KnowledgeSource) -> None:
        """Delete what was uploaded; other files are not ours."""
        if source.kind == "upload":
            try:
                os.unlink(source.location)
            except OSError:
                return


def _take(found: Iterator[Item]) -> list[Item]:
    try:
        return list(islice(found, BATCH))
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}") from error
