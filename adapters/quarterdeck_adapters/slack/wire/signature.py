"""Prove that a request is Slack's, on bytes alone: nothing is parsed before, and nothing here can raise (T5 to T7).

The rule: `v0=` and the hexadecimal HMAC-SHA256 of `v0:TIMESTAMP:BODY` (docs.slack.dev, verifying requests, 2026-11-21).
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

WINDOW_S: Final = 300
BLOCK_BYTES: Final = 64  # of SHA-256
TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")


def is_fresh(timestamp: str, now_s: float) -> bool:
    """Tell whether `timestamp` lies within five minutes of now, before or after."""
    return TIMESTAMP.fullmatch(timestamp) is not None and abs(now_s - int(timestamp)) <= WINDOW_S


def is_genuine(secret: bytes, timestamp: str, signature: str, body: bytes) -> bool:
    """Tell whether `signature` is that of `body` at `timestamp`, in a time that does not say where they differ."""
    if not secret or not timestamp.isascii():
        return False
    inner, outer = (one.copy() for one in _keyed(secret))
    inner.update(b"v0:%b:%b" % (timestamp.encode(), body))
    outer.update(inner.digest())
    return signature.isascii() and hmac.compare_digest(f"v0={outer.hexdigest()}", signature)


@lru_cache(maxsize=4)
def _keyed(secret: bytes) -> tuple[Hash, Hash]:
    """Return the two hashes of HMAC with the key taken in already.

    `hmac.digest` lets other threads run for each call, and getting the interpreter back costs twenty times the hash.
    """
    block = (secret if len(secret) <= BLOCK_BYTES else sha256(secret).digest()).ljust(BLOCK_BYTES, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in block)), sha256(bytes(byte ^ 0x5C for byte in block))
