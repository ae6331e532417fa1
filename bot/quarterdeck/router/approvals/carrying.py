"""Ask again for what was approved, as its asker: an event of ours, so it is done once whatever happens."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from quarterdeck.core.approval import ORIGIN, TOOL, Approval
from quarterdeck.core.event import Invoked
from quarterdeck.router.approvals.files import split

TOOL_COMMAND: Final = "tools"  # carries out what a model wanted to use


def carrying_out(approval: Approval, *, at: datetime) -> Invoked:
    """Return the event; its id is the request's, so it is taken once."""
    is_tool = approval.subject.startswith(TOOL)
    options, attachments = split(json.loads(approval.arguments))
    return Invoked(
        id=f"{ORIGIN}-{approval.id}",
        platform=approval.conversation.platform,
        received_at=at,
        conversation=approval.conversation,
        actor=approval.asker,
        actor_name=approval.asker_name,
        origin=f"{ORIGIN}:{approval.id}:{approval.way}",
        command=TOOL_COMMAND if is_tool else approval.subject.partition(":")[2],
        options={"action": "run", "id": approval.id} if is_tool else options,
        attachments=attachments,
    )
