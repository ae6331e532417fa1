"""Say what goes over the pipe between the bot and a worker process, and what a worker's methods look like.

One frame is two lengths (4 bytes each, network order), a JSON head and a binary tail. Imports next to
nothing: a child process loads this and its own target, no more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from threading import Event, Semaphore
from typing import TYPE_CHECKING, Literal, cast

import orjson

from quarterdeck.core.value import dataclass

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

LENGTHS = struct.Struct("!II")
HEAD_LIMIT_BYTES = 64 * 1024 * 1024
BLOB_LIMIT_BYTES = 1024 * 1024 * 1024
WINDOW = 32  # items of one stream that may be on the way; more are produced when these were taken

Kind = Literal["start", "ready", "call", "stream", "cancel", "more", "item", "end", "cancelled", "error"]


@dataclass(frozen=True, slots=True)
class Part:
    """Hold what is handed over: a JSON value and bytes (vectors, files) beside it."""

    value: Json = None
    blob: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Hold one message on the pipe. `name` is the method of a request, or the class of an error."""

    kind: Kind
    id: int = 0
    name: str = ""
    value: Json = None
    blob: bytes = b""

    def pack(self) -> bytes:
        """Return the frame as it goes over the pipe.

        Raises:
            ValueError: the value is no JSON, or a part is longer than its limit.
        """
        try:
            head = orjson.dumps([self.kind, self.id, self.name, self.value])
        except TypeError as error:
            raise ValueError(f"a worker's message must be JSON: {error}") from error
        if len(head) > HEAD_LIMIT_BYTES or len(self.blob) > BLOB_LIMIT_BYTES:
            raise ValueError(f"a worker's message of {len(head)} + {len(self.blob)} bytes is too long")
        return b"".join((LENGTHS.pack(len(head), len(self.blob)), head, self.blob))

    @classmethod
    def unpack(cls, head: bytes, blob: bytes) -> Frame:
        """Read a frame back.

        Raises:
            ValueError: this is no frame.
        """
        kind, id_, name, value = orjson.loads(head)
        return cls(kind=kind, id=id_, name=name, value=value, blob=blob)


def lengths(prefix: bytes) -> tuple[int, int]:
    """Read the lengths of head and blob.

    Raises:
        ValueError: beyond the limits, so that what came is no frame.
    """
    head_bytes, blob_bytes = cast("tuple[int, int]", LENGTHS.unpack(prefix))
    if head_bytes > HEAD_LIMIT_BYTES or blob_bytes > BLOB_LIMIT_BYTES:
        raise ValueError("a worker's pipe holds something that is no frame")
    return head_bytes, blob_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Hand a worker's method its input. Long work asks `is_cancelled()` now and then and returns early."""

    id: int
    method: str
    value: Json = None
    blob: bytes = b""
    streams: bool = False
    cancelled: Event = field(default_factory=Event)
    window: Semaphore = field(default_factory=lambda: Semaphore(WINDOW))

    def is_cancelled(self) -> bool:
        """Tell whether nobody waits for the result any more."""
        return self.cancelled.is_set()


Method = Callable[[Job], "Part | Iterator[Part]"]
"""Do one job: return a `Part`, or be a generator of them (closed at its next item once cancelled)."""

Target = Callable[["Json"], Mapping[str, Method]]
"""Set the worker up with its options and return its methods; one called `close` runs at a clean stop."""
