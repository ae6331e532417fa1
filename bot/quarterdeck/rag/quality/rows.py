"""Say what quality needs of the database: `store/knowledge/quality.py` has it."""

from __future__ import annotations

from typing import Protocol

from quarterdeck.core.knowledge import GivenAnswer, Measured


class AnswerRows(Protocol):
    """Keep what was answered, and what people said to it."""

    async def keep(self, answer: GivenAnswer) -> None:
        """Write an answer down, in place of the one of its id."""

    async def answer(self, answer_id: str) -> GivenAnswer | None:
        """Return an answer, None when there is none (any more)."""

    async def asked(self, conversation_id: str, person_id: str, since_ms: int) -> list[str]:
        """Return what somebody asked in a conversation since then, oldest first."""

    async def judge(self, answer_id: str, verdict: str, *, said: str, judge_id: str) -> None:
        """Note what somebody said to an answer; the last word counts."""

    async def judged(self) -> list[GivenAnswer]:
        """Return the answers that somebody said something to, oldest first."""


class MeasureRows(Protocol):
    """Keep what was measured."""

    async def measured(self, measured: Measured) -> None:
        """Keep a measurement."""

    async def last(self, suite: str) -> Measured | None:
        """Return the newest accepted measurement of a suite."""


class QualityRows(AnswerRows, MeasureRows, Protocol):
    """Be both."""
