"""Read a stream of server-sent events, and nothing of it that nobody needs.

The SDKs build a validated object for every word of an answer, which costs several times what the word costs
on the wire; what we need of it is two fields.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final, Protocol

import orjson

from quarterdeck.models.dialects import errors

DONE: Final = b"[DONE]"
EVENT_LIMIT_BYTES: Final = 8 * 1024 * 1024


class Body(Protocol):
    """Be an answer whose body has not been read."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def aiter_raw(self) -> AsyncIterator[bytes]: ...


class Lines:
    """Put together the `data` of each event from pieces that may be torn anywhere."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """Take the next piece and return the data of the events that it completes."""
        text, held = self._rest + piece, b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # perhaps the first half of \r\n
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = text.split(b"\n")
        self._rest = lines.pop() + held
        if len(self._rest) > EVENT_LIMIT_BYTES:
            raise ValueError("an event without end")
        whole = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and self._data:
                whole.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data = []
        return whole

    def flush(self) -> list[bytes]:
        """Return the data of an event whose last empty line never came."""
        return self.feed(b"\n\n")


async def events(answer: Body, service: str) -> AsyncGenerator[Mapping[str, object], None]:
    """Yield what each event says; also a whole JSON document in place of a stream, as one event.

    Raises:
        ServiceError: something else than events came.
        ValueError: an event is no JSON: the stream was cut there.
    """
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if "html" in kind:
        raise errors.not_understood(service, f"{kind} instead of a stream")
    if kind == "application/json":
        document = b"".join([piece async for piece in answer.aiter_raw()])
        yield _object(document, service)
        return
    lines = Lines()
    async for piece in answer.aiter_raw():
        for data in lines.feed(piece):
            if data == DONE:
                return
            yield _object(data, service)
    for data in lines.flush():
        if data != DONE:
            yield _object(data, service)


def _object(data: bytes, service: str) -> Mapping[str, object]:
    said = orjson.loads(data)
    if not isinstance(said, dict):
        raise errors.not_understood(service, "something that is no piece of an answer")
    return said
