"""Read the environment and `.env`; nothing but settings and secrets looks there."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass

MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(Mapping[str, str]):
    """Hold variables by name; `lines` says where those that came from `file` stand."""

    values_by_name: Mapping[str, str] = field(repr=False)
    file: Path | None = None
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> str:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def error(self, message: str, name: str, *, hint: str = "") -> SetupError:
        """Make an error that names the variable, and its line when it stands in the file."""
        line = self.lines.get(name)
        file = str(self.file) if line is not None else None
        return SetupError(
            f"{name}: {message}", hint=hint, file=file, key=name, line=line, column=1 if line else None
        )


def read_environment(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Environment:
    """Return the variables of `environ` (this process's) over those of `.env` in `folder` (where we work).

    Raises:
        SetupError: `.env` cannot be read, or a line of it is no `NAME=value`.
    """
    environ = os.environ if environ is None else environ
    file = (folder or Path.cwd()) / ".env"
    if not file.is_file():
        return Environment(values_by_name=dict(environ))
    values, lines = _parse(file)
    return Environment(
        values_by_name={**values, **environ},
        file=file,
        lines={name: line for name, line in lines.items() if name not in environ},
    )


def _parse(file: Path) -> tuple[dict[str, str], dict[str, int]]:
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(_read(file))):
        skipped = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:skipped].count("\n")
        if binding.error:
            raise SetupError(
                "this line is no variable",
                hint="write NAME=value, and close every quote",
                file=str(file),
                line=line,
                column=1,
            )
        if binding.key is not None and binding.value is not None:
            values[binding.key], lines[binding.key] = binding.value, line
    return values, lines


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
        if len(content) > MAX_BYTES:
            raise SetupError(
                f"{file} is larger than {MAX_BYTES // 1024} KiB", hint="delete what is not needed"
            )
        return content.decode("utf-8-sig")
    except OSError as error:
        raise SetupError(
            f"cannot read {file}: {error.strerror}", hint="check its permissions", file=str(file)
        ) from error
    except UnicodeDecodeError as error:
        raise SetupError("the file is not UTF-8 text", hint="save it as UTF-8", file=str(file)) from error
