"""Prove callers of webhooks: what is genuine passes, everything else is refused and nothing raises."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck_workflows.language.spec import HookAuth
from quarterdeck_workflows.triggers.proof import KEY_PREFIX, Proof, Sent, prove, why_no_key

NOW_S = 1_800_000_000.0
KEY = bytes(range(32))
SIGNING = KEY_PREFIX + base64.b64encode(KEY).decode()
BODY = b'{"action": "published"}'
AUTHS = {
    "header": HookAuth(kind="header", name="X-Token", secret="env:T"),
    "query": HookAuth(kind="query", name="token", secret="env:T"),
    "basic": HookAuth(kind="basic", username="ci", secret="env:T"),
    "hmac": HookAuth(kind="hmac", name="X-Signature", secret="env:T", prefix="sha256="),
    "hmac-base64": HookAuth(kind="hmac", name="X-Signature", secret="env:T", encoding="base64"),
    "standard-webhooks": HookAuth(kind="standard-webhooks", secret="env:T"),
}
SECRETS = {name: SIGNING if name == "standard-webhooks" else "a long secret" for name in AUTHS}


def signature(id_: str = "m1", stamp: str = "1800000000", body: bytes = BODY) -> str:
    """Return the signature of a Standard Webhooks delivery."""
    signed = f"{id_}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()


def genuine(name: str) -> Sent:
    """Return a request that proves itself."""
    digest = hmac.new(b"a long secret", BODY, hashlib.sha256)
    headers: dict[str, Sequence[tuple[str, str]]] = {
        "header": [("x-token", "a long secret")],
        "query": [],
        "basic": [("authorization", "Basic " + base64.b64encode(b"ci:a long secret").decode())],
        "hmac": [("x-signature", f"sha256={digest.hexdigest()}")],
        "hmac-base64": [("x-signature", base64.b64encode(digest.digest()).decode())],
        "standard-webhooks": [
            ("webhook-id", "m1"),
            ("webhook-timestamp", "1800000000"),
            ("webhook-signature", f"v1a,x {signature()}"),
        ],
    }
    query = [("token", "a long secret")] if name == "query" else []
    return Sent(method="POST", headers=headers[name], query=query, body=BODY)


def changed(sent: Sent, **more: Any) -> Sent:
    """Return the request with something else in it."""
    return Sent(**{"method": "POST", "headers": sent.headers, "query": sent.query, "body": sent.body, **more})


@pytest.mark.parametrize("name", AUTHS)
def test_what_is_genuine_passes_and_the_wrong_secret_does_not(name: str) -> None:
    """In each way."""
    found = prove(AUTHS[name], SECRETS[name], genuine(name), now_s=NOW_S)
    wrong = KEY_PREFIX + base64.b64encode(bytes(32)).decode() if name == "standard-webhooks" else "another"

    assert isinstance(found, Proof)
    assert [None, None] == [prove(AUTHS[name], other, genuine(name), now_s=NOW_S) for other in (wrong, "")]


@pytest.mark.parametrize("name", AUTHS)
def test_a_proof_that_is_sent_twice_or_not_at_all_is_none(name: str) -> None:
    """One of the two may be what a proxy looked at."""
    sent = genuine(name)
    twice = changed(sent, headers=[*sent.headers, *sent.headers], query=[*sent.query, *sent.query])
    bare = changed(sent, headers=(), query=())

    assert [None, None] == [prove(AUTHS[name], SECRETS[name], one, now_s=NOW_S) for one in (twice, bare)]


@pytest.mark.parametrize("name", ["hmac", "hmac-base64", "standard-webhooks"])
def test_a_signature_is_of_the_body(name: str) -> None:
    """One byte more and it is another."""
    assert prove(AUTHS[name], SECRETS[name], changed(genuine(name), body=BODY + b" "), now_s=NOW_S) is None


@pytest.mark.parametrize("name", ["hmac", "standard-webhooks"])
def test_what_comes_again_is_known_by_what_was_signed(name: str) -> None:
    """Not by a header that anybody can change, nor by how the rest of the request is written."""
    sent = genuine(name)
    renamed = changed(
        sent, headers=[*sent.headers, ("idempotency-key", "new"), ("x-more", "1")], query=[("a", "b")]
    )
    proofs = {prove(AUTHS[name], SECRETS[name], one, now_s=NOW_S) for one in (sent, renamed)}

    assert 1 == len(proofs)
    assert None not in proofs


def test_the_same_signature_in_another_spelling_is_not_another_delivery() -> None:
    """Upper-case hexadecimal is the same body; base64 of another alphabet is refused."""
    sent = genuine("hmac")
    (name, value), *_ = sent.headers
    shouted = changed(sent, headers=[(name, "sha256=" + value.removeprefix("sha256=").upper())])
    coded = genuine("hmac-base64")
    other = changed(coded, headers=[("x-signature", coded.headers[0][1].rstrip("="))])

    assert prove(AUTHS["hmac"], "a long secret", sent, now_s=NOW_S) == prove(
        AUTHS["hmac"], "a long secret", shouted, now_s=NOW_S
    )
    assert prove(AUTHS["hmac-base64"], "a long secret", other, now_s=NOW_S) is None


@pytest.mark.parametrize(
    ("stamp", "passes"),
    [("1800000300", True), ("1800000301", False), ("1799999700", True), ("1799999699", False)],
)
def test_a_signature_holds_for_five_minutes(stamp: str, passes: bool) -> None:
    """On both sides: clocks differ."""
    headers = [
        ("webhook-id", "m1"),
        ("webhook-timestamp", stamp),
        ("webhook-signature", signature(stamp=stamp)),
    ]
    sent = Sent(method="POST", headers=headers, body=BODY)

    assert passes is (prove(AUTHS["standard-webhooks"], SIGNING, sent, now_s=NOW_S) is not None)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_AAAA", "no prefix", "whsec_!!!!"])
def test_what_is_no_signing_key_opens_nothing(secret: str) -> None:
    """And is named."""
    auth = AUTHS["standard-webhooks"]

    assert prove(auth, secret, genuine("standard-webhooks"), now_s=NOW_S) is None
    assert "whsec_" in why_no_key(auth, secret)


@settings(max_examples=2_000, deadline=None)
@given(
    st.sampled_from(sorted(AUTHS)),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    *("x-token", "authorization", "x-signature", "webhook-id", "webhook-timestamp"),
                    *("webhook-signature", "idempotency-key"),
                ]
            ),
            st.one_of(
                st.text(max_size=40),
                st.sampled_from(
                    [
                        "nan",
                        "9" * 5_000,
                        "Basic ====",
                        "Basic é",
                        "v1,é",
                        "sha256=\udce9",
                        "v1," + "A" * 9_000,
                    ]
                ),
            ),
        ),
        max_size=8,
    ),
    st.binary(max_size=60),
)
def test_hostile_headers_prove_nothing_and_raise_nothing(
    name: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    """A verifier that breaks is one that can be broken."""
    sent = Sent(
        method="POST", headers=headers, query=[("token", value) for _, value in headers[:1]], body=body
    )

    assert prove(AUTHS[name], SECRETS[name], sent, now_s=NOW_S) is None
