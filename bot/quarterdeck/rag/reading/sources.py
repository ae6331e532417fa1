"""Find the files that can be read below a path.

Links are followed only where they stay inside the path that was given, each folder is entered once, and only regular
files count, so that neither a loop nor a pipe nor a link to `/etc` gets into the index.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from quarterdeck.core.errors import UsageError
from quarterdeck.core.value import dataclass
from quarterdeck.rag.reading.formats.code import FAMILIES, suffix_of

Format = Literal[
    "markdown",
    "text",
    "rst",
    "html",
    "article",
    "pdf",
    "docx",
    "pptx",
    "xlsx",
    "csv",
    "json",
    "yaml",
    "code",
    "mail",
    "image",
]

SIZE_LIMIT_BYTES = 20 * 1024 * 1024
FORMATS: dict[str, Format] = {
    **dict.fromkeys((".md", ".markdown", ".mdx"), "markdown"),
    **dict.fromkeys((".txt", ".text", ".log"), "text"),
    ".rst": "rst",
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "xlsx",
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "json"),
    **dict.fromkeys((".yaml", ".yml"), "yaml"),
    ".eml": "mail",
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".gif"), "image"),
    **dict.fromkeys(FAMILIES, "code"),
}
LOCK_FILES = frozenset(  # written by package managers, and of no use to a reader
    {"package-lock.json", "pnpm-lock.yaml", "composer.lock", "npm-shrinkwrap.json", "Cargo.lock", "uv.lock"}
)
VENDORED = frozenset({"node_modules", "__pycache__", "bower_components", "CVS"})
BUILT = frozenset({"build", "dist", "target", "out", "_build", "coverage", "htmlcov"})
PROJECT_FILES = frozenset(
    {
        "pyproject.toml",
        "setup.py",
        "package.json",
        "Cargo.toml",
        "Makefile",
        "CMakeLists.txt",
        "pom.xml",
        "build.gradle",
    }
)
ENVIRONMENT_FILES = frozenset({"pyvenv.cfg", "CACHEDIR.TAG"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Point at one readable file; `name` is how it is cited: relative to `root`, the path that was given.

    `path` is its identity: absolute, or an address; `file` is where its bytes lie when that is elsewhere. `url` is
    where people open it, when that is not `path`. `version` changes with the content, where the source says so.
    """

    path: str
    name: str
    root: str
    format: Format
    size_bytes: int
    file: str = ""
    url: str = ""
    modified_at_ms: int | None = None
    version: str = ""

    @property
    def place(self) -> str:
        """Return where its bytes lie."""
        return self.file or self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Name a file that was meant to be read and cannot be; `reason` is a sentence without the name.

    Where the failure `is_passing`, such as a server that is away, what was read before stays.
    """

    path: str
    name: str
    root: str
    reason: str
    is_passing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """Say that a document is there and as it was, unread."""

    path: str


Item = Source | Unreadable | Same


def walk(given: str, root: str = "") -> Iterator[Source | Unreadable]:
    """Yield what lies at or below `given`, an absolute path, in the order of names; cited relative to `root`.

    Raises:
        UsageError: nothing is there, or it is a single file of a format that cannot be read.
    """
    path = Path(given)
    if not path.exists():
        raise UsageError(f"{given!r} does not exist", hint="give the path of a file or folder")
    real = path.resolve()
    top = Path(root) if root and Path(root) in real.parents else real
    if real.is_dir():
        yield from _folder(real, top, {real})
        return
    if format_of(real) is None:
        known = " ".join(sorted(FORMATS))
        raise UsageError(f"{real.name!r} has a format that cannot be read", hint=f"known are {known}")
    yield _file(real, top, str(real.relative_to(top)) if top != real else real.name)


def format_of(path: Path) -> Format | None:
    """Return the format that the suffix says, or the name, as of a Makefile; None when it is not one of ours."""
    if path.name in LOCK_FILES or path.name.endswith((".min.js", ".min.css")):
        return None
    return FORMATS.get(suffix_of(path.name))


def _folder(folder: Path, root: Path, seen: set[Path]) -> Iterator[Source | Unreadable]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _unreadable(folder, root, f"the folder cannot be opened: {error.strerror}")
        return
    names = {entry.name for entry in entries}
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        try:
            real = path.resolve(strict=True) if entry.is_symlink() else path
            if real != path and not (real == root or root in real.parents):
                continue
            if real.is_dir():
                if real not in seen and not _is_skipped(real, names):
                    seen.add(real)
                    yield from _folder(real, root, seen)
            elif format_of(path) is not None and real not in seen:
                seen.add(real)
                yield _file(real, root, str(real.relative_to(root)))
        except OSError as error:
            if format_of(path) is not None:
                yield _unreadable(path, root, f"it cannot be opened: {error.strerror}")


def _is_skipped(folder: Path, siblings: set[str]) -> bool:
    if folder.name in VENDORED:
        return True
    if folder.name in BUILT and siblings & PROJECT_FILES:
        return True
    return any((folder / name).exists() for name in ENVIRONMENT_FILES)


def _file(path: Path, root: Path, name: str) -> Source | Unreadable:
    status = path.stat()
    if not _is_encodable(str(path)):
        return _unreadable(path, root, "its name is not UTF-8")
    if not stat.S_ISREG(status.st_mode):
        return _unreadable(path, root, "it is not a regular file")
    if status.st_size > SIZE_LIMIT_BYTES:
        return _unreadable(path, root, f"it is larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB")
    kind = format_of(path)
    assert kind is not None  # the callers asked before
    return Source(
        path=str(path),
        name=name,
        root=str(root),
        format=kind,
        size_bytes=status.st_size,
        modified_at_ms=status.st_mtime_ns // 1_000_000,
    )


def _unreadable(path: Path, root: Path, reason: str) -> Unreadable:
    name = str(path.relative_to(root)) if root in path.parents else path.name
    return Unreadable(path=_shown(str(path)), name=_shown(name), root=_shown(str(root)), reason=reason)


def _is_encodable(path: str) -> bool:
    return _shown(path) == path


def _shown(path: str) -> str:
    """Return a path that can be stored and sent; bytes that are no UTF-8 become question marks."""
    return path.encode("utf-8", "replace").decode()


def open_regular(path: str) -> int:
    """Open a regular file for reading and return its descriptor; never waits on a pipe, never follows a late link.

    Raises:
        OSError: it cannot be opened, or it is no regular file any more.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not a regular file")
    return descriptor


def fingerprint(path: str) -> str:
    """Return the file's SHA-256 in hex.

    Raises:
        OSError: it cannot be read.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
