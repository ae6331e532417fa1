"""Take one answer through its rounds: the model speaks, tools run, it goes on, until it is done or at a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import field
from typing import Final, cast

from quarterdeck.core.errors import Rejected
from quarterdeck.core.model import Delta, ModelMessage, Models, Tool, ToolCall, Wanted
from quarterdeck.core.reply import Citation, File
from quarterdeck.core.tool import Answered, Paused, Talk, ToolResult, Usable
from quarterdeck.core.value import dataclass
from quarterdeck.router.tools.choice import FIND, FIND_TOOL, Choice
from quarterdeck.router.tools.rights import READS
from quarterdeck.router.tools.using import Outcome, ToolUsing
from quarterdeck.router.tools.wording import cited, described, on_the_wire, renumbered, shown, told

MOST_ROUNDS: Final = 8
MOST_CALLS: Final = 24  # of one answer
MOST_ASKED: Final = 3  # requests for approval of one answer
SIDE_BY_SIDE: Final = 4
MAY_RUN: Final = ("tool_calls", "stop")  # an answer that ended otherwise is not whole, and runs nothing
OVER: Final = "not run: no more tools may be used for this answer. Answer now with what you have."


@dataclass(slots=True)
class Rounds:
    """Hold one answer while it grows; `turns` are those up to the question, `paused` is one that it goes on with."""

    models: Models
    using: ToolUsing
    talk: Talk
    turns: list[ModelMessage]
    usables: Sequence[Usable]
    max_output_tokens: int
    paused: Paused | None = None
    texts: list[str] = field(default_factory=list)
    used: dict[str, None] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    citations: list[Citation] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    calls: int = 0
    stopped: str = ""
    is_tainted: bool = False
    has_refused_tools: bool = False
    _asked_at: int = 0
    _tools: Mapping[str, Tool] = field(default_factory=dict)
    _choice: Choice = field(default_factory=lambda: Choice({}, ""))
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SIDE_BY_SIDE))

    async def run(self) -> AsyncGenerator[str | Answered, None]:
        """Yield the pieces, a line for each use of tools, and last the whole.

        Raises:
            QuarterdeckError: the model's.
        """
        is_from_outside = self.talk.person.is_service  # what it says may be what somebody sent to it
        self._asked_at = len(self.turns)
        if self.paused is not None:
            self.turns += self.paused.turns
            self.calls, self.is_tainted = self.paused.calls, self.paused.is_tainted
            self.citations += self.paused.citations
        self.is_tainted |= is_from_outside or any(turn.is_untrusted for turn in self.turns)
        named, last = on_the_wire(self.usables), Delta()
        called = [call.name for turn in self.turns[self._asked_at :] for call in turn.tool_calls]
        self._tools, self._choice = described(named), Choice(named, self._question(), called)
        for number in range(MOST_ROUNDS + 2):
            async with aclosing(self._round(named)) as items:
                async for item in items:
                    if isinstance(item, str):
                        yield item
                    else:
                        last = item
            if not last.tool_calls or last.finish not in MAY_RUN:
                break
            if number > MOST_ROUNDS or self.stopped:
                self.stopped = self.stopped or f"after {MOST_ROUNDS} rounds of tools"
                break
            if line := self._line(last.tool_calls, named):
                yield line
            await self._use(last, named, is_over=number == MOST_ROUNDS)
        yield self._answered(last)

    async def _round(self, named: Mapping[str, Usable]) -> AsyncGenerator[str | Delta, None]:
        """Yield one answer's pieces and its last delta; a model that takes no tools is asked again without."""
        pieces: list[str] = []
        last = Delta()
        try:
            async with aclosing(self._complete(self._offer())) as deltas:
                async for delta in deltas:
                    last = delta
                    if delta.text:
                        pieces.append(delta.text)
                        yield delta.text
        except Rejected as error:
            if pieces or self.calls or not named or not _is_about_tools(error):
                raise
            self.has_refused_tools = True
        if self.has_refused_tools and not pieces and last.finish is None:
            async with aclosing(self._complete(Wanted())) as deltas:
                async for delta in deltas:
                    last = delta
                    if delta.text:
                        pieces.append(delta.text)
                        yield delta.text
        if text := "".join(pieces).strip():
            self.texts.append(text)
        if last.tool_calls:
            self.turns.append(
                ModelMessage(
                    speaker="assistant",
                    text="".join(pieces),
                    tool_calls=last.tool_calls,
                    reasoning=last.reasoning,
                    thoughts=last.thoughts,
                )
            )
        yield last

    def _question(self) -> str:
        """Return what was asked."""
        asked = (turn.text for turn in reversed(self.turns[: self._asked_at]) if turn.speaker == "user")
        return next(asked, "")

    def _offer(self) -> Wanted:
        """Return the tools: those that fit, and what finds the others; all of them where they are few."""
        shown_ = self._choice.shown()
        tools = tuple(self._tools[name] for name in shown_)
        if self._choice.is_all:
            return Wanted(tools=tools)
        unshown = tuple(tool for name, tool in self._tools.items() if name not in shown_)
        return Wanted(tools=(*tools, FIND_TOOL), unshown=unshown)

    def _complete(self, wanted: Wanted) -> AsyncGenerator[Delta, None]:
        deltas = self.models.complete(
            self.turns,
            max_output_tokens=self.max_output_tokens,
            person_id=self.talk.person.id,
            conversation_id=self.talk.conversation.id,
            wanted=wanted,
        )
        return cast("AsyncGenerator[Delta, None]", deltas)

    def _line(self, calls: Sequence[ToolCall], named: Mapping[str, Usable]) -> str:
        names = dict.fromkeys(shown(named[one.name].name) for one in calls if one.name in named)
        return f"\n\n_Using {', '.join(names)} …_\n\n" if names else ""

    async def _use(self, last: Delta, named: Mapping[str, Usable], *, is_over: bool) -> None:
        """Run what was asked for, reads side by side; results are told in the order of the calls."""
        room = 0 if is_over else MOST_CALLS - self.calls
        if is_over or len(last.tool_calls) > room:
            self.stopped = f"after {MOST_ROUNDS} rounds" if is_over else f"after {MOST_CALLS} uses"
        outcomes = await asyncio.gather(
            *(self._one(call, named, may_run=n < room) for n, call in enumerate(last.tool_calls))
        )
        self.calls += len(last.tool_calls)
        for call, outcome in zip(last.tool_calls, outcomes, strict=True):
            self._tell(call, outcome, named)

    async def _one(self, call: ToolCall, named: Mapping[str, Usable], *, may_run: bool) -> Outcome:
        usable = named.get(call.name)
        if call.name == FIND and usable is None and may_run:
            return Outcome(result=self._choice.find(call))
        if not may_run or usable is None:
            text = OVER if usable is not None else f"not run: there is no tool {call.name[:80]!r}"
            return Outcome(result=ToolResult(text=text, is_error=True))
        tainted = self.is_tainted
        if usable.effect in READS:
            async with self._room:
                return await self.using.use(
                    usable, call, self.talk, is_tainted=tainted, may_ask=self._may_ask()
                )
        async with self._writing:  # one after the other, in the order in which they were asked for
            outcome = await self.using.use(
                usable, call, self.talk, is_tainted=tainted, may_ask=self._may_ask()
            )
            if outcome.approval:
                self.waiting[outcome.approval] = -1  # told below
            return outcome

    def _may_ask(self) -> bool:
        return len(self.waiting) < MOST_ASKED

    def _tell(self, call: ToolCall, outcome: Outcome, named: Mapping[str, Usable]) -> None:
        result = renumbered(outcome.result, len(self.citations))
        self.citations += result.citations
        self.files += result.files
        if outcome.has_run:
            self.used[shown(named[call.name].name)] = None
        if outcome.approval:
            self.waiting[outcome.approval] = len(self.turns) - self._asked_at
        self.is_tainted = self.is_tainted or result.is_untrusted
        self.turns.append(
            ModelMessage(
                speaker="tool",
                text=told(result),
                call_id=call.id,
                is_error=result.is_error,
                is_untrusted=result.is_untrusted,
            )
        )

    def pause(self, answer_id: str) -> Paused:
        """Return what is needed to go on, once somebody has agreed to what waits."""
        turns = self.turns[self._asked_at :]
        while turns and turns[-1].speaker == "assistant":  # calls that nothing came of
            turns.pop()
        earlier = self.paused.waiting if self.paused is not None else {}
        return Paused(
            id=answer_id,
            question=self._question(),
            turns=tuple(turns),
            waiting={**earlier, **self.waiting},
            citations=tuple(self.citations),
            is_tainted=self.is_tainted,
            calls=self.calls,
        )

    def _answered(self, last: Delta) -> Answered:
        text = "\n\n".join(self.texts)
        return Answered(
            text=text,
            finish=last.finish,
            answered_by=last.answered_by,
            used=tuple(self.used),
            waiting=tuple(self.waiting),
            stopped=self.stopped,
            citations=cited(text, self.citations),
            files=tuple(self.files),
        )


def _is_about_tools(error: Rejected) -> bool:
    """Tell whether a model was refused because it takes no tools: vendors word that in their own way."""
    return "tool" in f"{error.message} {error.detail}".lower()
