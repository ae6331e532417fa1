"""Write and read what both ends of the control socket say."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import (
    Busy,
    Denied,
    NotFound,
    QuarterdeckError,
    RunError,
    ServiceError,
    SetupError,
    Unavailable,
    UsageError,
    UserError,
)
from quarterdeck.core.ports import Json

LINE_LIMIT: Final = 16 * 1024 * 1024  # bytes; a console message is 64 KiB, a long list a few MB
LONGEST_ADDRESS: Final = 100  # bytes; unix(7), 2026-11-21: 108 on Linux, 104 on macOS, a null byte included

SERVICE: Final = "quarterdeck"
_UCRED: Final = struct.Struct("iII")

USER_ERRORS: Final[Mapping[str, type[UserError]]] = {
    kind.__name__: kind for kind in (UserError, UsageError, Denied, NotFound, Busy)
}


class NotBegun(Unavailable):
    """The other process is ending and has not begun what it was asked for: ask whoever comes next."""


def encode(value: Mapping[str, Json]) -> bytes:
    """Return `value` as one line; what is no valid Unicode travels escaped."""
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Json]:
    """Read one line.

    Raises:
        ValueError: it is no JSON object.
    """
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def error_json(error: QuarterdeckError, clean: Callable[[str], str]) -> dict[str, Json]:
    """Describe an error, without secrets, so that the other end can raise it again."""
    described: dict[str, Json] = {
        "name": type(error).__name__,
        "kind": error.kind,
        "message": clean(error.message),
        "hint": clean(error.hint),
    }
    if isinstance(error, SetupError):
        described |= {"file": error.file, "key": error.key, "line": error.line, "column": error.column}
    if isinstance(error, ServiceError):
        described |= {"service": error.service, "retryable": error.retryable}
    if isinstance(error, RunError):
        described |= {"run_id": error.run_id, "step": error.step}
    return described


def error_of(described: Mapping[str, Json]) -> QuarterdeckError:
    """Make the error again; special errors come back as the nearest common one of their kind."""

    def text(name: str) -> str:
        value = described.get(name)
        return value if isinstance(value, str) else ""

    message, hint = text("message"), text("hint")
    match text("kind"):
        case "setup":
            line, column = described.get("line"), described.get("column")
            return SetupError(
                message,
                hint=hint,
                file=text("file") or None,
                key=text("key") or None,
                line=line if isinstance(line, int) else None,
                column=column if isinstance(column, int) else None,
            )
        case "service" if text("name") == NotBegun.__name__:
            return NotBegun(message, hint=hint, service=text("service"))
        case "service":
            return ServiceError(
                message, hint=hint, service=text("service"), retryable=described.get("retryable") is True
            )
        case "run":
            return RunError(message, hint=hint, run_id=text("run_id"), step=text("step"))
        case _:
            return USER_ERRORS.get(text("name"), UserError)(message, hint=hint)


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """Yield a name for the socket at `path` that is short enough for the operating system.

    Raises:
        SetupError: the path is too long, and there is no /proc to shorten it.
    """
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    if not Path("/proc/self/fd").is_dir():
        raise SetupError(
            f"the path {path} is too long for a socket",
            hint=f"set data_dir to a folder whose path has at most {LONGEST_ADDRESS - 15} bytes",
            key="data_dir",
        )
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def peer_uid(connection: socket.socket) -> int | None:
    """Return the operating-system user at the other end; None where the system cannot tell."""
    if hasattr(socket, "SO_PEERCRED"):  # unix(7), 2026-11-21: struct ucred holds pid, uid and gid
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(credentials)[1])
    if hasattr(socket, "LOCAL_PEERCRED"):  # macOS: struct xucred begins with a version and the uid
        credentials = connection.getsockopt(0, socket.LOCAL_PEERCRED, 128)
        return int(struct.unpack_from("=II", credentials)[1])
    return None
