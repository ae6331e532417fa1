"""Prove that a request is Slack's, on bytes alone: nothing is parsed before, and nothing here can raise (T5 to T7).

The rule: `v0=` and the hexadecimal HMAC-SHA256 of `v0:TIMESTAMP:BODY` (docs.slack.dev, verifying requests, 2026-11-21).
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Final

WINDOW_S: Final = 300
TIMESTAMP: Final = re.compile(r"[0-9]{1,11}")


def is_fresh(timestamp: str, now_s: float) -> bool:
    """Tell whether `timestamp` lies within five minutes of now, before or after."""
    return TIMESTAMP.fullmatch(timestamp) is not None and abs(now_s - int(timestamp)) <= WINDOW_S


def is_genuine(secret: bytes, timestamp: str, signature: str, body: bytes) -> bool:
    """Tell whether `signature` is that of `body` at `timestamp`; what is compared has one length always."""
    if not secret or not timestamp.isascii():
        return False
    expected = "v0=" + hmac.digest(secret, b"v0:%b:%b" % (timestamp.encode(), body), "sha256").hex()
    given = signature.encode("utf-8", "surrogateescape")
    return hmac.compare_digest(sha256(expected.encode()).digest(), sha256(given).digest())
