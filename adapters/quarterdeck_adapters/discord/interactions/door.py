"""Let Discord call us: `/discord/interactions`, signed with Ed25519 over the timestamp and the body.

docs.discord.com/developers/interactions/overview, "Validating security request headers", 2026-11-21.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import orjson
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from quarterdeck.core.ports import Clock
from quarterdeck.runtime.network.routes import Principal, Route, route
from quarterdeck_adapters.discord.interactions.answers import Answers
from quarterdeck_adapters.discord.interactions.interactions import Interactions

PATH: Final = "/discord/interactions"
WINDOW_S: Final = 300
SIGNATURE_DIGITS, MOST_DIGITS = 128, 12

log = logging.getLogger(__name__)


class Door:
    """Serve the one route."""

    def __init__(self, public_key: str, interactions: Interactions, answers: Answers, clock: Clock) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        self._interactions, self._answers, self._clock = interactions, answers, clock

    def routes(self) -> Sequence[Route]:
        """Declare it: only Discord may call it."""
        principal = Principal(name="discord", verify=self._verify)
        return [route("POST", PATH, self._handle, principal=principal)]

    async def _verify(self, request: web.Request) -> bool:
        """Tell whether Discord sent this; nothing of it is parsed or logged before."""
        headers = request.headers
        try:
            body = await request.read()
        except (web.HTTPException, OSError, ValueError):
            return False
        return self.is_genuine(
            headers.get("X-Signature-Ed25519", ""), headers.get("X-Signature-Timestamp", ""), body
        )

    def is_genuine(self, signature: str, timestamp: str, body: bytes) -> bool:
        """Tell whether the signature is Discord's, and of these minutes."""
        is_number = timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MOST_DIGITS
        if not is_number or len(signature) != SIGNATURE_DIGITS or not signature.isascii():
            return False
        try:
            self._key.verify(bytes.fromhex(signature), timestamp.encode() + body)
        except (InvalidSignature, ValueError):
            return False
        return abs(self._clock.now_ms() / 1000 - int(timestamp)) <= WINDOW_S

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            data = orjson.loads(await request.read())
            answer, entry = await self._interactions.answer(data)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            log.warning("Interaction not understood", extra={"error": type(error).__name__})
            return web.Response(status=400)
        response = web.Response(body=orjson.dumps(answer), content_type="application/json")
        if entry is None:
            return response
        try:
            await response.prepare(request)  # sent here, so that nothing follows before it
            await response.write_eof()
        except OSError:
            self._answers.drop(entry)
        else:
            self._answers.told(entry, "")
        return response
