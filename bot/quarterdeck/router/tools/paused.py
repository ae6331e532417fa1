"""Keep answers whose calls wait for approval, so that their models go on once people have agreed.

What a model had done lies on disk, with a row for each call that waits. The event of ours that carries a call out
marks the row before it runs and leaves the result in it, so a crash at any moment repeats no effect: what was done is
told from the row, and of what was under way it is said that nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Protocol

from quarterdeck.core.approval import Approval
from quarterdeck.core.errors import Denied
from quarterdeck.core.model import ModelMessage, Thoughts, ToolCall
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Citation, File
from quarterdeck.core.tool import Paused, Talk, ToolResult
from quarterdeck.router.tools.wording import told

UNKNOWN: Final = (
    "It is not known whether it ran: I was stopped in the middle. Look before you ask for it again."
)


class Call(Protocol):
    """See one call: of which answer, which turn is to hold its result, and what became of it.

    `event` is the one that carries it out, empty until then; `result` is empty until it has run.
    """

    @property
    def answer_id(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def result(self) -> str: ...


class PausedRows(Protocol):
    """Keep answers and the calls of theirs that wait; bodies and results are JSON of ours."""

    async def keep(
        self,
        answer_id: str,
        body: str,
        waiting: Mapping[str, int],
        *,
        conversation_id: str,
        person_id: str,
        now_ms: int,
    ) -> None:
        """Keep an answer in place of its earlier form; answers that nothing waits for any more are deleted."""

    async def call(self, approval_id: str) -> Call | None:
        """Return the call that an approval is for."""

    async def begin(self, approval_id: str, event: str, *, now_ms: int) -> bool:
        """Mark a call as being carried out by `event`; False when it was marked before."""

    async def end(self, approval_id: str, result: str) -> None:
        """Keep what it said."""

    async def answer(self, answer_id: str) -> tuple[str, Mapping[str, int], Mapping[str, str]] | None:
        """Return an answer: its body, the turn of each call, and the results there are; None when it is gone."""


class PausedAnswers:
    """Put answers away, and bring them back with what their calls said."""

    def __init__(self, rows: PausedRows, clock: Clock) -> None:
        self._rows, self._clock = rows, clock

    async def keep(self, paused: Paused, talk: Talk) -> None:
        """Put an answer away."""
        body = {
            "question": paused.question,
            "turns": [_written(turn) for turn in paused.turns],
            "citations": [asdict(one) for one in paused.citations],
            "is_tainted": paused.is_tainted,
            "calls": paused.calls,
        }
        await self._rows.keep(
            paused.id,
            json.dumps(body, ensure_ascii=False),
            paused.waiting,
            conversation_id=talk.conversation.id,
            person_id=talk.person.id,
            now_ms=self._clock.now_ms(),
        )

    async def said(self, approval: Approval, talk: Talk) -> ToolResult | None:
        """Return what this call said when the same event carried it out before; None: it has not run yet.

        Raises:
            Denied: another event carried it out, or it is somebody else's.
        """
        call = await self._rows.call(approval.id)
        if approval.asker_id != talk.person.id:
            raise Denied("this was asked for in somebody else's name")
        if call is None or not call.event:
            return None
        if call.event != talk.event:
            raise Denied("this was not approved, or was done already")
        return _result(call.result) if call.result else None

    async def begin(self, approval_id: str, talk: Talk) -> bool:
        """Mark a call as under way; False when a stop has cut it off before."""
        return await self._rows.begin(approval_id, talk.event, now_ms=self._clock.now_ms())

    async def end(self, approval_id: str, result: ToolResult) -> None:
        """Keep what a call said."""
        await self._rows.end(approval_id, json.dumps(asdict(result), ensure_ascii=False))

    async def after(self, approval_id: str) -> Paused | None:
        """Return the answer that the call was of, with every result that there is; None when it is not kept."""
        call = await self._rows.call(approval_id)
        found = await self._rows.answer(call.answer_id) if call is not None and call.answer_id else None
        if call is None or found is None:
            return None
        body, turns, results = found
        kept = json.loads(body)
        told_turns = [_read(turn) for turn in kept["turns"]]
        citations = [Citation(**one) for one in kept["citations"]]
        for approval, text in results.items():
            result, at = _result(text), turns[approval]
            told_turns[at] = _told(told_turns[at], result)
            citations += result.citations
        return Paused(
            id=call.answer_id,
            question=kept["question"],
            turns=tuple(told_turns),
            waiting={approval: at for approval, at in turns.items() if approval not in results},
            citations=tuple(citations),
            is_tainted=kept["is_tainted"],
            calls=kept["calls"],
        )


def _told(turn: ModelMessage, result: ToolResult) -> ModelMessage:
    return replace(
        turn,
        text=told(result),
        is_error=result.is_error,
        is_untrusted=turn.is_untrusted or result.is_untrusted,
    )


def _written(turn: ModelMessage) -> dict[str, object]:
    return {name: value for name, value in asdict(turn).items() if value and name != "enclosed"}


def _read(row: Mapping[str, Any]) -> ModelMessage:
    thoughts = row.get("thoughts")
    values = {
        **row,
        "text": row.get("text", ""),
        "tool_calls": tuple(ToolCall(**call) for call in row.get("tool_calls", ())),
        "thoughts": Thoughts(wire=thoughts["wire"], parts=tuple(thoughts["parts"])) if thoughts else None,
    }
    return ModelMessage(**values)


def _result(text: str) -> ToolResult:
    row = json.loads(text)
    files = tuple(File(**one) for one in row.pop("files"))
    citations = tuple(Citation(**one) for one in row.pop("citations"))
    return ToolResult(**row, files=files, citations=citations)
