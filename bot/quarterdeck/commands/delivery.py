"""Show what of the bot's answers did not arrive, and send it again."""

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Delivery
from quarterdeck.core.reply import Reply

ALL = "all"


async def delivery(call: Call) -> Reply:
    """List what waits, is unknown or dead; or put one back to be sent."""
    if call.options["action"] == "retry":
        if not call.text("id"):
            raise UsageError(
                "which delivery?",
                hint="/delivery retry ID, or /delivery retry all for what is dead here; /delivery list shows the ids",
            )
        if call.text("id") == ALL:
            count = await call.services.deliveries.retry_all(call.conversation.id)
            return Reply(text=f"{count} of this conversation are on their way again.")
        again = await call.services.deliveries.retry(call.text("id"))
        return Reply(text=f"`{again.id}` is on its way again.")
    rows = await call.services.deliveries.pending(state=call.text("state"))
    if not rows:
        return Reply(
            text=f"Nothing is {call.text('state')}." if call.text("state") else "Everything has arrived."
        )
    return Reply(text="\n".join(_line(row) for row in rows))


def _line(row: Delivery) -> str:
    reason = f": {row.reason}" if row.reason else ""
    return f"- `{row.id}` **{row.state}** in `{row.conversation_id}`, {row.attempts} tries{reason}"


COMMAND = Command(
    name="delivery",
    summary="See which answers did not arrive, and send one again",
    handler=delivery,
    options=(
        Option(
            name="action",
            summary="What to do",
            kind="choice",
            choices=("list", "retry"),
            default="list",
            positional=True,
        ),
        Option(name="id", summary="The delivery to send again; all: what is dead here", positional=True),
        Option(
            name="state",
            summary="Only what is in this state",
            kind="choice",
            choices=("waiting", "sending", "unknown", "dead"),
        ),
    ),
    allow="operator",
    effect="write",
    lane="light",
    examples=("/delivery", "/delivery --state dead", "/delivery retry slack:T1:E1#1"),
    detail="A delivery is unknown when its send was interrupted: look whether it arrived before you send it again.",
)
