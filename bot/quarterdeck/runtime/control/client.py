"""Speak to the process that holds the data folder."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from quarterdeck.core.errors import Unavailable
from quarterdeck.core.ports import Json, Progress
from quarterdeck.runtime.control.wire import (
    LINE_LIMIT,
    SERVICE,
    NotBegun,
    address_of,
    decode,
    encode,
    error_of,
)

_Answers = asyncio.Queue[dict[str, Json] | None]


class ControlClient:
    """Call operations and follow streams over one connection; make it with `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._answers: dict[int, _Answers] = {}
        self._is_closed = False

    async def call(
        self, operation: str, parameters: Mapping[str, Json], progress: Progress | None = None
    ) -> Json:
        """Run an operation and return its result; cancelling this cancels it there.

        Raises:
            QuarterdeckError: what the operation raised there.
            NotBegun: the other process ended before it began; nothing was done.
        Unavailable: it ended while it worked.
        """
        async with self._request({"call": operation, "parameters": parameters}) as answers:
            async for answer in _each(answers):
                if "result" in answer:
                    return answer["result"]
                if progress is not None and isinstance(sentence := answer.get("progress"), str):
                    await progress(sentence)
        raise AssertionError("answers end with a result or an error")

    async def stream(self, name: str, parameters: Mapping[str, Json]) -> AsyncIterator[Json]:
        """Yield the items of a stream; leaving it early stops it there.

        Raises:
            QuarterdeckError: as above.
            Unavailable: the other process ended.
        """
        async with self._request({"stream": name, "parameters": parameters}) as answers:
            async for answer in _each(answers):
                if "result" in answer:
                    return
                yield answer.get("item")

    @asynccontextmanager
    async def _request(self, request: Mapping[str, Json]) -> AsyncIterator[_Answers]:
        if self._is_closed:
            raise _gone(NotBegun)
        number = next(self._numbers)
        answers = self._answers[number] = _Answers()
        try:
            await self._say({"id": number, **request})
            yield answers
        except BaseException:
            with suppress(Unavailable):
                await self._say({"id": number, "cancel": True})
            raise
        finally:
            del self._answers[number]

    async def listen(self) -> None:
        """Hand answers to whoever waits for them, until the connection ends."""
        try:
            while line := await self._reader.readline():
                answer = decode(line)
                number = answer.get("id")
                if isinstance(number, int) and number in self._answers:
                    self._answers[number].put_nowait(answer)
        except (ConnectionError, ValueError):
            return
        finally:
            self._is_closed = True
            for answers in self._answers.values():
                answers.put_nowait(None)

    async def _say(self, request: Mapping[str, Json]) -> None:
        try:
            self._writer.write(encode(request))
            await self._writer.drain()
        except ConnectionError as error:
            raise _gone(NotBegun) from error


async def _each(answers: _Answers) -> AsyncIterator[dict[str, Json]]:
    has_begun = False
    while (answer := await answers.get()) is not None:
        if isinstance(described := answer.get("error"), Mapping):
            raise error_of(described)
        if "begun" in answer:
            has_begun = True
        else:
            yield answer
    raise _gone(Unavailable if has_begun else NotBegun)


@asynccontextmanager
async def connect(path: Path) -> AsyncIterator[ControlClient]:
    """Connect to the process that listens at `path`.

    Raises:
        FileNotFoundError, ConnectionRefusedError: none does.
    """
    with address_of(path) as address:
        reader, writer = await asyncio.open_unix_connection(address, limit=LINE_LIMIT)
    client = ControlClient(reader, writer)
    listening = asyncio.create_task(client.listen(), name="control client")
    try:
        yield client
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def _gone(kind: type[Unavailable]) -> Unavailable:
    return kind(
        "the bot that was spoken to has ended", service=SERVICE, hint="start it again: quarterdeck run"
    )
