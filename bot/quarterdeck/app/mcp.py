"""Build what uses MCP servers out of the parts; the SDK is loaded when the first of them is spoken with."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from quarterdeck.core.errors import SetupError
from quarterdeck.mcp.desk import McpDesk
from quarterdeck.mcp.pins import Pins
from quarterdeck.mcp.server import Server, Surroundings
from quarterdeck.runtime.files import MadeFiles
from quarterdeck.store.conversations.memory import PlatformMemory

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts


def build_mcp(parts: Parts) -> McpDesk:
    """Return the desk; it starts nothing."""
    settings = parts.settings
    around = Surroundings(
        parts.paths.mcp, parts.loaded.environ, parts.resolver.get, settings.egress, parts.clock
    )
    return McpDesk(
        [Server(name, one, around) for name, one in settings.mcp.servers.items()],
        Pins(PlatformMemory(parts.store, "mcp", parts.clock)),
        authoriser=parts.authoriser,
        record=parts.audit,
        files=MadeFiles(parts.paths.files),
        refusal=lambda: foreign_file(parts),
    )


def foreign_file(parts: Parts) -> SetupError | None:
    """Refuse to start programs that a file names which other people of this machine can change."""
    file = parts.loaded.file
    if file is None or os.name != "posix":
        return None
    found = file.stat()
    if found.st_uid in (0, os.getuid()) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    return SetupError(
        f"programs of mcp.servers are not started: others can change {file}",
        hint=f"chmod go-w '{file}', as its owner",
        file=str(file),
    )
