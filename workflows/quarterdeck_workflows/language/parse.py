"""Read workflow files: YAML to `spec.Workflow`, each mistake with its line, column and fix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from quarterdeck.core.ports import Json
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.settings.datafiles import DataFileInvalid
from quarterdeck_workflows.language.building import Builder
from quarterdeck_workflows.language.plain import measure
from quarterdeck_workflows.language.refusal import refusals_of
from quarterdeck_workflows.language.rows.file import WorkflowFile
from quarterdeck_workflows.language.rows.values import NAME
from quarterdeck_workflows.language.spec import Workflow
from quarterdeck_workflows.language.tree import ExpressionError

MAX_DOCUMENT: Final = (
    4 * 1024 * 1024
)  # counted as `plain.measure` does: any file that YAML's own limits let through


def read_file(file: Path) -> Workflow:
    """Read one workflow file. `workflow.file` is the path as it was given.

    Raises:
        SetupError: it is no YAML.
        DataFileInvalid: something in it is wrong; `problems` has all mistakes in the order of the file, each with
            file, line, column and what to write instead.
    """
    return read_located(yaml.load(file), name=file.stem)


def read_text(text: str, *, name: str, file: str = "") -> Workflow:
    """Read a workflow out of a text; raises as `read_file` does."""
    return read_located(yaml.load(text, file=file), name=name)


def read_located(located: yaml.Located, *, name: str) -> Workflow:
    """Read a workflow out of YAML that was loaded; `name` is what its file is called."""
    data = located.data
    if not isinstance(data, Mapping):
        raise located.error(
            "a workflow is a map", (), hint="write `title: …` and `steps:` with `- action: …` below"
        )
    _check_plain(data, located)
    try:
        rows = WorkflowFile.model_validate(data)
    except ValidationError as error:
        raise DataFileInvalid(tuple(refusals_of(error, located))) from error
    if rows.name not in (None, name):
        raise located.error(
            f"the file is called {name}, the workflow {rows.name}",
            ("name",),
            hint="take `name` out, or call both alike",
        )
    if not NAME.fullmatch(name):
        raise located.error(
            f"{name!r} is no name of a workflow",
            (),
            hint="call the file by small letters, digits, hyphens and underscores, at most 32, a letter first",
        )
    return Builder(rows, document={**data, "name": name}, located=located).workflow()


def read_document(document: Mapping[str, Json]) -> Workflow:
    """Rebuild a workflow from its `document`: equal to what the file gave, without lines and columns.

    Raises:
        SetupError: it is none (any more); names the key.
    """
    try:
        rows = WorkflowFile.model_validate(document)
    except ValidationError as error:
        raise next(refusals_of(error, yaml.Located(data=document, file=""))) from error
    return Builder(rows, document=document, located=None).workflow()


def _check_plain(data: Json, located: yaml.Located) -> None:
    """Refuse what JSON cannot carry: infinite numbers, and text that is no Unicode."""
    try:
        measure(data, MAX_DOCUMENT)
        json.dumps(data, ensure_ascii=False).encode()
    except ExpressionError as error:
        raise located.error(error.message, (), hint=error.hint) from error
    except UnicodeEncodeError as error:
        raise located.error("a text holds half a character", (), hint="write whole characters") from error
