"""Know the workflow files as they are now: those that people are offered, and those that could be switched on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck_workflows.language.library import FILE, Fixed
from quarterdeck_workflows.language.shelf import FOLDER, read_shelf
from quarterdeck_workflows.language.spec import Workflow


class LiveShelf:
    """Look at the files when they are asked for; one that is wrong leaves its last good form in place."""

    def __init__(self, user_dir: Path, switched_on: Mapping[str, Fixed] | None = None) -> None:
        self._user_dir, self._switched_on = user_dir, switched_on or {}
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._workflows: dict[str, Workflow] = {}
        self._off: frozenset[str] = frozenset()
        self._broken: dict[str, SetupError] = {}  # files that were never right
        self.changes = 0

    def all(self) -> Sequence[Workflow]:
        """Return those that are on, by name."""
        known = self._fresh()
        return [known[name] for name in sorted(known) if name not in self._off]

    def off(self) -> Sequence[Workflow]:
        """Return those of the library that nobody switched on, by name."""
        known = self._fresh()
        return [known[name] for name in sorted(self._off & set(known))]

    def get(self, name: str) -> Workflow | None:
        """Return the one of this name, if it is on."""
        found = self._fresh().get(name)
        return None if name in self._off else found

    def find(self, name: str, *, is_called: bool = False) -> Workflow:
        """Return the one of this name; one that another calls need not be on.

        Raises:
            NotFound: there is none, or nobody switched it on; the hint names the way.
        """
        found = self._fresh().get(name) if is_called else self.get(name)
        if found is not None:
            return found
        if name in self._off:
            raise NotFound(
                f"{name} is a workflow of the library that is not switched on",
                hint=f"an owner does so: `quarterdeck workflow enable {name}`",
            )
        if name in self._broken:
            problem = self._broken[name]
            where = f", line {problem.line}" if problem.line else ""
            raise NotFound(
                f"the file of {name} is wrong{where}: {problem.message}",
                hint=f"`quarterdeck workflow validate {name}` shows all of it",
            )
        hint = did_you_mean(name, [one.name for one in self.all()]) or "`/workflows` lists them"
        raise NotFound(f"there is no workflow {name[:80]!r}", hint=hint)

    def _fresh(self) -> dict[str, Workflow]:
        seen = self._stamps()
        if seen != self._seen:
            shelf = read_shelf(self._user_dir, self._switched_on)
            kept = {name: one for name, one in self._workflows.items() if name in shelf.files}
            self._workflows, self._off, self._seen = kept | dict(shelf.workflows), shelf.off, seen
            names = {str(file): name for name, file in shelf.files.items()}
            wrong = {names.get(str(one.file), ""): one for one in reversed(shelf.problems)}
            self._broken = {name: one for name, one in wrong.items() if name and name not in self._workflows}
            self.changes += 1
        return self._workflows

    def _stamps(self) -> tuple[tuple[str, int, int], ...]:
        """Return what changes with the owner's files; the library came with the program and stays as it is."""
        found = []
        for path in (self._user_dir / FILE, *sorted((self._user_dir / FOLDER).glob("*.y*ml"))):
            if path.is_file():
                stat = path.stat()
                found.append((str(path), stat.st_mtime_ns, stat.st_size))
        return tuple(found)
