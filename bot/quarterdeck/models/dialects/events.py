"""Read a stream of server-sent events, and nothing of it that nobody needs.

The SDKs build a validated object for every word of an answer, which costs several times what the word costs
on the wire; what we need of it is two fields.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from typing import Final, Protocol

import orjson

from quarterdeck.core.model import Delta
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


class Hears(Protocol):
    """Put one answer together from its events; `is_over`: none after this one is of it."""

    is_over: bool

    def words(self, event: Mapping[str, object], /) -> str | None:
        """Return the words of an event that holds nothing but words of the answer; None: it is to be heard."""

    def hear(self, event: Mapping[str, object], /) -> Delta | None:
        """Take an event and return what it says."""


def together(answer: Hears, batch: Sequence[Mapping[str, object]]) -> Iterator[Delta]:
    """Yield what events say that came together as one piece: each piece goes through a dozen hands.

    Raises:
        ServiceError: what `answer` raises, after what came before it.
    """
    words: list[str] = []
    thoughts = ""
    failure: Exception | None = None
    try:
        for event in batch:
            plain = answer.words(event)
            if plain is not None:
                words.append(plain)
                continue
            if said := answer.hear(event):
                words.append(said.text)
                thoughts += said.reasoning
            if answer.is_over:
                break
    except Exception as error:  # noqa: BLE001 - raised again below
        failure = error
    if (text := "".join(words)) or thoughts:
        yield Delta(text=text, reasoning=thoughts)
    if failure is not None:
        raise failure


async def events(answer: Body, service: str) -> AsyncGenerator[list[Mapping[str, object]], None]:
    """Yield what events say, those that came together in one list; also a whole JSON document, as one event.

    Raises:
        ServiceError: something else than events came.
        ValueError: an event is no JSON: the stream was cut there.
    """
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if "html" in kind:
        raise errors.not_understood(service, f"{kind} instead of a stream")
    if kind == "application/json":
        document = b"".join([piece async for piece in answer.aiter_raw()])
        yield [_object(document, service)]
        return
    lines = Lines()
    async for piece in answer.aiter_raw():
        batch: list[Mapping[str, object]] = []
        try:
            is_over = _read(lines.feed(piece), batch, service)
        finally:
            if batch:  # also where what comes after it is broken
                yield batch
        if is_over:
            return
    batch = []
    _read(lines.flush(), batch, service)
    yield batch


def _read(datas: Sequence[bytes], into: list[Mapping[str, object]], service: str) -> bool:
    """Append what each event says; returns whether the last was the mark of the end."""
    for data in datas:
        if data == DONE:
            return True
        into.append(_object(data, service))
    return False


def _object(data: bytes, service: str) -> Mapping[str, object]:
    said = orjson.loads(data)
    if type(said) is not dict:
        raise errors.not_understood(service, "something that is no piece of an answer")
    return said
