"""Serve `/slack/events`: the one address for events, commands and interactions.

Who calls is proven on the raw bytes before anything is read from them; what Slack delivers is then parsed no further
than somebody looks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote_plus

import orjson
from aiohttp import web

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Clock
from quarterdeck.runtime.network.routes import Principal, Route, route
from quarterdeck_adapters.slack.reading.slash import form_of
from quarterdeck_adapters.slack.wire.reception import TAKEN, Ack, Reception
from quarterdeck_adapters.slack.wire.secret import Secret
from quarterdeck_adapters.slack.wire.signature import is_fresh, is_genuine

PATH: Final = "/slack/events"
TIMESTAMP: Final = "X-Slack-Request-Timestamp"
SIGNATURE: Final = "X-Slack-Signature"
JSON: Final = {"Content-Type": "application/json"}

log = logging.getLogger(__name__)


class HttpDoor:
    """Take what Slack posts. `secret` resolves the signing secret."""

    def __init__(self, reception: Reception, clock: Clock, secret: Callable[[], str]) -> None:
        self._reception, self._clock, self._secret = reception, clock, Secret(secret, clock)
        self._is_shut = False

    def routes(self) -> tuple[Route, ...]:
        """Declare the address, and who may call it."""
        principal = Principal(name="slack", verify=self.is_slack)
        return (route("POST", PATH, self.receive, principal=principal),)

    async def is_slack(self, request: web.Request) -> bool:
        """Tell whether Slack signed this request within the last five minutes."""
        stamps = request.headers.getall(TIMESTAMP, ())
        signatures = request.headers.getall(SIGNATURE, ())
        if len(stamps) != 1 or len(signatures) != 1:
            return False
        if not is_fresh(stamps[0], self._clock.now_ms() / 1000):
            return False  # the body is not even read
        return is_genuine(self._current_secret(), stamps[0], signatures[0], await request.read())

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Acknowledge a delivery: 200 once it is on disk, 503 where that failed, so that Slack brings it again."""
        ack = await self._taken(request.headers.get("Content-Type", ""), await request.read())
        if not ack.is_taken:
            return web.Response(status=503)
        if ack.body is None:
            return web.Response()
        response = web.Response(body=orjson.dumps(ack.body), headers=JSON)
        is_sent = False
        try:
            await response.prepare(request)
            await response.write_eof()
            is_sent = request.transport is not None and not request.transport.is_closing()
        except OSError:
            log.info("Slack hung up before it was answered")
        finally:
            ack.settle(is_sent=is_sent)
        return response

    async def _taken(self, content_type: str, body: bytes) -> Ack:
        if content_type.startswith("application/json"):
            payload = _object(body)
            return TAKEN if payload is None else await self._reception.event(payload)
        if body.startswith(b"payload="):
            payload = _object(unquote_plus(body[8:].decode("utf-8", "replace")))
            return TAKEN if payload is None else await self._reception.interaction(payload)
        form = form_of(body)
        if "payload" in form:
            payload = _object(form["payload"])
            return TAKEN if payload is None else await self._reception.interaction(payload)
        return TAKEN if "ssl_check" in form else await self._reception.command(form)

    def _current_secret(self) -> bytes:
        """Return the signing secret; without one nothing is genuine."""
        try:
            secret = self._secret.value().encode()
        except SetupError as error:
            if not self._is_shut:
                log.error("Slack's requests are refused", extra={"error": error.message, "fix": error.hint})
            self._is_shut = True
            return b""
        self._is_shut = False
        return secret


def _object(text: bytes | str) -> Mapping[str, object] | None:
    """Read a JSON object; None for anything else, which asks nothing of us."""
    try:
        found = orjson.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
