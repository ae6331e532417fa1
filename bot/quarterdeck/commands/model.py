"""`/model`: see which model answers here, what others there are, and let another one answer."""

from __future__ import annotations

from typing import Final

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import Denied, UsageError
from quarterdeck.core.model import Offered
from quarterdeck.core.ports import AccessRequest
from quarterdeck.core.reply import Reply

SHOWN: Final = 20


async def model(call: Call) -> Reply:
    """Show, list, set or reset."""
    match call.text("action"):
        case "list":
            return await _list(call)
        case "set":
            return await _set(call)
        case "reset":
            await _may_change(call, "")
            await call.services.choices.choose(call.conversation.id, "")
            return Reply(text=f"The settings decide again. {await _answering(call)}")
    return Reply(text=await _answering(call))


async def _answering(call: Call) -> str:
    if own := await call.services.choices.chosen(call.conversation.id):
        return f"`{own}` answers here: it was chosen for this conversation. `/model reset` undoes that."
    connected = await call.services.models.connected("chat")
    if connected is None:
        return "No language model is connected. `/chat` says how to connect one."
    return f"`{connected}` answers here, as the settings say."


async def _list(call: Call) -> Reply:
    wanted = call.text("name").partition("/")[0]
    offered = await call.services.choices.offered()
    kept = [one for one in offered if not wanted or one.provider == wanted]
    if not kept:
        which = f"The provider `{wanted}` is not connected." if wanted else "No provider is connected."
        return Reply(text=f"{which} `/chat` says how to connect one.")
    return Reply(text="\n".join(_line(one, shown=len(one.models) if wanted else SHOWN) for one in kept))


def _line(one: Offered, *, shown: int) -> str:
    names = ", ".join(f"`{name}`" for name in one.models[:shown]) or "none known"
    more = len(one.models) - shown
    rest = f" and {more} more (`/model list {one.provider}`)" if more > 0 else ""
    reason = f" (its list could not be had: {one.reason})" if one.reason else ""
    return f"- **{one.provider}**: {names}{rest}{reason}"


async def _set(call: Call) -> Reply:
    name = call.text("name")
    if not name:
        raise UsageError(
            "say which model", hint="`/model set anthropic/claude-sonnet-5-5`; `/model list` shows them"
        )
    await _may_change(call, name)
    chosen = await call.services.choices.choose(call.conversation.id, name)
    return Reply(text=f"`{chosen}` answers in this conversation from now on. `/model reset` undoes that.")


async def _may_change(call: Call, name: str) -> None:
    """Ask for the right to change it; seeing needs none beyond the command's own.

    Raises:
        Denied: the person may not.
    """
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action="action:model.set",
            way="message",
            conversation=call.conversation,
            least_role="operator",
            effect="write",
            arguments={"name": name},
        )
    )
    if not decision.allowed:
        raise Denied(decision.reason)


COMMAND = Command(
    name="model",
    summary="See which model answers here, or choose another one",
    handler=model,
    options=(
        Option(
            name="action",
            summary="Show the one that answers, list all, set another one, or leave it to the settings again",
            kind="choice",
            choices=("show", "list", "set", "reset"),
            default="show",
            positional=True,
        ),
        Option(name="name", summary="provider/model, or a provider to list", positional=True),
    ),
    allow="operator",
    effect="write",
    examples=("/model", "/model list openai", "/model set anthropic/claude-sonnet-5-5", "/model reset"),
    detail="What is chosen holds for this conversation, for everybody in it, also after a restart.",
)
