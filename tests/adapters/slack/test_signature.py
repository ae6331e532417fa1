"""Prove that our HMAC is the standard one, for keys of any length."""

import hmac

import pytest

from quarterdeck_adapters.slack.wire.signature import is_genuine


@pytest.mark.parametrize("length", [1, 31, 63, 64, 65, 200])
@pytest.mark.parametrize("body", [b"", b"x" * 700, bytes(range(256)) * 40])
def test_it_is_hmac_sha256(length: int, body: bytes) -> None:
    """The library's own one is the oracle."""
    secret = bytes(range(1, length + 1))
    signature = "v0=" + hmac.new(secret, b"v0:1795000000:" + body, "sha256").hexdigest()
    assert is_genuine(secret, "1795000000", signature, body)
    assert not is_genuine(secret, "1795000000", signature, body + b"x")
    assert not is_genuine(secret + b"x", "1795000000", signature, body)
    assert not is_genuine(secret, "1795000001", signature, body)
