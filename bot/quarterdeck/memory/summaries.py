"""Fold what is long past in a conversation into a summary, behind the answers, never before them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.model import ModelMessage, Models
from quarterdeck.core.ports import Clock, History

KEEP_MESSAGES: Final = 30  # the newest stay as they are
FOLD_FROM: Final = 12  # fewer are not worth a call
MOST_AT_ONCE: Final = 120
LONGEST_MESSAGE: Final = 1500  # characters
SUMMARY_TOKENS: Final = 500
LONGEST_SUMMARY: Final = 4000  # characters

log = logging.getLogger(__name__)


class SummaryRows(Protocol):
    """Keep one summary a conversation, with the moment up to which it reaches."""

    async def summarised(self, conversation_id: str) -> tuple[str, int]:
        """Return the summary and up to when it reaches, in ms; empty and 0 where there is none."""

    async def fold(
        self, conversation_id: str, text: str, *, since_ms: int, up_to_ms: int, now_ms: int
    ) -> None:
        """Replace the summary that reaches up to `since_ms`; when it has changed meanwhile, nothing is done."""


class Summaries:
    """Fold conversations one by one, with the model of the role `fast`."""

    def __init__(
        self, rows: SummaryRows, history: History, models: Models, clock: Clock, *, prompt: str
    ) -> None:
        self._rows, self._history, self._models, self._clock = rows, history, models, clock
        self._prompt = prompt
        self._wanted: dict[str, Conversation] = {}
        self._comes = asyncio.Event()

    def want(self, conversation: Conversation) -> None:
        """Fold this conversation soon; asked for again and again it is done once."""
        self._wanted[conversation.id] = conversation
        self._comes.set()

    async def serve(self) -> None:
        """Fold what is wanted, until cancelled. A model that fails leaves the old summary."""
        while True:
            await self._comes.wait()
            self._comes.clear()
            while self._wanted:
                _, conversation = self._wanted.popitem()
                try:
                    await self.fold(conversation)
                except QuarterdeckError as error:
                    log.info("Conversation not summed up", extra={"error": error.message})

    async def fold(self, conversation: Conversation) -> bool:
        """Sum up what has grown old since last time; returns whether something was done."""
        summary, since_ms = await self._rows.summarised(conversation.id)
        messages = await self._history.since(conversation.id, since_ms, limit=KEEP_MESSAGES + MOST_AT_ONCE)
        old = messages[:-KEEP_MESSAGES]
        model = await self._models.connected("fast")
        if len(old) < FOLD_FROM or model is None or not model.is_capable:
            return False
        text = await self._summed_up(summary, old, conversation)
        up_to_ms = round(old[-1].sent_at.timestamp() * 1000)
        await self._rows.fold(
            conversation.id,
            text[:LONGEST_SUMMARY],
            since_ms=since_ms,
            up_to_ms=up_to_ms,
            now_ms=self._clock.now_ms(),
        )
        return True

    async def _summed_up(self, summary: str, old: Sequence[Message], conversation: Conversation) -> str:
        said = [
            {"who": "you" if one.raw.get("is_ours") else str(one.author), "text": one.text[:LONGEST_MESSAGE]}
            for one in old
        ]
        material = json.dumps({"summary so far": summary, "messages": said}, ensure_ascii=False)
        pieces: list[str] = []
        async for delta in self._models.complete(
            (ModelMessage(speaker="system", text=self._prompt), ModelMessage(speaker="user", text=material)),
            role="fast",
            max_output_tokens=SUMMARY_TOKENS,
            conversation_id=conversation.id,
        ):
            pieces.append(delta.text)
        return "".join(pieces).strip()
