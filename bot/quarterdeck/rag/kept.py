"""Keep documents that workflows write, as files of ours: they are ingested, searched and synced as all others are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import UsageError

CONTENT_BYTES: Final = 10 * 1024 * 1024
NAME_LENGTH: Final = 120
FOLDER: Final = "knowledge"
DEFAULT_SUFFIX: Final = ".md"


class KeptDocuments:
    """Hold a folder for each collection and audience, below the data folder."""

    def __init__(self, root: Path) -> None:
        self._root = root / FOLDER

    def keep(self, name: str, content: bytes, collection: str, audience: str = "") -> Path:
        """Write a document and return its path; one of the same name is replaced, whole at every moment.

        Raises:
            UsageError: name or collection is not valid, or the content is too long.
        """
        _check(name, "document")
        _check(collection, "collection")
        if len(content) > CONTENT_BYTES:
            raise UsageError(f"{name!r} is longer than {CONTENT_BYTES} bytes", hint="add it in parts")
        folder = self._root / hashlib.sha256(f"{collection}\0{audience}".encode()).hexdigest()[:16]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / (name if Path(name).suffix else name + DEFAULT_SUFFIX)
        partial = folder / f".{path.name}.partial"
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb"
        ) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return path


def _check(name: str, what: str) -> None:
    if (
        not name
        or len(name.encode(errors="replace")) > NAME_LENGTH
        or not name.isprintable()
        or name != name.strip()
        or name.startswith(".")
        or any(sign in name for sign in "/\\:")
    ):
        raise UsageError(
            f"{name[:NAME_LENGTH]!r} cannot name a {what}",
            hint="write a short name without / or :, such as postmortem.md",
        )
