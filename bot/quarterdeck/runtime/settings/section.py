"""Be the ground of every section of the settings."""

from __future__ import annotations

import os
from typing import Any

# Pydantic asks every installed distribution for plugins, 40 ms and 3 MB, before it builds its first model.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Refuse unknown keys and later changes.

    What reads a section is built when the first is read, and for the whole settings once: not for each part as well.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


def by_default() -> Any:
    """Give a section that a file need not have: each of its keys has a default."""
    return Field(default={}, validate_default=True)
