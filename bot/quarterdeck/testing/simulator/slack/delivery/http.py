"""Deliver over HTTP: signed, 3 s, with the headers of a retry.

docs.slack.dev/authentication/verifying-requests-from-slack and /apis/events-api, 2026-11-21.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from quarterdeck.core.ports import Clock
from quarterdeck.testing.simulator.faults import ON_ANSWER, Faults
from quarterdeck.testing.simulator.slack.delivery.deliveries import DEADLINE_S, Delivery, NotTaken, within
from quarterdeck.testing.simulator.slack.workspace import Payload

PATH: Final = "/slack/events"
MOST_REDIRECTS: Final = 2
HANDSHAKE_PAUSE_S: Final = 0.05  # between two looks whether the bot's server is up; only `ready` does that


class HttpDoor:
    """Post deliveries to the app's web server."""

    def __init__(self, base_url: str, secret: str, clock: Clock, faults: Faults) -> None:
        self._url = base_url.rstrip("/") + PATH
        self._secret, self._clock, self._faults = secret, clock, faults
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End its connections."""
        if self._session is not None:
            await self._session.close()

    async def bring(self, delivery: Delivery, retry: int, reason: str) -> Any:
        """Post a delivery; returns what the answer's body says.

        Raises:
            NotTaken: no connection, no answer in 3 s, or a status that is not 2xx.
        """
        headers = {"x-slack-retry-num": str(retry), "x-slack-retry-reason": reason} if retry else {}
        body, kind = encode(delivery)
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def send() -> None:
            answer = await self._post(body, kind, headers)
            if self._faults.take(delivery.name, ON_ANSWER) is None and not waiting.done():
                waiting.set_result(answer)

        async def disconnect() -> None:
            raise NotTaken("connection_failed")

        async def exchange() -> Any:
            await self._faults.pass_on(delivery.name, send, disconnect)
            return await waiting

        return await within(self._clock, DEADLINE_S, exchange(), late="http_timeout")

    async def handshake(self) -> None:
        """Return once the app answers a `url_verification`, as when the address is entered in Slack's settings."""
        body = json.dumps({"token": "", "challenge": "3eZbrw1aB1", "type": "url_verification"}).encode()
        while True:
            try:
                answer = await self._post(body, "application/json", {})
            except NotTaken:
                await asyncio.sleep(HANDSHAKE_PAUSE_S)
                continue
            said = answer.get("challenge") if isinstance(answer, dict) else answer
            if said == "3eZbrw1aB1":
                return
            await asyncio.sleep(HANDSHAKE_PAUSE_S)

    async def post_raw(self, body: bytes, headers: dict[str, str]) -> int:
        """Post bytes with headers of one's own, for forgeries; returns the status."""
        async with self._open().post(self._url, data=body, headers=headers) as answer:
            return answer.status

    def signed(self, body: bytes) -> dict[str, str]:
        """Return the headers that prove that a body is from Slack, now."""
        timestamp = str(self._clock.now_ms() // 1000)
        base = b"v0:" + timestamp.encode() + b":" + body
        signature = "v0=" + hmac.new(self._secret.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}

    async def _post(self, body: bytes, kind: str, headers: dict[str, str]) -> Any:
        sent = {"Content-Type": kind, "User-Agent": "Slackbot 1.0", **self.signed(body), **headers}
        try:
            async with self._open().post(
                self._url, data=body, headers=sent, max_redirects=MOST_REDIRECTS
            ) as answer:
                if not 200 <= answer.status < 300:
                    may_retry = answer.headers.get("X-Slack-No-Retry") != "1"
                    raise NotTaken("http_error", may_retry=may_retry)
                return _content(await answer.read(), answer.content_type)
        except aiohttp.TooManyRedirects:
            raise NotTaken("too_many_redirects") from None
        except aiohttp.ClientError:
            raise NotTaken("connection_failed") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        return self._session


def encode(delivery: Delivery) -> tuple[bytes, str]:
    """Return a delivery's body and content type: events are JSON, commands a form, interactions JSON in a form."""
    if delivery.kind == "events_api":
        return json.dumps(delivery.payload).encode(), "application/json"
    fields: Payload = delivery.payload
    if delivery.kind == "interactive":
        fields = {"payload": json.dumps(delivery.payload)}
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def _content(body: bytes, kind: str) -> Any:
    if not body.strip():
        return None
    if kind == "application/json":
        try:
            return json.loads(body)
        except ValueError:
            raise NotTaken("http_error") from None
    return body.decode(errors="replace")
