"""Read the instructions for models: the owner's file where there is one, ours otherwise."""

from __future__ import annotations

from pathlib import Path

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.paths import config_dir

FOLDER = "prompts"


def read_prompt(name: str, user_dir: Path) -> str:
    """Return `prompts/<name>.md` from the owner's folder, or ours.

    Raises:
        SetupError: it is there and cannot be read.
    """
    for folder in (user_dir, config_dir()):
        path = folder / FOLDER / f"{name}.md"
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{path} cannot be read: {error}", file=str(path)) from error
    raise SetupError(f"the prompt {name!r} is missing", hint="install quarterdeck again")
