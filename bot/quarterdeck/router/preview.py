"""Show an answer while it is being written, where the platform can."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from quarterdeck.core.adapter import Streams
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.event import Event
from quarterdeck.core.reply import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

log = logging.getLogger(__name__)


class Preview:
    """Show pieces at the end of words only, so that no half of a secret slips past `clean`."""

    def __init__(self, screen: Streams | None, event: Event, clean: Callable[[str], str]) -> None:
        self._screen, self._event, self._clean = screen, event, clean
        self._unshown = ""

    async def add(self, piece: str) -> None:
        """Show what is whole; a screen that fails is left alone, the final answer still comes."""
        self._unshown += piece
        end = _end_of_words(self._unshown)
        if not end or self._screen is None:
            return
        whole, self._unshown = self._unshown[:end], self._unshown[end:]
        try:
            await self._screen.preview(self._event.conversation, self._event.key, self._clean(whole))
        except QuarterdeckError as error:
            log.info("Preview failed", extra={"platform": self._event.platform, "error": error.message})
            self._screen = None


def _end_of_words(text: str) -> int:
    """Return where the last whole word ends; scripts without blanks end a word at each sign."""
    for at in range(len(text) - 1, -1, -1):
        if text[at].isspace() or not text[at].isascii():
            return at + 1
    return 0


async def written(reply: Reply, preview: Preview, explain: Callable[[QuarterdeckError], Reply]) -> Reply:
    """Follow a reply that is still being written to its end. An answer that is cut off says so."""
    if reply.stream is None:
        return reply
    pieces: list[str] = []
    try:
        async with aclosing(cast("AsyncGenerator[str | Reply]", reply.stream)) as stream:
            async for item in stream:
                if isinstance(item, Reply):
                    return replace(item, stream=None)
                pieces.append(item)
                await preview.add(item)
    except QuarterdeckError as error:
        failed = explain(error)
        so_far = "".join(pieces)
        return replace(failed, text=f"{so_far}\n\n{failed.text}" if so_far else failed.text)
    return replace(reply, text=reply.text + "".join(pieces), stream=None)
