"""`/tools`: see what the language model may use in your name here; carries out what was approved."""

from __future__ import annotations

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.reply import Reply
from quarterdeck.core.tool import Offer, Talk


async def tools(call: Call) -> Reply:
    """List, or run what was approved."""
    talk = Talk(
        person=call.person, identity=call.identity, conversation=call.conversation, event=call.event_id
    )
    if call.text("action") == "run":
        if not call.text("id"):
            raise UsageError(
                "say which approval", hint="`/tools run k3m9qa`; I do that myself once it is granted"
            )
        return await call.services.tools.carry_out(call.text("id").lower(), talk)
    offers = await call.services.tools.offered(talk)
    if not offers:
        return Reply(text="A language model may use nothing in your name here.")
    lines = ["In your name, and with your rights, a language model may use here:", ""]
    return Reply(text="\n".join([*lines, *map(_line, offers)]))


def _line(offer: Offer) -> str:
    who = ["you" if one == "asker" else one.replace(":", " ", 1) for one in offer.asks]
    marks = [f"once {' or '.join(who)} agreed" if who else "", "reaches outside" if offer.is_outward else ""]
    noted = ", ".join(filter(None, marks))
    return f"- `{offer.name}`: {offer.summary.split('. ')[0].rstrip('.')}{f' ({noted})' if noted else ''}"


COMMAND = Command(
    name="tools",
    summary="See what the language model may use in your name",
    handler=tools,
    options=(
        Option(
            name="action",
            summary="List what there is, or run what was approved",
            kind="choice",
            choices=("list", "run"),
            default="list",
            positional=True,
        ),
        Option(name="id", summary="The approval, such as k3m9qa", positional=True, max_length=20),
    ),
    allow="operator",
    effect="read",
    examples=("/tools",),
    detail=(
        "What changes something waits until you agree, by a card that shows exactly what would run. A tool call that "
        "was approved runs by itself; `run` is how."
    ),
)
