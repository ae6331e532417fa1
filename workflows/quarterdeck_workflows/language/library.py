"""Know which workflows of the library are switched on, and with which inputs: `library.yaml` in `user_dir`.

The file holds a map of names, each with the inputs whose values are always the same:

    watch: {}
    deploy: {pipeline: "https://ci.example.com/api/deployments"}

What the setting `workflows.library` names is on, too; where both speak of an input, the setting wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.documents import yaml
from quarterdeck_workflows.language.parse import read_document
from quarterdeck_workflows.language.spec import Workflow

FILE: Final = "library.yaml"
SETTING: Final = "workflows.library"
HINT: Final = "write one workflow a line, such as `watch: {}`"
HEAD: Final = (
    "# What is switched on of the workflow library; `quarterdeck workflow enable NAME` writes it, too."
)

Fixed = Mapping[str, Json]
"""Inputs by name whose values are always the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """Hold what is on, with its inputs; `located` is the file that says so, None where there is none."""

    on: Mapping[str, Fixed] = field(default_factory=dict)
    located: yaml.Located | None = None
    settings: Mapping[str, Fixed] = field(default_factory=dict)

    def problem(self, message: str, hint: str, *path: str) -> SetupError:
        """Make the error that points at where a name, or an input of it, is written."""
        if path[0] not in self.settings and self.located is not None:
            return self.located.error(message, path, hint=hint, at_key=True)
        return SetupError(message, hint=hint, key=".".join((SETTING, *path)))


def read_switched(user_dir: Path | None, settings: Mapping[str, Fixed]) -> Switched:
    """Return what is on.

    Raises:
        SetupError: the file is no map of maps; with line and column.
    """
    file = user_dir / FILE if user_dir is not None else None
    if file is None or not file.is_file():
        return Switched(on=dict(settings), settings=settings)
    located, on = _read(file)
    for name, fixed in settings.items():
        on[name] = {**on.get(name, {}), **fixed}
    return Switched(on=on, located=located, settings=settings)


def with_fixed(workflow: Workflow, switched: Switched) -> Workflow:
    """Return the workflow with the owner's values as defaults of its inputs.

    Raises:
        SetupError: it has no such input, or the value does not fit; points at where it is written.
    """
    fixed = switched.on.get(workflow.name) or {}
    if not fixed:
        return workflow
    inputs = dict(_map(workflow.document.get("inputs")))
    for name, value in fixed.items():
        if name not in inputs:
            hint = did_you_mean(name, inputs) or f"it takes {', '.join(inputs) or 'none'}"
            raise switched.problem(f"{workflow.name} has no input {name!r}", hint, workflow.name, name)
        row = dict(_map(inputs[name]))
        row.pop("required", None)
        inputs[name] = {**row, "default": value}
    try:
        return read_document({**workflow.document, "inputs": inputs})
    except SetupError as error:
        name = next((one for one in fixed if f".{one}." in f".{error.key}."), next(iter(fixed)))
        message = error.message.removeprefix(f"inputs.{name}.default: ")
        raise switched.problem(f"{name}: {message}", error.hint, workflow.name, name) from error


def write_switched(user_dir: Path, name: str, inputs: Fixed | None) -> None:
    """Write into the file that a workflow is on with these inputs, None: off. What else stands there stays.

    Raises:
        SetupError: the file is wrong, or cannot be written.
    """
    file = user_dir / FILE
    before = read_switched(user_dir, {})
    lines = file.read_text("utf-8").splitlines() if before.located is not None else [HEAD]
    if before.located is not None and name in before.on:
        starts = sorted(line for path, (line, _) in before.located.keys.items() if len(path) == 1)
        first = before.located.key_position((name,))[0]
        after = next((line for line in starts if line > first), len(lines) + 1)
        while lines[after - 2].startswith("#"):  # said about the next one
            after -= 1
        del lines[first - 1 : after - 1]
    if inputs is not None:
        lines.append(f"{name}: {json.dumps(dict(inputs), ensure_ascii=False)}")
    wanted = {other: one for other, one in before.on.items() if other != name}
    if inputs is not None:
        wanted[name] = inputs
    fresh = file.with_name(f".{FILE}.partial")
    try:
        user_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text("\n".join(lines) + "\n", "utf-8")
        if _read(fresh)[1] != wanted:  # several names on one line
            raise SetupError(
                f"{file} is written in a way that cannot be changed here", file=str(file), hint=HINT
            )
        fresh.replace(file)
    except OSError as error:
        raise SetupError(
            f"cannot write {file}: {error.strerror}", hint="make user_dir writable", file=str(file)
        ) from error
    finally:
        fresh.unlink(missing_ok=True)


def _read(file: Path) -> tuple[yaml.Located, dict[str, Fixed]]:
    located = yaml.load(file)
    data = located.data if located.data is not None else {}
    if not isinstance(data, Mapping):
        raise located.error("this is no map of workflows", (), hint=HINT)
    on: dict[str, Fixed] = {}
    for name, inputs in data.items():
        if inputs is not None and not isinstance(inputs, Mapping):
            raise located.error(
                f"the inputs of {name} are no map",
                (name,),
                hint=f"write `{name}: {{}}`, or its inputs inside",
            )
        on[name] = dict(inputs or {})
    return located, on


def _map(value: object) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
