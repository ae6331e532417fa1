"""Put decisions on record, and say so when that fails."""

from __future__ import annotations

import logging

from quarterdeck.core.access import Decision
from quarterdeck.core.command import Command
from quarterdeck.core.delivery import AuditEntry
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.event import Event
from quarterdeck.core.person import Person
from quarterdeck.core.reply import Reply
from quarterdeck.router.addressing import Wish

log = logging.getLogger(__name__)


def decided(event: Event, wish: Wish, person: Person, decision: Decision, *, at_ms: int) -> AuditEntry:
    """Return the entry that says who was allowed or refused what, and by which rule."""
    return AuditEntry(
        kind="decision",
        at_ms=at_ms,
        person_id=person.id,
        detail={
            "event": event.key,
            "identity": str(event.actor),
            "conversation": event.conversation.id,
            "action": f"command:{wish.name[:60]}",
            "way": wish.way,
            **decision.on_record(),
        },
    )


def unrecorded(command: Command, error: QuarterdeckError) -> Reply:
    """Return what to say where something was not done because it could not be put on record first."""
    log.error("Effect refused: no record", extra={"command": command.name, "error": error.message})
    text = f"I have not run /{command.name}: what changes something must be on record first, and that failed now."
    return Reply(text=f"{text}\n{error.hint}" if error.hint else text, status="error")
