"""Gather what was said in a conversation that was opened to it: a document for each day."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from quarterdeck.core.message import Message
from quarterdeck.core.sourcing import KnowledgeSource
from quarterdeck.rag.ingesting.gathering import Round
from quarterdeck.rag.reading.sources import Item, Source
from quarterdeck.runtime.process.tasks import in_thread


class Days(Protocol):
    """Give a conversation by days: `store/conversations/channels.py` has it."""

    async def days(self, conversation_id: str) -> list[int]:
        """Return the days on which something was said, oldest first: days in UTC since the epoch."""

    async def said(self, conversation_id: str, day: int) -> list[Message]:
        """Return what was said on a day, oldest first, deleted messages left out."""


class Channel:
    """Read the history of a conversation, deleted messages and the bot's own left out."""

    keeps_absent = False

    def __init__(self, days: Days) -> None:
        self._days = days

    async def items(self, round_: Round) -> AsyncIterator[Item]:
        """Yield days, oldest first; every day, as words may have been changed or deleted in any."""
        where = round_.source.location
        days = await self._days.days(where)
        round_.total = len(days)
        for day in days:
            if (item := await self._staged(round_, await self._days.said(where, day))) is not None:
                yield item

    async def _staged(self, round_: Round, messages: Sequence[Message]) -> Item | None:
        spoken = [one for one in messages if one.text.strip() and not one.raw.get("is_ours")]
        if not spoken:
            return None
        date = spoken[0].sent_at.date().isoformat()
        lines = [f"# What was said on {date}\n"]
        lines += [f"**{one.author.user_id}** ({one.sent_at:%H:%M}): {one.text.strip()}\n" for one in spoken]
        body = "\n".join(lines).encode(errors="replace")
        path = f"{round_.source.location}#{date}"
        staged = round_.staging / f"{date}.md"
        await in_thread(staged.write_bytes, body)
        return Source(
            path=path,
            name=f"conversation of {date}",
            root=round_.source.root,
            format="markdown",
            size_bytes=len(body),
            file=str(staged),
            modified_at_ms=round(spoken[-1].sent_at.timestamp() * 1000),
            version=hashlib.sha256(body).hexdigest()[:32],
        )

    def is_gone(self, source: KnowledgeSource) -> bool:
        """Have nothing that can be out of reach."""
        return False

    def forget(self, source: KnowledgeSource) -> None:
        """Hold nothing besides."""
