"""Plug what starts workflows into the bot: commands, the intake of messages, the web server, the clock, models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck.core.command import Command
from quarterdeck.router.command.catalogue import check
from quarterdeck.router.tools.commands import schema_of
from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.store.conversations.memory import PlatformMemory
from quarterdeck_workflows.triggers.desk import Around, TriggerDesk

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


def build_triggers(parts: Parts) -> TriggerDesk:
    """Return the desk; its commands and those behind questions are known from here on, its tools are offered."""
    desk = TriggerDesk(
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

    def hidden(name: str) -> Command | None:
        return parts.workflows.question(name) or desk.commands.hidden(name)

    parts.commands.hidden = hidden
    parts.commands.more = desk.commands.all
    parts.tools.sources.append(desk.tools)
    return desk
