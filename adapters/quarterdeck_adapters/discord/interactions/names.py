"""Write our names as Discord takes them, and find ours by Discord's."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from quarterdeck.core.command import Command, Option
from quarterdeck.core.ports import Commands

LONGEST: Final = 32
REFUSED: Final = re.compile(r"[^-_\w]")


@lru_cache(maxsize=4096)
def native(name: str) -> str:
    """Return a name that Discord takes: lower case, letters, digits, hyphens, up to 32."""
    return REFUSED.sub("-", name.lower())[:LONGEST] or "command"


def find(commands: Commands, name: str) -> Command | None:
    """Return the command that Discord calls `name`, which is our own name for nearly all."""
    return commands.get(name) or next((one for one in commands.all() if native(one.name) == name), None)


def option_called(command: Command | None, name: str) -> Option | None:
    """Return the option that Discord calls `name`."""
    options = command.options if command else ()
    return next((one for one in options if native(one.name) == name), None)
