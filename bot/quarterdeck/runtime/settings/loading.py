"""Build the settings from their layers and explain what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import SecretRef, why_unusable
from quarterdeck.runtime.settings.environment import Environment, read_environment
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck.runtime.settings.layers import Layers, file_layer, variables_layer, well_known_layer
from quarterdeck.runtime.settings.sections import Settings
from quarterdeck.runtime.settings.validation import problems_of

FILE_NAME: Final = "quarterdeck.yaml"
CONFIG_VARIABLE: Final = "QUARTERDECK_CONFIG"


class SettingsInvalid(SetupError):
    """Report everything that is wrong with the settings; it reads as the first problem."""

    def __init__(self, problems: tuple[SetupError, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more; see `quarterdeck check`)" if len(problems) > 1 else ""
        super().__init__(
            first.message + more,
            hint=first.hint,
            file=first.file,
            key=first.key,
            line=first.line,
            column=first.column,
        )
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Hold the settings with all that they were read from; `file` is the operator's, where there is one."""

    settings: Settings
    environ: Environment
    layers: Layers = field(repr=False)
    file: Path | None = None


def load_settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings; see `read_settings`.

    Raises:
        SettingsInvalid: with file, line and column (or the variable) of each problem.
        SetupError: a file cannot be read.
    """
    return read_settings(config, environ).settings


def read_settings(
    config: Path | None = None, environ: Mapping[str, str] | None = None, *, folder: Path | None = None
) -> Loaded:
    """Read `config/default.yaml` < the operator's file < `.env` < the environment, and check them as one.

    The operator's file is `config`, or what $QUARTERDECK_CONFIG names, or quarterdeck.yaml in `folder` (the
    working folder). A plain mapping as `environ` stands for the process's environment.

    Raises:
        SettingsInvalid: with file, line and column (or the variable) of each problem.
        SetupError: a file cannot be read.
    """
    folder = folder or Path.cwd()
    variables = environ if isinstance(environ, Environment) else read_environment(environ, folder)
    file = _operators_file(config, variables, folder)
    layers = [file_layer(config_dir() / "default.yaml"), well_known_layer(variables)]
    if file is not None:
        layers.append(file_layer(file))
    below = Layers(all=tuple(layers))
    whole = Layers(all=(*below.all, variables_layer(variables, below.merged())))
    return Loaded(settings=_validate(whole, variables), environ=variables, layers=whole, file=file)


def secret_refs(value: object, path: Keys = ()) -> Iterator[tuple[Keys, SecretRef]]:
    """Yield every reference to a secret in settings, with its path."""
    if isinstance(value, SecretRef):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secret_refs(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from secret_refs(item, (*path, key))


def _operators_file(config: Path | None, environ: Environment, folder: Path) -> Path | None:
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        file = folder / named.expanduser()
        if not file.is_file():
            by = "--config" if config else CONFIG_VARIABLE
            raise SetupError(f"{by} names no file: {named}", hint="check the path", file=str(named), key=by)
        return file
    file = folder / FILE_NAME
    return file if file.is_file() else None


def _validate(layers: Layers, environ: Environment) -> Settings:
    try:
        settings = Settings.model_validate(layers.merged())
    except ValidationError as error:
        raise SettingsInvalid(tuple(problems_of(error, Settings, layers.error))) from error
    problems = tuple(_secret_problems(settings, layers, environ))
    if problems:
        raise SettingsInvalid(problems)
    return settings


def _secret_problems(settings: Settings, layers: Layers, environ: Environment) -> Iterator[SetupError]:
    """Check what can be known before the vault is open: each variable is there and usable."""
    for path, ref in secret_refs(settings):
        if ref.place != "env":
            continue
        value = environ.get(ref.name)
        if value is None:
            yield layers.error(
                f"{'.'.join(map(str, path))}: the variable {ref.name} is not set",
                path,
                hint=f"set {ref.name} in the environment or in .env, or leave this setting out",
            )
        elif reason := why_unusable(value):
            yield layers.error(
                f"{'.'.join(map(str, path))}: the variable {ref.name} is {reason}",
                path,
                hint=f"give {ref.name} its real value, or unset it to switch this off",
            )
