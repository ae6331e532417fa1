"""Read workflow files: YAML to `spec.Workflow`, each mistake with its line, column and fix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quarterdeck.core.ports import Json
from quarterdeck_workflows.language.spec import Workflow


def read_file(file: Path) -> Workflow:
    """Read one workflow file.

    Raises:
        SetupError: with file, line, column and what to write instead.
    """
    raise NotImplementedError


def read_document(document: Mapping[str, Json]) -> Workflow:
    """Rebuild a workflow from its `document`: equal to what the file gave, without lines and columns."""
    raise NotImplementedError
