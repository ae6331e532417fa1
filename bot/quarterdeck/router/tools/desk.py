"""Collect tools, offer a model those that the person may use, and answer with them (the `Tools` port)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

from quarterdeck.core.access import ApprovalRule
from quarterdeck.core.approval import TOOL, Approval
from quarterdeck.core.errors import Denied
from quarterdeck.core.model import Connected, ModelMessage, Models
from quarterdeck.core.reply import Reply
from quarterdeck.core.tool import (
    Answered,
    Carried,
    Offer,
    Paused,
    Talk,
    ToolResult,
    ToolSource,
    ToolUse,
    Usable,
)
from quarterdeck.router.approvals.desk import ApprovalDesk
from quarterdeck.router.tools.paused import UNKNOWN, PausedAnswers
from quarterdeck.router.tools.rights import ToolRights, reaches_out, version_of
from quarterdeck.router.tools.rounds import Rounds
from quarterdeck.router.tools.using import ToolUsing
from quarterdeck.router.tools.wording import RULES, renumbered, shown

MOST_OFFERED: Final = 100  # vendors take 128 at the most (OpenAI, chat completions, 2026-11-21)


class ToolDesk:
    """Be the `Tools` of the bot. `sources` are asked anew for each answer, so tools may come and go."""

    def __init__(
        self,
        *,
        sources: Sequence[ToolSource],
        models: Models,
        rights: ToolRights,
        using: ToolUsing,
        approvals: ApprovalDesk,
        paused: PausedAnswers,
        is_on: bool = True,
    ) -> None:
        self.sources = list(sources)
        self._models, self._rights, self._using = models, rights, using
        self._approvals, self._paused, self._is_on = approvals, paused, is_on
        self._toolless: set[str] = set()  # models that said that they take none

    async def offered(self, talk: Talk) -> list[Offer]:
        """Return what a model would be offered now for this person here, by name."""
        return [
            Offer(
                name=usable.name,
                summary=usable.summary,
                effect=usable.effect,
                asks=verdict.needs.by if verdict.needs is not None else (),
                is_outward=usable.is_outward,
            )
            for usable in await self._usable(talk)
            for verdict in [await self._rights.look(usable, talk)]
        ]

    async def answer(
        self,
        talk: Talk,
        turns: Sequence[ModelMessage],
        connected: Connected,
        *,
        max_output_tokens: int,
        paused: Paused | None = None,
    ) -> AsyncIterator[str | Answered]:
        """Stream a model's answer; between its rounds the tools that it asks for run. The last item is the whole.

        With `paused` it goes on with that answer. What waits in the end is kept before the last item comes.

        Raises:
            QuarterdeckError: the model's; nothing of an answer that was cut off was run.
        """
        takes_tools = connected.is_capable and str(connected) not in self._toolless
        usables = await self._usable(talk) if takes_tools else []
        rules = [ModelMessage(speaker="system", text=RULES)] if usables else []
        rounds = Rounds(
            models=self._models,
            using=self._using,
            talk=talk,
            turns=[*turns[:1], *rules, *turns[1:]],
            usables=usables,
            max_output_tokens=max_output_tokens,
            paused=paused,
        )
        async with aclosing(rounds.run()) as items:
            async for item in items:
                if rounds.has_refused_tools:
                    self._toolless.add(str(connected))
                if isinstance(item, Answered) and item.waiting:
                    await self._paused.keep(rounds.pause(paused.id if paused else talk.event), talk)
                yield item

    async def carry_out(self, approval_id: str, talk: Talk) -> Carried:
        """Run the tool call that was approved, once, as its asker, and return what it said.

        Asked again by the same event after a crash, it says what the call said then, or that nobody knows.

        Raises:
            Denied: it was not approved, was done already, or is no longer what was approved.
        """
        approval = await self._approvals.find(approval_id)
        name = approval.subject.removeprefix(TOOL)
        if name == approval.subject:
            raise Denied("this approval is for no tool")
        result = await self._paused.said(approval, talk)
        if result is None:
            await self._approvals.granted(approval_id)
            earlier = await self._paused.after(approval.id)
            result = await self._carried_out(approval, name, talk)
            result = renumbered(result, len(earlier.citations) if earlier else 0)
            await self._paused.end(approval.id, result)
        await self._approvals.close(approval.id, "failed" if result.is_error else "done")
        verb = "failed" if result.is_error else "ran, as was agreed"
        reply = Reply(
            text=f"{shown(name)} {verb}:\n\n{result.text}",
            files=result.files,
            citations=result.citations,
            status="error" if result.is_error else "answered",
            link_hosts=frozenset(),
        )
        return Carried(reply=reply, paused=await self._paused.after(approval.id))

    async def _carried_out(self, approval: Approval, name: str, talk: Talk) -> ToolResult:
        """Check that all is still as it was approved, and run the call unless a stop cut it off before.

        Raises:
            Denied: it is not; the request is over.
        """
        usable = next((one for one in await self._all() if one.name == name), None)
        if usable is None:
            await self._approvals.close(approval.id, "refused")
            raise Denied(f"the tool {name} is no longer there")
        use = ToolUse(
            arguments=json.loads(approval.arguments),
            person=talk.person,
            identity=talk.identity,
            conversation=talk.conversation,
            key=approval.event_key,
        )
        arguments = usable.accept(use)
        verdict = await self._rights.decide(usable, talk, arguments, is_tainted=False)
        if not verdict.allowed and verdict.needs is None:
            await self._approvals.close(approval.id, "refused")
            raise Denied(verdict.reason)
        await self._approvals.hold(
            approval,
            identity=talk.identity,
            conversation=talk.conversation,
            subject=approval.subject,
            version=version_of(usable),
            options=arguments,
            person=talk.person,
            needs=verdict.needs or ApprovalRule(by=approval.by, quorum=approval.quorum),
        )
        is_first = await self._paused.begin(approval.id, talk)
        if not is_first and reaches_out(usable):
            return ToolResult(text=UNKNOWN, is_error=True)
        return await self._using.run(usable, use, approval.event_key)

    async def _usable(self, talk: Talk) -> list[Usable]:
        """Return the tools that the person may let a model use here, by name."""
        if not self._is_on:
            return []
        found = []
        for usable in await self._all():
            verdict = await self._rights.look(usable, talk)
            if verdict.allowed or verdict.needs is not None:
                found.append(usable)
        return found[:MOST_OFFERED]

    async def _all(self) -> list[Usable]:
        """Return every tool once; of two of one name the first source's counts."""
        found: dict[str, Usable] = {}
        for source in self.sources:
            for usable in await source.tools():
                found.setdefault(usable.name, usable)
        return [found[name] for name in sorted(found)]
