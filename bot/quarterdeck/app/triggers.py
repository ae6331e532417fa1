"""Plug what starts workflows into the bot: commands, the intake of messages, the web server, the clock, models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck.router.command.catalogue import check
from quarterdeck.router.tools.commands import schema_of
from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.store.conversations.memory import PlatformMemory
from quarterdeck_workflows.triggers.desk import Around, TriggerDesk

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


def build_triggers(parts: Parts) -> TriggerDesk:
    """Return the desk; it starts nothing by itself."""
    return TriggerDesk(
        Around(
            engine=parts.workflows,
            files=parts.workflow_files,
            places=parts.history,
            schedules=parts.orders,
            memory=PlatformMemory(parts.store, "hook", parts.clock),
            secret=lambda reference: parts.resolver.get(SecretRef.parse(reference)),
            clock=parts.clock,
            check=check,
            schema_of=schema_of,
            per_minute=parts.settings.http.requests_per_minute,
        )
    )
