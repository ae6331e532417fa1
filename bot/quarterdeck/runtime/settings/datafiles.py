"""Read a folder of data files that all have one shape, and the owner's folder of the same shape over it.

What a vendor page says is data: providers, connectors, prompts are YAML, one file a thing, named by the
file stem. A file of the owner is merged over ours of the same name, key by key; one with a new name
adds a thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.settings.layering import Keys, Tree, merge
from quarterdeck.runtime.settings.validation import problems_of

MAX_FILES: Final = 2000  # in one folder

Model = TypeVar("Model", bound=BaseModel)


class DataFileInvalid(SetupError):
    """Report everything that is wrong with one data file; it reads as the first problem."""

    def __init__(self, problems: tuple[SetupError, ...]) -> None:
        first = problems[0]
        super().__init__(
            first.message,
            hint=first.hint,
            file=first.file,
            key=first.key,
            line=first.line,
            column=first.column,
        )
        self.problems = problems


def load_data(folder: Path, overlay: Path | None, model: type[Model]) -> dict[str, Model]:
    """Return every thing by name, sorted by name; folders that do not exist are empty.

    Raises:
        SetupError: the first file that is wrong, with line and column.
    """
    things, problems = read_data(folder, overlay, model)
    if problems:
        raise problems[0]
    return things


def read_data(
    folder: Path, overlay: Path | None, model: type[Model]
) -> tuple[dict[str, Model], list[SetupError]]:
    """Return every thing that is right, and a problem for every file that is not."""
    ours, theirs = files_in(folder), files_in(overlay)
    things: dict[str, Model] = {}
    problems: list[SetupError] = []
    for name in sorted({*ours, *theirs}):
        files = [file for file in (ours.get(name), theirs.get(name)) if file is not None]
        try:
            things[name] = load_one(files, model)
        except SetupError as problem:
            problems.append(problem)
    return things, problems


def load_one(files: list[Path], model: type[Model]) -> Model:
    """Read one thing from its file, or from several that lie over each other, the strongest last.

    Raises:
        DataFileInvalid: a key or value is wrong, with its line and column.
        SetupError: a file is no YAML, or no map.
    """
    layers = [_read(file) for file in files]
    tree: Tree = {}
    for layer in layers:
        assert isinstance(layer.data, Mapping)
        tree = merge(tree, layer.data)

    def locate(message: str, path: Keys, *, hint: str = "", at_key: bool = False) -> SetupError:
        return _strongest(layers, path).error(message, path, hint=hint, at_key=at_key)

    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise DataFileInvalid(tuple(problems_of(error, model, locate))) from error


def _strongest(layers: list[yaml.Located], path: Keys) -> yaml.Located:
    """Return the last layer that says anything about the value at `path`, or about what holds it."""
    return max(
        reversed(layers),
        key=lambda layer: next(
            length for length in range(len(path), -1, -1) if path[:length] in layer.values
        ),
    )


def _read(file: Path) -> yaml.Located:
    located = yaml.load(file)
    data: Json = located.data
    if not isinstance(data, Mapping):
        raise located.error("the file must hold a map", (), hint="write `key: value` lines")
    return located


def files_in(folder: Path | None) -> dict[str, Path]:
    """Return the YAML files of a folder by stem, sorted; none where there is no folder.

    Raises:
        SetupError: too many files, or one called .yml.
    """
    if folder is None or not folder.is_dir():
        return {}
    files = {file.stem: file for file in sorted(folder.glob("*.yaml")) if file.is_file()}
    if len(files) > MAX_FILES:
        raise SetupError(f"more than {MAX_FILES} files in {folder}", hint="move some away", file=str(folder))
    wrong = next(iter(sorted(folder.glob("*.yml"))), None)
    if wrong is not None:
        raise SetupError(f"{wrong.name} is not read", hint=f"call it {wrong.stem}.yaml", file=str(wrong))
    return files
