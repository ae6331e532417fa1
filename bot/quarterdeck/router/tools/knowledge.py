"""Bring the search in the team's documents as a tool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from quarterdeck.core.ports import Knowledge
from quarterdeck.core.reply import Citation
from quarterdeck.core.tool import ToolResult, ToolUse, Usable

LOOK_EVERY_S: Final = 1.0
PASSAGES: Final = 8
LONGEST: Final = 1_400  # characters of one passage
SCHEMA: Final[Mapping[str, object]] = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "What to look for", "maxLength": 2000}},
    "required": ["query"],
    "additionalProperties": False,
}


class KnowledgeTools:
    """Offer one search, once there is something to search; that is looked up once a second at the most."""

    def __init__(self, knowledge: Knowledge, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._knowledge, self._monotonic = knowledge, monotonic
        self._looked_s, self._has_some, self._looking = float("-inf"), False, asyncio.Lock()
        self._tools = (
            Usable(
                name="knowledge.search",
                summary="Search the team's documents; returns passages, each with the number to cite it by",
                schema=SCHEMA,
                run=self._search,
                least_role="viewer",
                requires=("command:ask",),
            ),
        )

    async def tools(self) -> Sequence[Usable]:
        """Return it."""
        if self._monotonic() - self._looked_s >= LOOK_EVERY_S:
            async with self._looking:
                if self._monotonic() - self._looked_s >= LOOK_EVERY_S:
                    self._has_some = bool((await self._knowledge.counts()).get("chunks"))
                    self._looked_s = self._monotonic()
        return self._tools if self._has_some else ()

    async def _search(self, use: ToolUse) -> ToolResult:
        found = await self._knowledge.search(
            str(use.arguments["query"]),
            limit=PASSAGES,
            person=use.person,
            conversation=use.conversation,
        )
        if not found:
            return ToolResult(text="Nothing was found.")
        texts, citations = [], []
        for n, passage in enumerate(found, 1):
            heading = f" › {passage.heading}" if passage.heading else ""
            texts.append(f"[{n}] {passage.document}{heading}\n{passage.text[:LONGEST]}")
            citations.append(
                Citation(
                    n=n,
                    document=passage.document,
                    heading=passage.heading,
                    url=passage.url,
                    chunk=passage.chunk_id,
                )
            )
        return ToolResult(text="\n\n".join(texts), is_untrusted=True, citations=tuple(citations))
