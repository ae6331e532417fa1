"""`/budget`: what may still be spent on models, and more of it for once."""

from __future__ import annotations

from quarterdeck.core.budget import MICRO, Standing, dollars
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import Denied, UsageError
from quarterdeck.core.ports import AccessRequest
from quarterdeck.core.reply import Reply

BLOCKS = 20


async def budget(call: Call) -> Reply:
    """Show the budgets that apply, or raise one for its present period."""
    if call.text("action") == "more":
        return await _more(call)
    standings = await call.services.budgets.standings(
        person_id=call.person.id, conversation_id=call.conversation.id
    )
    if not standings:
        return Reply(text="No budget applies to you here.")
    return Reply(text="\n".join(_line(one) for one in standings))


async def _more(call: Call) -> Reply:
    name, usd = call.text("name"), call.options.get("usd")
    if not name or not isinstance(usd, float) or usd <= 0:
        raise UsageError("say which budget and how many US dollars", hint="`/budget more a-person 1.50`")
    if not call.approval:
        await _may_raise(call, name, usd)
    standing = await call.services.budgets.top_up(
        name, person_id=call.person.id, conversation_id=call.conversation.id, microusd=round(usd * MICRO)
    )
    return Reply(text=f"Added {dollars(round(usd * MICRO))} for {standing.period}.\n{_line(standing)}")


async def _may_raise(call: Call, name: str, usd: float) -> None:
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action="action:budget.more",
            way="message",
            conversation=call.conversation,
            least_role="admin",
            effect="money",
            arguments={"name": name, "usd": usd},
        )
    )
    if not decision.allowed:
        raise Denied(decision.reason)


def _line(standing: Standing) -> str:
    shares = []
    amounts = []
    if standing.limit_microusd is not None:
        shares.append(_share(standing.microusd, standing.limit_microusd))
        amounts.append(f"{dollars(standing.microusd)} of {dollars(standing.limit_microusd)}")
    if standing.limit_tokens is not None:
        shares.append(_share(standing.tokens, standing.limit_tokens))
        amounts.append(f"{standing.tokens:,} of {standing.limit_tokens:,} tokens")
    share = max(shares)
    bar = "█" * round(share * BLOCKS) + "░" * (BLOCKS - round(share * BLOCKS))
    whose = f" ({standing.key})" if standing.key else ""
    return f"- `{bar}` {share:.0%} **{standing.budget}**{whose}, {standing.period}: {', '.join(amounts)}"


def _share(used: int, limit: int) -> float:
    return min(1.0, used / limit) if limit else 1.0


COMMAND = Command(
    name="budget",
    summary="See what may still be spent on models here, or add to it",
    handler=budget,
    options=(
        Option(
            name="action",
            summary="Show budgets, or add to one for its present period",
            kind="choice",
            choices=("show", "more"),
            default="show",
            positional=True,
        ),
        Option(name="name", summary="Which budget gets more", positional=True),
        Option(name="usd", summary="How many US dollars more", kind="number", minimum=0.01, positional=True),
    ),
    allow="operator",
    effect="money",
    examples=("/budget", "/budget more a-person 1.50"),
    detail="More is for the present day or month only, and needs the right `budget:more` (admins).",
)
