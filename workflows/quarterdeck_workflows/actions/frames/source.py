"""Say which files a workflow means, and whether it may read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.value import dataclass

PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
MOST_PICTURES: Final = 10_000
_DIGITS: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Hold a video, or pictures in order. `name` is how rows call it, `mark` changes when the files do."""

    name: str
    mark: str
    video: Path | None = None
    pictures: tuple[Path, ...] = ()


def find(given: str, own: Path, folders: Sequence[Path]) -> Source:
    """Return what `given` names: in the run's folder, or a whole path inside one of `folders`.

    Raises:
        Denied: it lies elsewhere; the hint names the setting.
        NotFound: nothing is there.
        UsageError: it is a folder without pictures, or neither file nor folder.
    """
    roots = tuple(folders) if Path(given).is_absolute() else (own,)
    path = Path(given) if Path(given).is_absolute() else own / given
    allowed = [root.resolve() for root in roots]
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise _outside_or_missing(path, given, allowed) from error
    if not any(found.is_relative_to(root) for root in allowed):
        raise _denied(given)
    if found.is_dir():
        return _folder(found)
    if not found.is_file():
        raise UsageError(
            f"{given[:200]!r} is neither a file nor a folder", hint="name a video, a picture or a folder"
        )
    if found.suffix.lower() in PICTURES - {".gif"}:
        return Source(name=found.name, mark=_mark(found), pictures=(found,))
    return Source(name=found.name, mark=_mark(found), video=found)


def _folder(folder: Path) -> Source:
    files = [one for one in folder.iterdir() if one.suffix.lower() in PICTURES and not one.is_symlink()]
    if not files:
        raise UsageError(
            f"{folder.name!r} holds no pictures", hint="name a video, or a folder of PNG, JPEG or WebP"
        )
    if len(files) > MOST_PICTURES:
        raise UsageError(
            f"{folder.name!r} holds more than {MOST_PICTURES} pictures", hint="split it into folders"
        )
    files.sort(key=_natural)
    return Source(name=folder.name, mark="|".join(map(_mark, files)), pictures=tuple(files))


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort `frame2` before `frame10`."""
    pieces = _DIGITS.split(path.name.lower())
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


def _mark(path: Path) -> str:
    status = path.stat()
    return f"{path}:{status.st_size}:{status.st_mtime_ns}"


def _outside_or_missing(path: Path, given: str, allowed: Sequence[Path]) -> Denied | NotFound:
    """Say nothing about what exists outside."""
    try:
        near = path.parent.resolve()
    except (OSError, RuntimeError, ValueError):
        near = Path("/")
    if not any(near.is_relative_to(root) for root in allowed):
        return _denied(given)
    return NotFound(f"there is no {given[:200]!r}", hint="name a file of the run, or a whole path")


def _denied(given: str) -> Denied:
    return Denied(
        f"workflows may not read {given[:200]!r}",
        hint="the bot's operator adds its folder to media.folders in quarterdeck.yaml",
    )
