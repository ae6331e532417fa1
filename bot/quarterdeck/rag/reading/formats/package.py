"""Look at a zipped office file before anything opens it: how much it unpacks to, and what its XML declares."""

from __future__ import annotations

import io
import zipfile
from typing import Final

from quarterdeck.core.errors import UsageError

ENTRIES: Final = 5000
EXPANDED_BYTES: Final = 100 * 1024 * 1024
RATIO: Final = 100
RATIO_FROM_BYTES: Final = 4 * 1024 * 1024  # small files of one repeated line are no bombs
HEAD_BYTES: Final = 4096


def refuse_bombs(data: bytes) -> None:
    """Refuse what unpacks to too much, or declares entities.

    The sizes that a package claims are checked against what it really unpacks to: nothing here trusts them.

    Raises:
        UsageError: it is no package, or one that must not be opened.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            _check(package, len(data))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, OSError) as error:
        raise UsageError("it is damaged, or not what its name says") from error
    except RuntimeError as error:  # an encrypted entry
        raise UsageError("it is protected by a password") from error


def _check(package: zipfile.ZipFile, packed_bytes: int) -> None:
    entries = package.infolist()
    if len(entries) > ENTRIES:
        raise UsageError(f"it holds more than {ENTRIES} parts")
    names = {entry.filename for entry in entries}
    if len(names) != len(entries):
        raise UsageError("it holds two parts of the same name")
    expanded = 0
    for entry in entries:
        with package.open(entry) as part:
            head = part.read(HEAD_BYTES)
            size = len(head)
            while piece := part.read(1024 * 1024):
                size += len(piece)
                if expanded + size > EXPANDED_BYTES:
                    break
        expanded += size
        too_much = expanded > RATIO_FROM_BYTES and expanded > RATIO * max(1, packed_bytes)
        if expanded > EXPANDED_BYTES or too_much:
            raise UsageError("it unpacks to far more than its size")
        if entry.filename.lower().endswith((".xml", ".rels")) and _declares(head):
            raise UsageError("its XML declares a document type, which office files never do")


def _declares(head: bytes) -> bool:
    return b"<!DOCTYPE" in head or b"<!ENTITY" in head or b"<\0!\0D\0O\0C\0T\0" in head
