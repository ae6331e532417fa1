"""Prove who calls a webhook, on raw bytes, before anything of the request is parsed.

Whatever is sent, the answer is yes or no: nothing that callers write raises. What is compared with a secret goes
through a hash first, so that the comparison takes as long whatever was sent, and how long the secret is stays hidden.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import field
from typing import Final

from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.spec import HookAuth

WINDOW_S: Final = 300  # Standard Webhooks specification, "Verifying webhook authenticity", 2026-11-21
KEY_PREFIX: Final = "whsec_"
KEY_BYTES: Final = range(24, 65)  # the same specification, "Signature scheme"
MOST_SIGNATURES: Final = 10  # one for each key while keys are rotated
LONGEST_ID: Final = 256
LONGEST_STAMP: Final = 11  # digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Hold a request as it was sent; header names are in lower case, each with all its values."""

    method: str
    headers: Sequence[tuple[str, str]] = field(default=(), repr=False)
    query: Sequence[tuple[str, str]] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> bytes | None:
        """Return the value of a header that was sent exactly once."""
        return _only(self.headers, name.lower())

    def parameter(self, name: str) -> bytes | None:
        """Return the value of a parameter of the address that was sent exactly once."""
        return _only(self.query, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Hold a proof; `id` is what the delivery is known by when it comes again, empty where nothing says."""

    id: str = ""


def prove(auth: HookAuth, secret: str, sent: Sent, *, now_s: float) -> Proof | None:
    """Return the proof that the caller knows the secret; None where it is none."""
    if auth.kind == "none":
        return Proof(id=_named(sent))
    if not secret:
        return None
    try:
        return _WAYS[auth.kind](auth, secret.encode(), sent, now_s)
    except (
        ValueError,
        OverflowError,
        LookupError,
        TypeError,
    ):  # hostile headers end here, never as an error of ours
        return None


def same(one: bytes, other: bytes) -> bool:
    """Tell whether two texts are the same, in a time that says nothing about either."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())


def _by_header(auth: HookAuth, secret: bytes, sent: Sent, now_s: float) -> Proof | None:
    given = sent.header(auth.name)
    return Proof(id=_named(sent)) if given is not None and same(given, secret) else None


def _by_query(auth: HookAuth, secret: bytes, sent: Sent, now_s: float) -> Proof | None:
    given = sent.parameter(auth.name)
    return Proof(id=_named(sent)) if given is not None and same(given, secret) else None


def _by_basic(auth: HookAuth, secret: bytes, sent: Sent, now_s: float) -> Proof | None:
    given = sent.header("authorization") or b""
    scheme, _, coded = given.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    name, colon, password = base64.b64decode(coded.strip(), validate=True).partition(b":")
    is_right = same(name, auth.username.encode()) & same(password, secret)  # both, so that neither shows
    return Proof(id=_named(sent)) if colon and is_right else None


def _by_hmac(auth: HookAuth, secret: bytes, sent: Sent, now_s: float) -> Proof | None:
    given, prefix = sent.header(auth.name), auth.prefix.encode()
    if given is None or not given.startswith(prefix):
        return None
    digest = hmac.new(secret, sent.body, auth.algorithm).digest()
    expected = base64.b64encode(digest) if auth.encoding == "base64" else digest.hex().encode()
    found = given[len(prefix) :]
    found = found.lower() if auth.encoding == "hex" else found
    if not same(found, expected):
        return None
    return Proof(
        id=f"body:{hashlib.sha256(sent.body).hexdigest()}"
    )  # of a header nobody signed, nothing is believed


def _by_standard(auth: HookAuth, secret: bytes, sent: Sent, now_s: float) -> Proof | None:
    id_, stamp = sent.header("webhook-id") or b"", sent.header("webhook-timestamp") or b""
    signatures = sent.header("webhook-signature") or b""
    if not 0 < len(id_) <= LONGEST_ID or not 0 < len(stamp) <= LONGEST_STAMP or not stamp.isdigit():
        return None
    if abs(now_s - int(stamp)) > WINDOW_S:
        return None
    expected = base64.b64encode(
        hmac.new(_key(secret), b"%b.%b.%b" % (id_, stamp, sent.body), "sha256").digest()
    )
    is_right = False
    for one in signatures.split(b" ")[:MOST_SIGNATURES]:
        version, _, signature = one.partition(b",")
        is_right |= version == b"v1" and same(signature, expected)
    return Proof(id=f"id:{id_.hex()}") if is_right else None


def _key(secret: bytes) -> bytes:
    """Return the signing key.

    Raises:
        ValueError: it is none.
    """
    if not secret.startswith(KEY_PREFIX.encode()):
        raise ValueError("no signing key")
    key = base64.b64decode(secret[len(KEY_PREFIX) :], validate=True)
    if len(key) not in KEY_BYTES:
        raise ValueError("no signing key")
    return key


def why_no_key(auth: HookAuth, secret: str) -> str:
    """Say why a secret cannot be used for this way; empty where it can."""
    if auth.kind != "standard-webhooks":
        return ""
    try:
        _key(secret.encode())
    except (ValueError, binascii.Error):
        return "it is no signing key: store whsec_ and base64 of 24 to 64 random bytes"
    return ""


def _named(sent: Sent) -> str:
    """Return the name that the caller gives a delivery, so that they may try again."""
    for name in ("idempotency-key", "webhook-id"):
        given = sent.header(name)
        if given and len(given) <= LONGEST_ID:
            return f"{name}:{given.hex()}"
    return ""


def _only(pairs: Sequence[tuple[str, str]], name: str) -> bytes | None:
    found = [value for key, value in pairs if key == name]
    return found[0].encode("utf-8", "surrogateescape") if len(found) == 1 else None


_WAYS = {
    "header": _by_header,
    "query": _by_query,
    "basic": _by_basic,
    "hmac": _by_hmac,
    "standard-webhooks": _by_standard,
}
