"""Build the desk that lets models use tools, out of the parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quarterdeck.router.tools.commands import CommandTools
from quarterdeck.router.tools.desk import ToolDesk
from quarterdeck.router.tools.knowledge import KnowledgeTools
from quarterdeck.router.tools.paused import PausedAnswers
from quarterdeck.router.tools.rights import ToolRights
from quarterdeck.router.tools.using import ToolUsing
from quarterdeck.store.work.paused import StoredPaused

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


def build_tools(parts: Parts) -> ToolDesk:
    """Return the desk, with commands, documents, workflows and what MCP servers bring on it."""

    rights = ToolRights(parts.authoriser, parts.audit)
    commands = CommandTools(
        parts.commands.fixed(), lambda: parts.services, parts.cooldowns, parts.clock, parts.zone
    )
    servers = [parts.mcp] if parts.settings.mcp.servers else []
    return ToolDesk(
        sources=[commands, KnowledgeTools(parts.knowledge), parts.starting, *servers],
        models=parts.models,
        rights=rights,
        using=ToolUsing(rights, parts.approvals, parts.audit, parts.clock),
        approvals=parts.approvals,
        paused=PausedAnswers(StoredPaused(parts.store), parts.clock),
        is_on=parts.settings.models.tools,
    )
