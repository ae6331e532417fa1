"""Read standard input line by line, whatever it is, without a thread and without keeping what is too long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Final

from quarterdeck.cli.client.talk import MESSAGE_LIMIT, too_long
from quarterdeck.core.errors import UsageError, UserError

CHUNK: Final = 64 * 1024
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"  # some editors begin UTF-8 files with it


async def lines_of(descriptor: int) -> AsyncIterator[bytes]:
    """Yield lines without their ends; of a line longer than a message may be, only enough to see that.

    Raises:
        UserError: the input cannot be read.
    """
    kept = bytearray()
    is_first = True
    while chunk := await _read(descriptor):
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            _keep(kept, part)
            yield bytes(kept.removeprefix(BYTE_ORDER_MARK) if is_first else kept)
            is_first = False
            kept.clear()
        _keep(kept, rest)
    if kept:
        yield bytes(kept.removeprefix(BYTE_ORDER_MARK) if is_first else kept)


def text_of(line: bytes) -> str:
    """Decode a line.

    Raises:
        UsageError: it is too long, or no UTF-8.
    """
    if len(line) > MESSAGE_LIMIT:
        raise too_long()
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"byte {error.start + 1} of the line is no UTF-8", hint="send UTF-8") from error


def _keep(kept: bytearray, part: bytes) -> None:
    kept += part[: MESSAGE_LIMIT + 1 + len(BYTE_ORDER_MARK) - len(kept)]


async def _read(descriptor: int) -> bytes:
    while True:
        try:
            await _readable(descriptor)
            return os.read(descriptor, CHUNK)
        except BlockingIOError:
            continue
        except OSError as error:
            raise UserError(f"standard input cannot be read: {error.strerror}") from error


async def _readable(descriptor: int) -> None:
    """Return when there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:  # epoll(7): a plain file is always ready, and cannot be asked
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
