"""`/slack/events` for whoever is not Slack: refused on the bytes, without a trace of what they sent (T2, T5 to T7)."""

import hashlib
import hmac
import io
import json
import logging
import time
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.slack.conftest import running

from quarterdeck.core.event import Invoked
from quarterdeck.testing.simulator.slack.simulator import SIGNING_SECRET, SlackSimulator
from quarterdeck_adapters.slack.wire.signature import WINDOW_S, is_fresh, is_genuine

SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"


def signed(body: bytes, *, at_s: float | None = None, secret: bytes = SIGNING_SECRET.encode()) -> dict:
    """Return the headers that Slack would send with `body`."""
    stamp = str(int(time.time() if at_s is None else at_s))
    mac = hmac.new(secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={mac}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def test_the_vendors_own_example_is_genuine() -> None:
    """From docs.slack.dev, verifying requests, 2026-11-21."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"

    assert is_genuine(SECRET, "1531420618", signature, body)
    assert not is_genuine(SECRET, "1531420619", signature, body)
    assert not is_genuine(SECRET, "1531420618", signature, body + b"&")
    assert not is_genuine(b"", "1531420618", signature, body)


def test_a_timestamp_is_good_for_five_minutes_either_way() -> None:
    """A replay later than that is refused before its body is read."""
    now = 1_763_715_600.0
    good = [str(int(now) + offset) for offset in (-WINDOW_S, 0, WINDOW_S)]
    bad = [str(int(now) + offset) for offset in (-WINDOW_S - 1, WINDOW_S + 1)]

    assert [True] * 3 == [is_fresh(one, now) for one in good]
    assert [False] * 2 == [is_fresh(one, now) for one in bad]
    assert not any(
        is_fresh(one, now) for one in ("", "abc", "nan", "9" * 5_000, "-1", " 1763715600", "\uff11\uff17")
    )


@pytest.mark.slow
@settings(max_examples=10_000)
@given(st.text(max_size=80), st.text(max_size=80), st.binary(max_size=300))
def test_no_header_or_body_breaks_the_verifier(timestamp: str, signature: str, body: bytes) -> None:
    """T5: 10,000 pairs, none of them is genuine and none raises."""
    assert not is_genuine(SECRET, timestamp, signature, body)
    is_fresh(timestamp, 1_763_715_600.0)


async def test_a_stranger_gets_401_and_nothing_of_theirs_is_logged(
    slack: SlackSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Also with headers that crash other verifiers, and with a signature of yesterday."""
    caplog.set_level(logging.DEBUG)
    body = urlencode({"command": "/ping", "text": "canary-in-the-body", "user_id": "U1"}).encode()
    fresh = signed(body)
    wrong = [
        {},
        {**fresh, "X-Slack-Signature": "v0=" + "0" * 64},
        {**fresh, "X-Slack-Signature": "v0=é"},
        {**fresh, "X-Slack-Signature": ""},
        {**fresh, "X-Slack-Request-Timestamp": "abc"},
        {**fresh, "X-Slack-Request-Timestamp": "9" * 5_000},
        signed(body, at_s=time.time() - 86_400),
        signed(body, secret=b"another"),
    ]
    async with running(slack, mode="http") as bot, aiohttp.ClientSession() as session:
        url = f"{slack.http._url}"
        statuses = []
        for headers in wrong:
            async with session.post(url, data=body, headers=headers) as answer:
                statuses.append(answer.status)

        assert [401] * len(wrong) == statuses
        assert [] == bot.events
        assert "canary-in-the-body" not in caplog.text


async def test_a_body_beyond_a_mebibyte_is_not_read(slack: SlackSimulator) -> None:
    """Signed or not."""
    body = b"text=" + b"x" * (1024 * 1024)
    async with running(slack, mode="http"), aiohttp.ClientSession() as session:
        answer = await session.post(slack.http._url, data=io.BytesIO(body), headers=signed(body))
        answer.release()

        assert 413 == answer.status


async def test_the_same_request_twice_is_one_event(slack: SlackSimulator) -> None:
    """T7: a replay within the window has the same trigger id; without one it is known by what it says."""
    fields = {"command": "/deploy", "text": "api", "user_id": "U1", "channel_id": "C1", "team_id": "T1"}
    async with running(slack, mode="http") as bot, aiohttp.ClientSession() as session:
        for trigger in ({"trigger_id": "1.2.3"}, {}):
            body = urlencode({**fields, **trigger}).encode()
            headers = signed(body)
            for _ in range(3):
                async with session.post(slack.http._url, data=body, headers=headers) as answer:
                    assert 200 == answer.status

        assert 2 == len(bot.of(Invoked))


async def test_slacks_own_questions_are_answered(slack: SlackSimulator) -> None:
    """The handshake, the check of the certificate, and what asks nothing of us."""
    challenge = json.dumps({"type": "url_verification", "challenge": "abc", "token": "x"}).encode()
    limited = json.dumps({"type": "app_rate_limited", "minute_rate_limited": 1}).encode()
    async with running(slack, mode="http") as bot, aiohttp.ClientSession() as session:
        said = []
        for body, kind in (
            (challenge, "application/json"),
            (b"ssl_check=1&token=x", "application/x-www-form-urlencoded"),
            (limited, "application/json"),
            (b"[1, 2", "application/json"),
            (b"payload=%7Bnot-json", "application/x-www-form-urlencoded"),
        ):
            headers = {**signed(body), "Content-Type": kind}
            async with session.post(slack.http._url, data=body, headers=headers) as answer:
                said.append((answer.status, await answer.text()))

        assert [(200, '{"challenge":"abc"}'), *[(200, "")] * 4] == said
        assert [] == bot.events
