"""Take what Slack delivers, over HTTP or a socket alike, and say how to acknowledge it.

An event is on disk before it is acknowledged; what could not be stored is not acknowledged, so Slack brings it again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from quarterdeck.core.adapter import Accept
from quarterdeck.core.errors import Busy, ServiceError
from quarterdeck.core.event import Event, Submitted
from quarterdeck.core.ports import Clock, Commands
from quarterdeck.core.value import dataclass
from quarterdeck_adapters.slack.ids import Account
from quarterdeck_adapters.slack.parse import account_of, to_event
from quarterdeck_adapters.slack.reading.interactions import pressed, submitted
from quarterdeck_adapters.slack.reading.messages import items, mapping, text_of
from quarterdeck_adapters.slack.reading.slash import invoked
from quarterdeck_adapters.slack.wire.answers import Acknowledgement, Answers, Body, Opening
from quarterdeck_adapters.slack.writing.limits import QUIET, REFERENCE
from quarterdeck_adapters.slack.writing.views import OPEN_FORM

ANSWER_S: Final = 0.2  # how long an acknowledgement waits for a light command: it may stand behind a slow one
VERDICT_S: Final = 0.25  # how long a modal stays open to hear that what was filled in is wrong

Payload = Mapping[str, object]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ack:
    """Say how to acknowledge; `settle` is told whether it went out. `is_taken` False: do not acknowledge at all."""

    body: Body | None = None
    is_taken: bool = True
    acknowledgement: Acknowledgement | None = None

    def settle(self, *, is_sent: bool) -> None:
        """Tell who waits for it what became of the acknowledgement."""
        if self.acknowledgement is not None:
            self.acknowledgement.settle(is_sent=is_sent)


TAKEN: Final = Ack()
REFUSED: Final = Ack(is_taken=False)


@dataclass(slots=True, kw_only=True)
class Helpers:
    """Do what deliveries ask of other parts of the adapter."""

    open_form: Callable[[Payload], Awaitable[None]]
    options: Callable[[Payload], Awaitable[Body]]
    value_of: Callable[[str], Awaitable[str]]
    on_gap: Callable[[], None]
    on_revoked: Callable[[], None]
    on_seen: Callable[[Event], None]


class Reception:
    """Turn deliveries into events and acknowledgements."""

    def __init__(
        self, answers: Answers, commands: Commands, clock: Clock, helpers: Helpers, *, reply_in_ack: bool
    ) -> None:
        self._answers, self._commands, self._clock, self._helpers = answers, commands, clock, helpers
        self._reply_in_ack = reply_in_ack
        self._accept: Accept | None = None
        self.account = Account()

    def open(self, accept: Accept | None) -> None:
        """Hand events to `accept` from now on; None: take nothing."""
        self._accept = accept

    async def command(self, form: Mapping[str, str], *, can_answer: bool = True) -> Ack:
        """Take a slash command. A light one is answered in the acknowledgement, if the answer comes in time."""
        event = invoked(form, self._clock.now())
        if event is None:
            return TAKEN
        key = event.key
        command = self._commands.get(event.command)
        is_light = command is not None and command.lane == "light"
        waiting = Acknowledgement() if is_light and can_answer and self._reply_in_ack else None
        if self._answers.opening(key) is None:
            opening = Opening(
                at_s=self._clock.monotonic(),
                user=event.actor.user_id,
                trigger_id=form.get("trigger_id", ""),
                response_url=form.get("response_url", ""),
                acknowledgement=waiting,
            )
            self._answers.hold(key, opening)
        taken = await self._hand_over(event, key)
        if not taken:
            return REFUSED if taken is None else TAKEN
        if waiting is not None:
            return await _answered(waiting, ANSWER_S, _in_channel)
        if not is_light:
            await self._answers.keep(key)
        return TAKEN

    async def interaction(self, payload: Payload) -> Ack:
        """Take a pressed button, a submitted form, or a question for what a list may hold."""
        match text_of(payload, "type"):
            case "block_actions":
                return await self._pressed(payload)
            case "view_submission":
                return await self._submitted(payload)
            case "block_suggestion":
                return Ack(body=await self._helpers.options(payload))
            case _:
                return TAKEN

    async def event(self, payload: Payload) -> Ack:
        """Take what the Events API sends."""
        match text_of(payload, "type"):
            case "event_callback":
                return await self._callback(payload)
            case "url_verification":
                return Ack(body={"challenge": text_of(payload, "challenge")})
            case "app_rate_limited":
                log.warning("Slack holds events back: too many in an hour; they are read from the history")
                self._helpers.on_gap()
                return TAKEN
            case _:
                return TAKEN

    async def _callback(self, payload: Payload) -> Ack:
        kind = text_of(mapping(payload, "event"), "type")
        if kind in ("tokens_revoked", "app_uninstalled"):
            self._helpers.on_revoked()
            return TAKEN
        account = account_of(payload, self.account)
        if not account.user:  # who we are decides what is for us; Slack brings it again
            return REFUSED
        event = to_event(payload, account, at=self._clock.now())
        return TAKEN if event is None else await self._taken(event)

    async def _taken(self, event: Event) -> Ack:
        return REFUSED if await self._hand_over(event, event.key) is None else TAKEN

    async def _pressed(self, payload: Payload) -> Ack:
        if any(one.get("action_id") == OPEN_FORM for one in items(payload, "actions")):
            await self._helpers.open_form(payload)
            return TAKEN
        if _has_reference(payload):
            payload = await self._resolved(payload)
        event = pressed(payload, at=self._clock.now())
        if event is None:
            return TAKEN
        self._hold(event, payload)
        return await self._taken(event)

    async def _submitted(self, payload: Payload) -> Ack:
        event = submitted(payload, at=self._clock.now())
        if event is None:
            return TAKEN
        event = await self._unreferred(event)
        blocks = items(mapping(payload, "view"), "blocks")
        block = next((text_of(one, "block_id") for one in blocks if text_of(one, "type") == "input"), "")
        opening = self._hold(event, payload)
        opening.acknowledgement, opening.is_form = Acknowledgement(), True
        taken = await self._hand_over(event, event.key)
        if not taken:
            return REFUSED if taken is None else TAKEN
        return await _answered(opening.acknowledgement, VERDICT_S, lambda body: _errors(block, body))

    def _hold(self, event: Event, payload: Payload) -> Opening:
        opening = Opening(
            at_s=self._clock.monotonic(),
            user=event.actor.user_id,
            trigger_id=text_of(payload, "trigger_id"),
            response_url=text_of(payload, "response_url"),
        )
        self._answers.hold(event.key, opening)
        return opening

    async def _hand_over(self, event: Event, key: str) -> bool | None:
        """Return whether the event is new; None where it could not be stored."""
        if self._accept is None:
            return None
        try:
            is_new = await self._accept(event)
        except (Busy, ServiceError):
            self._helpers.on_gap()
            return None
        if is_new:
            self._answers.own(key, event.actor.user_id)
        self._helpers.on_seen(event)
        return is_new

    async def _resolved(self, payload: Payload) -> Payload:
        actions = [
            {**one, "value": await self._helpers.value_of(text_of(one, "value"))}
            for one in items(payload, "actions")
        ]
        return {**payload, "actions": actions}

    async def _unreferred(self, event: Submitted) -> Submitted:
        named = {
            name: await self._helpers.value_of(value) if isinstance(value, str) else value
            for name, value in event.values.items()
        }
        return replace(event, values=named, form_id=await self._helpers.value_of(event.form_id))


def _has_reference(payload: Payload) -> bool:
    return any(text_of(one, "value").startswith(REFERENCE) for one in items(payload, "actions"))


async def _answered(waiting: Acknowledgement, limit_s: float, shape: Callable[[Body], Body]) -> Ack:
    """Wait for the first part of the answer, and put it into the acknowledgement."""
    body = await waiting.answer(limit_s)
    return TAKEN if body is None else Ack(body=shape(body), acknowledgement=waiting)


def _in_channel(body: Body) -> Body:
    """Write a message as the answer to a slash command."""
    kind = "ephemeral" if body.get("to") else "in_channel"
    sent: dict[str, object] = {"response_type": kind, "text": body["text"], **QUIET}
    if "blocks" in body:
        sent["blocks"] = body["blocks"]
    return sent


def _errors(block: str, body: Body) -> Body:
    """Say in the modal what is wrong with what was filled in, and leave it open."""
    return {"response_action": "errors", "errors": {block: body["text"]}}
