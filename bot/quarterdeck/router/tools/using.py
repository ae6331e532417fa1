"""Run one tool call of a model: ask whether it may be, ask people where it must, run it, put it on record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from quarterdeck.core.approval import TOOL, Asked
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.model import ToolCall
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock
from quarterdeck.core.tool import Talk, ToolResult, ToolUse, Usable
from quarterdeck.core.value import dataclass
from quarterdeck.router.approvals.canonical import canonical, digest
from quarterdeck.router.approvals.desk import ApprovalDesk
from quarterdeck.router.tools.rights import Record, ToolRights, Verdict, reaches_out, version_of
from quarterdeck.router.tools.wording import shown
from quarterdeck.runtime.observability import metrics

CALL_LIMIT_S: Final = 60.0
BROKEN: Final = "it broke; the people who run the bot find out why in the log"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold what became of a call: its result, and the approval that it waits for."""

    result: ToolResult
    has_run: bool = False
    approval: str = ""


class ToolUsing:
    """Run calls."""

    def __init__(
        self,
        rights: ToolRights,
        approvals: ApprovalDesk,
        record: Record,
        clock: Clock,
    ) -> None:
        self._rights, self._approvals = rights, approvals
        self._record, self._clock = record, clock

    async def use(
        self, usable: Usable, call: ToolCall, talk: Talk, *, is_tainted: bool, may_ask: bool
    ) -> Outcome:
        """Return what became of a call; nothing that goes wrong with it ends the answer.

        `may_ask`: whether one more request for approval may stand in this answer.
        """
        try:
            use = _use(usable, call.values(), talk)
            arguments = usable.accept(use)
            verdict = await self._rights.decide(usable, talk, arguments, is_tainted=is_tainted)
            if verdict.allowed:
                return Outcome(result=await self.run(usable, use, talk.event), has_run=True)
            if verdict.needs is None:
                metrics.TOOL_CALLS.add(effect=usable.effect, outcome="refused")
                return Outcome(result=ToolResult(text=f"not run: {verdict.reason}", is_error=True))
            if not may_ask:
                text = "not run: too much waits for approval in this answer already"
                return Outcome(result=ToolResult(text=text, is_error=True))
            return await self._ask(usable, arguments, talk, verdict)
        except QuarterdeckError as error:
            return Outcome(result=_failure(error))
        except ValueError as error:
            return Outcome(result=ToolResult(text=f"not run: the arguments are {error}", is_error=True))

    async def run(self, usable: Usable, use: ToolUse, event: str) -> ToolResult:
        """Run a call that may be run. What changes something is on record before, everything is after.

        Raises:
            ServiceError: it could not be put on record, so it was not run.
        """
        detail: dict[str, object] = {
            "event": event,
            "tool": usable.name,
            "call": use.key,
            "effect": usable.effect,
            "arguments": digest_of(usable, use.arguments),
        }
        if reaches_out(usable):
            await self._record.append("tool", {**detail, "what": "begins"}, person_id=use.person.id)
        started_s = self._clock.monotonic()
        result = await self._result(usable, use)
        took_ms = round((self._clock.monotonic() - started_s) * 1000)
        outcome = "failed" if result.is_error else "done"
        metrics.TOOL_CALLS.add(effect=usable.effect, outcome=outcome)
        detail |= {
            "what": outcome,
            "took_ms": took_ms,
            "characters": len(result.text),
            "untrusted": result.is_untrusted,
        }
        await self._record.append("tool", detail, person_id=use.person.id)
        return result

    async def _result(self, usable: Usable, use: ToolUse) -> ToolResult:
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                return await usable.run(use)
        except TimeoutError:
            return ToolResult(text=f"it took longer than {CALL_LIMIT_S:.0f} s and was stopped", is_error=True)
        except QuarterdeckError as error:  # another side's words may stand in it
            return _failure(error, is_untrusted=True)
        except Exception:  # a tool may be anybody's: its fault costs its call, not the answer
            log.exception("Tool failed", extra={"tool": usable.name})
            return ToolResult(text=BROKEN, is_error=True)

    async def _ask(
        self, usable: Usable, arguments: Mapping[str, object], talk: Talk, verdict: Verdict
    ) -> Outcome:
        """Show a card with exactly what would run; the answer goes on without it."""
        assert verdict.needs is not None
        approval = await self._approvals.request(
            Asked(
                subject=f"{TOOL}{usable.name}",
                version=version_of(usable),
                arguments=arguments,
                person=talk.person,
                identity=talk.identity,
                conversation=talk.conversation,
                needs=verdict.needs,
                rule=verdict.rule,
                key=_key(talk.event, usable, arguments),
                way="tool",
            )
        )
        if approval.state == "granted":  # asked for before a crash, and agreed to since
            text = f"not run yet: {shown(usable.name)} was agreed to ({approval.id}) and runs next"
            return Outcome(result=ToolResult(text=text), approval=approval.id)
        if approval.state != "pending":
            text = f"not run: its approval {approval.id} is {approval.state}"
            return Outcome(result=ToolResult(text=text, is_error=True))
        metrics.TOOL_CALLS.add(effect=usable.effect, outcome="asked")
        text = (
            f"not run yet: {shown(usable.name)} waits for approval {approval.id} by a person, who sees it now"
        )
        return Outcome(result=ToolResult(text=text), approval=approval.id)


def _use(usable: Usable, arguments: Mapping[str, object], talk: Talk) -> ToolUse:
    return ToolUse(
        arguments=arguments,
        person=talk.person,
        identity=talk.identity,
        conversation=talk.conversation,
        key=_key(talk.event, usable, arguments),
    )


def _key(event: str, usable: Usable, arguments: Mapping[str, object]) -> str:
    """Name a call by what it does: told again after a crash, it is the same one."""
    return f"{event}~tool-{digest_of(usable, arguments)[:12]}"


def digest_of(usable: Usable, arguments: Mapping[str, object]) -> str:
    """Return the hash of a tool with its arguments."""
    nobody = Identity(platform="-", user_id="-")
    return digest(
        subject=f"{TOOL}{usable.name}",
        version="",
        arguments=canonical(arguments),
        asker=nobody,
        conversation_id="",
    )


def _failure(error: QuarterdeckError, *, is_untrusted: bool = False) -> ToolResult:
    words = f"{error.message}. {error.hint}".strip(". ")
    return ToolResult(text=words, is_error=True, is_untrusted=is_untrusted)
