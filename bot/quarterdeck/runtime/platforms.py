"""Find the platforms there are, by place: one folder each in `quarterdeck_adapters`.

A folder is a platform when it holds `platform.yaml`; its SDK is imported only when it is connected.
"""

from __future__ import annotations

import importlib
import importlib.resources
from collections.abc import Iterator, Mapping

from quarterdeck.core.adapter import Adapter, PlatformContext
from quarterdeck.core.errors import SetupError

PACKAGE = "quarterdeck_adapters"
OURS = ("console", "web")  # they need no connection; the application builds them itself


def names() -> tuple[str, ...]:
    """Return every platform there is a folder for, sorted."""
    return names_with("platform.yaml")


def names_with(file: str) -> tuple[str, ...]:
    """Return every platform whose folder has `file`, sorted."""
    return tuple(sorted(_folders(file)))


def connect(platform: str, context: PlatformContext) -> Adapter:
    """Build the adapter of `platform`.

    Raises:
        SetupError: its folder declares no `build`, or its settings are wrong.
    """
    module = importlib.import_module(f"{PACKAGE}.{platform}.adapter")
    build = getattr(module, "build", None)
    if not callable(build):
        raise SetupError(f"{module.__file__} declares no build(context)", file=module.__file__)
    adapter: Adapter = build(context)
    return adapter


def switched_on(missing: Mapping[str, str]) -> tuple[str, ...]:
    """Return the platforms that lack nothing, of those that there is a folder for; `missing` says what each lacks."""
    return tuple(name for name in names() if name not in OURS and missing.get(name) == "")


def _folders(file: str) -> Iterator[str]:
    for folder in importlib.resources.files(PACKAGE).iterdir():
        if folder.is_dir() and (folder / file).is_file():
            yield folder.name
