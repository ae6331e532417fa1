"""`/usage`: what models were used for and what that cost, with a picture of the last days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from quarterdeck.core.budget import DayOfUse, UseBy, UseByModel, dollars
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import Denied
from quarterdeck.core.ports import AccessRequest
from quarterdeck.core.reply import File, Reply

DAYS = 30


async def usage(call: Call) -> Reply:
    """Sum up the last thirty days: one's own, the conversation's, or everybody's."""
    whose = call.text("whose") or "mine"
    if whose == "all":
        await _may_see_all(call)
    person_id = call.person.id if whose == "mine" else ""
    conversation_id = call.conversation.id if whose == "here" else ""
    log = call.services.usage
    days = await log.days(count=DAYS, person_id=person_id, conversation_id=conversation_id)
    if not any(day.calls for day in days):
        return Reply(text=f"No model was called in the last {DAYS} days ({whose}).")
    by = cast("UseBy", call.text("by") or "model")
    rows = await log.by_model(days=DAYS, person_id=person_id, conversation_id=conversation_id, by=by)
    if by == "person":
        rows = [replace(one, name=await _name_of(call, one.name)) for one in rows]
    title = {"mine": "Your use of models", "here": "Use of models here", "all": "Use of models"}[whose]
    picture = await _picture(call, title, days)
    return Reply(text=_text(title, days, rows, by), files=(picture,))


async def _may_see_all(call: Call) -> None:
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action="action:usage.all",
            way="message",
            conversation=call.conversation,
            least_role="admin",
            effect="read",
        )
    )
    if not decision.allowed:
        raise Denied(decision.reason, hint="`/usage` shows your own")


async def _picture(call: Call, title: str, days: Sequence[DayOfUse]) -> File:
    by_money = any(day.microusd for day in days)
    values = [float(day.microusd if by_money else day.tokens) for day in days]
    highest = max(values)
    top = dollars(round(highest)) if by_money else f"{round(highest):,} tokens"
    labels = [day.day[5:] for day in days]
    return await call.services.pictures.bars(f"{title}, last {DAYS} days", labels, values, top=top)


async def _name_of(call: Call, person_id: str) -> str:
    """Return how somebody is called; the id where they are not known any more."""
    if person_id == call.person.id:
        return call.person.name or person_id
    return person_id


def _text(title: str, days: Sequence[DayOfUse], models: Sequence[UseByModel], by: UseBy) -> str:
    calls, tokens = sum(day.calls for day in days), sum(day.tokens for day in days)
    spent = sum(day.microusd for day in days)
    today = days[-1]
    rows = "\n".join(map(_row, models))
    return (
        f"**{title}**, last {DAYS} days: {calls:,} calls, {tokens:,} tokens, {dollars(spent)}. "
        f"Today: {today.calls:,} calls, {dollars(today.microusd)}.\n\n"
        f"| {by} | calls | failed | tokens | from cache | pictures | cost | mean time |\n"
        f"|---|---|---|---|---|---|---|---|\n{rows}"
    )


def _row(one: UseByModel) -> str:
    cells = (
        one.name,
        f"{one.calls:,}",
        f"{one.failed:,}",
        f"{one.tokens:,}",
        f"{one.cached_tokens:,}",
        f"{one.images:,}",
        _cost(one),
        f"{one.took_ms / one.calls / 1000:.1f} s",
    )
    return f"| {' | '.join(cells)} |"


def _cost(one: UseByModel) -> str:
    return dollars(one.microusd) if one.is_priced else "price unknown"


COMMAND = Command(
    name="usage",
    summary="See what models were used for, and what that cost",
    handler=usage,
    options=(
        Option(
            name="whose",
            summary="Yours, this conversation's, or everybody's (admins)",
            kind="choice",
            choices=("mine", "here", "all"),
            default="mine",
            positional=True,
        ),
        Option(
            name="by",
            summary="Summed up by model, provider, person or conversation",
            kind="choice",
            choices=("model", "provider", "person", "conversation"),
            default="model",
            positional=True,
        ),
    ),
    allow="operator",
    effect="read",
    examples=("/usage", "/usage here", "/usage all", "/usage all person"),
    detail="Prices are published list prices, or what the settings state.",
)
