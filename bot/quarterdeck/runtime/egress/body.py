"""Read an answer's body without trusting what it claims about its size."""

from __future__ import annotations

import zlib
from typing import Final

from aiohttp import ClientResponse

from quarterdeck.core.errors import Rejected
from quarterdeck.core.text import printable

ACCEPTED: Final = "gzip, deflate"
DETAIL_BYTES: Final = 2000
DETAIL_CHARACTERS: Final = 300
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


async def read_body(response: ClientResponse, *, max_bytes: int, service: str) -> bytes:
    """Return the body, unpacked.

    Raises:
        Rejected: it is larger than `max_bytes` once unpacked, packed in an unknown way, or broken.
    """
    declared = response.content_length
    if declared is not None and declared > max_bytes:
        raise _too_large(response, max_bytes, service)
    body = bytearray()
    try:
        unpack = _Unpacker(response.headers.get("Content-Encoding", ""))
        async for piece in response.content.iter_any():
            body += unpack.feed(piece, max_bytes - len(body) + 1)
            if len(body) > max_bytes:
                raise _too_large(response, max_bytes, service)
    except (zlib.error, ValueError) as error:
        raise Rejected(
            f"{service} sent a body that cannot be unpacked: {error}", service=service, status=response.status
        ) from error
    if not unpack.is_whole:
        raise Rejected(
            f"{service} sent a packed body that ends early", service=service, status=response.status
        )
    return bytes(body)


async def read_detail(response: ClientResponse) -> str:
    """Return the beginning of an error's body as one short line; empty where it cannot be read."""
    try:
        unpack = _Unpacker(response.headers.get("Content-Encoding", ""))
        text = unpack.feed(await response.content.readany(), DETAIL_BYTES).decode(errors="replace")
    except (zlib.error, ValueError):
        return ""
    return printable(" ".join(text.split()))[:DETAIL_CHARACTERS]


class _Unpacker:
    """Undo one content coding, never producing more than was asked for."""

    def __init__(self, coding: str) -> None:
        coding = coding.strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise ValueError(f"unknown content coding {coding[:40]!r}")
        self._is_empty = True
        self._inflate = None if coding in ("", "identity") else zlib.decompressobj(_GZIP_OR_ZLIB)

    @property
    def is_whole(self) -> bool:
        """Tell whether the packed data came to its end; none at all (HEAD, 204) is whole."""
        return self._inflate is None or self._is_empty or self._inflate.eof

    def feed(self, piece: bytes, limit: int) -> bytes:
        """Return at most `limit` bytes of what `piece` holds."""
        self._is_empty = False
        if self._inflate is None:
            return piece[:limit]
        return self._inflate.decompress(piece, limit)


def _too_large(response: ClientResponse, max_bytes: int, service: str) -> Rejected:
    return Rejected(
        f"{service} sent more than {max_bytes} bytes",
        service=service,
        status=response.status,
        hint="an operator can raise egress.max_bytes",
    )
