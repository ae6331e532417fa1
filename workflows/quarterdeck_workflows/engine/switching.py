"""Let the program's verbs switch workflows of the library on and off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from quarterdeck.core.command import Option
from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.language.library import (
    FILE,
    SETTING,
    Fixed,
    Switched,
    read_switched,
    with_fixed,
    write_switched,
)
from quarterdeck_workflows.language.parse import read_file
from quarterdeck_workflows.language.shelf import FOLDER, LIBRARY

Check = Callable[[str, Option, str], Json]
"""Read the value of an input as it is typed; raises UsageError where it does not fit."""


class LibraryOperations:
    """Be behind `workflow.enable` and `workflow.disable`."""

    def __init__(self, user_dir: Path, settings: Mapping[str, Fixed], check: Check) -> None:
        self._user_dir, self._settings, self._check = user_dir, settings, check

    def all(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(name="workflow.enable", handler=self.enable, effect="write"),
            Operation(name="workflow.disable", handler=self.disable, effect="write"),
        ]

    async def enable(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Switch one on, with the inputs that are always the same; those given before stay."""
        name, given = str(parameters.get("name")), cast("Mapping[str, str]", parameters.get("inputs") or {})
        return await in_thread(self._enable, name, given)

    async def disable(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Switch one off; runs that are under way go on."""
        return await in_thread(self._disable, str(parameters.get("name")))

    def _enable(self, name: str, given: Mapping[str, str]) -> Json:
        workflow = read_file(self._file(name))
        known = {option.name: option for option in workflow.inputs}
        values: dict[str, Json] = {}
        for key, text in given.items():
            if key not in known:
                hint = did_you_mean(key, known) or f"it takes {', '.join(known) or 'none'}"
                raise UsageError(f"{name} has no input {key[:80]!r}", hint=hint)
            values[key] = self._check(name, known[key], text)
        before = read_switched(self._user_dir, {}).on.get(name) or {}
        inputs = {**before, **values}
        with_fixed(workflow, Switched(on={name: inputs}, settings={name: inputs}))
        write_switched(self._user_dir, name, inputs)
        file = str(self._user_dir / FILE)
        return {"name": name, "title": workflow.title, "inputs": inputs, "enabled": True, "file": file}

    def _disable(self, name: str) -> Json:
        self._file(name)
        if name in self._settings:
            raise UsageError(
                f"{name} is switched on in the settings", hint=f"take {SETTING}.{name} out of them"
            )
        before = read_switched(self._user_dir, {}).on
        if name in before:
            write_switched(self._user_dir, name, None)
        return {"name": name, "enabled": False, "changed": name in before}

    def _file(self, name: str) -> Path:
        """Return the library's file of a workflow.

        Raises:
            NotFound: there is none.
            UsageError: a file of the owner's has its place.
        """
        ours = {file.stem: file for file in LIBRARY.glob("*.yaml")}
        own = self._user_dir / FOLDER / f"{name}.yaml"
        if name in ours and own.is_file():
            raise UsageError(
                f"{name} is a file of your own, which is always on", hint=f"delete or rename {own}"
            )
        if name not in ours:
            if own.is_file():
                raise UsageError(
                    f"{name} is a file of your own, which is always on", hint="there is nothing to do"
                )
            hint = did_you_mean(name, ours) or f"the library has {', '.join(sorted(ours))}"
            raise NotFound(f"the library has no workflow {name[:80]!r}", hint=hint)
        return ours[name]
