"""Answer with everything that can hang on an answer."""

from quarterdeck.core.command import Call, Command
from quarterdeck.core.reply import Button, Card, Citation, File, Reply


async def card(call: Call) -> Reply:
    """Return it."""
    return Reply(
        text="All of it.",
        citations=(Citation(n=1, document="certificates.md", heading="Rotating", url="file:///c.md"),),
        card=Card(buttons=(Button(id="go", label="Go on", value="/echo pressed"),)),
        files=(File(name="plan.txt", path="/nowhere/plan.txt"),),
        run_id="run-1",
    )


COMMAND = Command(name="card", summary="Show a card", handler=card)
