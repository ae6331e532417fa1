"""Be the ground of every section of the settings."""

from __future__ import annotations

import os

# Pydantic asks every installed distribution for plugins, 40 ms and 3 MB, before it builds its first model.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Refuse unknown keys and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
