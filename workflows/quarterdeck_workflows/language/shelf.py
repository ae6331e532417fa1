"""Find the workflows there are: one YAML file each, ours in `library/`, the owner's in `workflows/` of `user_dir`.

A file of the owner takes the place of ours of the same name. One that is wrong takes no other file out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.settings.datafiles import files_in
from quarterdeck_workflows.language.parse import read_file
from quarterdeck_workflows.language.spec import Workflow

LIBRARY: Final = Path(__file__).resolve().parents[1] / "library"
FOLDER: Final = "workflows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Hold every workflow by name, the file of each (of broken ones too), and what is wrong with files."""

    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    problems: tuple[SetupError, ...] = ()

    def find(self, name: str) -> Workflow:
        """Return the workflow of this name.

        Raises:
            NotFound: there is none; the hint names the nearest.
            SetupError: its file is wrong.
        """
        if name in self.workflows:
            return self.workflows[name]
        if name in self.files:
            return read_file(self.files[name])
        hint = did_you_mean(name, self.files) or "`quarterdeck workflow list` shows them"
        raise NotFound(f"there is no workflow {name[:80]!r}", hint=hint)


def read_shelf(user_dir: Path | None = None, *, library: Path = LIBRARY) -> Shelf:
    """Read all workflow files."""
    problems: list[SetupError] = []
    files: dict[str, Path] = {}
    for folder in (library, user_dir / FOLDER if user_dir is not None else None):
        try:
            files |= files_in(folder)
        except SetupError as error:
            problems.append(error)
    workflows = {}
    for name in sorted(files):
        try:
            workflows[name] = read_file(files[name])
        except SetupError as error:
            problems.append(error)
    return Shelf(workflows=workflows, files=dict(sorted(files.items())), problems=tuple(problems))
