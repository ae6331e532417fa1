"""Find the workflows there are: one YAML file each, ours in `library/`, the owner's in `workflows/` of `user_dir`.

A file of the owner takes the place of ours of the same name. One that is wrong takes no other file out. Ours are
offered to people once they are switched on (`library.py`); the owner's always are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.settings.datafiles import files_in
from quarterdeck_workflows.language.library import Fixed, Switched, read_switched, with_fixed
from quarterdeck_workflows.language.parse import read_file
from quarterdeck_workflows.language.spec import Workflow

LIBRARY: Final = Path(__file__).resolve().parents[1] / "library"
FOLDER: Final = "workflows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Hold every workflow by name, the file of each (of broken ones too), and what is wrong with files.

    `off` names those of the library that nobody switched on.
    """

    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    files: Mapping[str, Path] = field(default_factory=dict)
    problems: tuple[SetupError, ...] = ()

    def offered(self) -> list[Workflow]:
        """Return those that are on, by name."""
        return [self.workflows[name] for name in sorted(self.workflows) if name not in self.off]

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


def read_shelf(
    user_dir: Path | None = None, switched_on: Mapping[str, Fixed] | None = None, *, library: Path = LIBRARY
) -> Shelf:
    """Read all workflow files; `switched_on` is what the setting `workflows.library` holds."""
    problems: list[SetupError] = []
    files: dict[str, Path] = {}
    try:
        switched = read_switched(user_dir, switched_on or {})
    except SetupError as error:
        problems.append(error)
        switched = Switched(on=dict(switched_on or {}), settings=switched_on or {})
    for folder in (library, user_dir / FOLDER if user_dir is not None else None):
        try:
            files |= files_in(folder)
        except SetupError as error:
            problems.append(error)
    workflows, ours = {}, {name for name, file in files.items() if file.parent == library}
    for name in sorted(files):
        try:
            workflows[name] = read_file(files[name])
            if name in ours:
                workflows[name] = with_fixed(workflows[name], switched)
        except SetupError as error:
            problems.append(error)
    problems += [_unknown(name, switched, files) for name in switched.on if name not in ours]
    return Shelf(
        workflows=workflows,
        off=frozenset(ours - set(switched.on)),
        files=dict(sorted(files.items())),
        problems=tuple(problems),
    )


def _unknown(name: str, switched: Switched, files: Mapping[str, Path]) -> SetupError:
    if name in files:
        hint = "take it out: a file of yours is always on, and has its own defaults"
        return switched.problem(f"the workflow {name} is your own file, not of the library", hint, name)
    hint = did_you_mean(name, files) or "`quarterdeck workflow list` shows what there is"
    return switched.problem(f"the library has no workflow {name[:80]!r}", hint, name)
