"""Lay settings over each other and remember where each value came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final, cast

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.settings.environment import Environment
from quarterdeck.runtime.settings.layering import Keys, Tree, merge
from quarterdeck.runtime.settings.platforms import VARIABLES

PREFIX: Final = "QUARTERDECK__"
RELATIVE_TO_FILE: Final[tuple[Keys, ...]] = (
    ("data_dir",),
    ("user_dir",),
    ("access", "policy"),
    ("access", "directory"),
)

WELL_KNOWN: Final = VARIABLES
"""Variables that switch a platform on by being there; each provider's own stand in the catalogue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Hold one source of settings: a YAML file, or variables by the path that they set."""

    data: Tree
    located: yaml.Located | None = None
    environ: Environment | None = None
    variables: Mapping[Keys, str] = field(default_factory=dict)

    def has(self, path: Keys) -> bool:
        """Tell whether this layer says anything about the value at `path`."""
        value: Json = self.data
        for key in path:
            if isinstance(value, Mapping) and key in value:
                value = value[cast("str", key)]
            elif isinstance(value, Sequence) and isinstance(key, int) and key < len(value):
                value = value[key]
            else:
                return False
        return True

    def error(self, message: str, path: Keys, *, hint: str, at_key: bool) -> SetupError:
        """Make an error that points at where this layer sets `path`."""
        if self.located is not None:
            return self.located.error(message, path, hint=hint, at_key=at_key)
        name = self._variable(path)
        if self.environ is not None and name is not None:
            return self.environ.error(message, name, hint=hint)
        return SetupError(message, hint=hint, key=".".join(map(str, path)) or None)

    def _variable(self, path: Keys) -> str | None:
        for variable_path, name in self.variables.items():
            shorter = min(len(path), len(variable_path))
            if path[:shorter] == variable_path[:shorter]:
                return name
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Hold all sources, the strongest last."""

    all: tuple[Layer, ...]

    def merged(self) -> Tree:
        """Return one tree: maps are merged, everything else is replaced by the stronger source."""
        tree: Tree = {}
        for layer in self.all:
            tree = merge(tree, layer.data)
        return tree

    def error(self, message: str, path: Keys, *, hint: str = "", at_key: bool = False) -> SetupError:
        """Make an error that points at the strongest source of the value at `path`, or of what holds it."""
        for length in range(len(path), 0, -1):
            for layer in reversed(self.all):
                if layer.has(path[:length]):
                    return layer.error(message, path[:length], hint=hint, at_key=at_key)
        return SetupError(message, hint=hint, key=".".join(map(str, path)) or None)


def file_layer(file: Path) -> Layer:
    """Read a YAML file of settings; folders that it names are taken from where it lies.

    Raises:
        SetupError: it is no YAML, or not a map.
    """
    located = yaml.load(file)
    if located.data is None:
        return Layer(data={}, located=located)
    if not isinstance(located.data, Mapping):
        raise located.error(
            "the settings must be a map", (), hint="write `section:` lines, see config/default.yaml"
        )
    data = dict(located.data)
    for path in RELATIVE_TO_FILE:
        _take_from(file.resolve().parent, data, path)
    return Layer(data=data, located=located)


def _take_from(folder: Path, tree: Tree, path: Keys) -> None:
    """Make the path that a file gives at `path` one that is taken from `folder`."""
    key, inner = str(path[0]), tree.get(str(path[0]))
    if isinstance(inner, Mapping) and len(path) > 1:
        tree[key] = copy = dict(inner)
        _take_from(folder, copy, path[1:])
    elif isinstance(inner, str) and inner and len(path) == 1:
        tree[key] = str(folder / Path(inner).expanduser())


def well_known_layer(environ: Environment) -> Layer:
    """Refer to each well-known variable that is there."""
    found: dict[Keys, str] = {path: name for name, path in WELL_KNOWN.items() if name in environ}
    data: Tree = {}
    for name, path in WELL_KNOWN.items():
        if name in environ:
            _put(data, path, f"env:{name}")
    return Layer(data=data, environ=environ, variables=found)


def variables_layer(environ: Environment, below: Tree) -> Layer:
    """Read `QUARTERDECK__A__B` variables; `below` tells how keys with hyphens are spelled.

    Raises:
        SetupError: a variable that begins like a list or map is no JSON, or two set the same value.
    """
    data: Tree = {}
    variables: dict[Keys, str] = {}
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX):
            continue
        path = _spelled(name[len(PREFIX) :].lower().split("__"), below)
        if not all(path):
            raise environ.error("names no setting", name, hint="write QUARTERDECK__SECTION__KEY")
        variables[path] = name
        try:
            _put(data, path, _value(environ, name))
        except TypeError as error:
            raise environ.error("sets a part of what another variable sets", name, hint="keep one") from error
    return Layer(data=data, environ=environ, variables=variables)


def _spelled(parts: Iterable[str], below: Json) -> tuple[str, ...]:
    path = []
    for part in parts:
        known = below if isinstance(below, Mapping) else {}
        key = next((key for key in known if key.lower().replace("-", "_") == part), part)
        path.append(key)
        below = known.get(key)
    return tuple(path)


def _value(environ: Environment, name: str) -> Json:
    text = environ[name].strip()
    if not text.startswith(("[", "{")):
        return text
    try:
        return cast("Json", json.loads(text, object_pairs_hook=_once))
    except (ValueError, RecursionError) as error:
        raise environ.error(
            f"is not JSON: {error}", name, hint='write lists and maps as JSON, such as ["a", "b"]'
        ) from error


def _once(pairs: list[tuple[str, Json]]) -> Tree:
    tree: Tree = {}
    for key, value in pairs:
        if key in tree:
            raise ValueError(f"the key {key!r} is there twice")
        tree[key] = value
    return tree


def _put(tree: Tree, path: Sequence[str], value: Json) -> None:
    for key in path[:-1]:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            raise TypeError(key)
        tree = inner
    if path[-1] in tree:
        raise TypeError(path[-1])
    tree[path[-1]] = value
