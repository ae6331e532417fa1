"""Be where runs speak that have no conversation: what they say is kept in the outbox, and shown to nobody."""

from __future__ import annotations

from typing import Final

from quarterdeck.core.adapter import Ability, Accept, Link, Pace, Rendered
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Reply

PLATFORM: Final = "workflow"


def nowhere(workflow: str) -> Conversation:
    """Return the conversation of a workflow that nobody reads."""
    return Conversation(id=f"{PLATFORM}:{workflow}", platform=PLATFORM, kind="direct")


class Nowhere:
    """Take messages and lead them nowhere (the port `Adapter`)."""

    platform = PLATFORM
    abilities = frozenset({Ability.IDEMPOTENT})
    pace = Pace()
    link: Link = "receiving"

    async def run(self, accept: Accept) -> None:
        """Receive nothing: nobody is there."""

    def render(self, reply: Reply) -> list[Rendered]:
        """Return the text."""
        return [Rendered(text=reply.text, body={"text": reply.text})]

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Send it nowhere."""
        return key
