"""Ask people for values in the middle of a run: a form as commands have it, whose command only takes the answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, cast

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Reply
from quarterdeck.core.run import Waiting
from quarterdeck_workflows.engine.ports import Bot
from quarterdeck_workflows.engine.world import Order
from quarterdeck_workflows.language.spec import Ask

NAME = "answer-"
KEPT = (
    *("name", "summary", "kind", "required", "default", "minimum", "maximum", "max_length", "pattern"),
    "choices",
)
SUMMARY = 100


class SendTo(Protocol):
    """Hand a message to a durable run."""

    async def __call__(self, run_id: str, message: Json, *, topic: str, key: str) -> None: ...


class Questions:
    """Hold the questions that are open, each as a hidden command."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._open: dict[str, Command] = {}
        self.send: SendTo | None = None

    def command(self, name: str) -> Command | None:
        """Return the hidden command of an open question."""
        return self._open.get(name)

    async def restore(self) -> None:
        """Know the questions again that were open before a restart."""
        for waiting in await self._bot.rows.waits(kind="ask"):
            self._open[waiting.subject] = self._command(waiting)

    async def ask(
        self, order: Order, step: Ask, values: Mapping[str, str], place: Conversation, *, within_s: float
    ) -> None:
        """Keep a question and show its form.

        Raises:
            UsageError: the person is no identity.
        """
        identity = Identity.written(values["person"]) if values["person"] else order.job.identity
        waiting = Waiting(
            run_id=order.job.root,
            durable_id=order.durable_id,
            topic=order.topic,
            kind="ask",
            subject=_name(order.durable_id, order.topic),
            detail={
                "person": str(identity),
                "message": values["message"],
                "inputs": [_plain(option) for option in step.inputs],
            },
        )
        await self._bot.rows.wait(waiting)
        command = self._open[waiting.subject] = self._command(waiting)
        expires_at_ms = self._bot.clock.now_ms() + round(within_s * 1000)
        await self._bot.asking.ask(waiting.subject, command, identity, place, expires_at_ms=expires_at_ms)

    async def close(self, durable_id: str, topic: str) -> None:
        """Close a question, where there is one."""
        name = _name(durable_id, topic)
        if self._open.pop(name, None) is not None:
            await self._bot.asking.close(name)

    def _command(self, waiting: Waiting) -> Command:
        async def take(call: Call) -> Reply:
            if str(call.identity) != waiting.detail["person"] and str(waiting.detail["person"]) not in (
                call.person.identities
            ):
                raise Denied("This question is for somebody else.")
            if self.send is None or call.command not in self._open:
                raise NotFound("This question is closed.", hint="the run has gone on without an answer")
            values = {name: _json(value) for name, value in call.options.items()}
            await self.send(waiting.durable_id, {"values": values}, topic=waiting.topic, key=call.event_id)
            return Reply(text="Thank you; the run goes on.", run_id=waiting.run_id)

        inputs = cast("list[Mapping[str, Json]]", waiting.detail["inputs"])
        message = str(waiting.detail["message"] or "")
        return Command(
            name=waiting.subject,
            summary=message[:SUMMARY] or "A workflow asks you",
            handler=take,
            options=tuple(_option(one) for one in inputs),
            effect="write",
            lane="light",
            is_quiet=True,
            detail=message,
        )


def _name(durable_id: str, topic: str) -> str:
    return NAME + hashlib.sha256(f"{durable_id}|{topic}".encode()).hexdigest()[:10]


def _plain(option: Option) -> dict[str, Json]:
    return {name: _json(getattr(option, name)) for name in KEPT}


def _option(kept: Mapping[str, Json]) -> Option:
    values = {**kept, "choices": tuple(cast("list[str]", kept["choices"])), "positional": True}
    return Option(**values)  # type: ignore[arg-type]  # as `_plain` wrote it


def _json(value: object) -> Json:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case list() | tuple():
            return [_json(one) for one in value]
        case _:
            raise UsageError(f"{value!r} cannot be kept in a run")
