"""Check the settings of workflows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from quarterdeck.runtime.settings.section import Section

WorkflowName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=100)]
Fixed = str | bool | int | float


class WorkflowSettings(Section):
    """Switch on workflows of the library, and bound what runs keep."""

    library: dict[WorkflowName, dict[str, Fixed]] = Field(default_factory=dict)
    """Workflows of the library that are on, each with the inputs that are always the same."""
    run_folder_bytes: int = Field(default=1024**3, ge=1024**2, le=1024**4)
    """The most that the files of one run may hold altogether."""
