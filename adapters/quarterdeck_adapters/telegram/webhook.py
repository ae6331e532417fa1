"""Take updates over HTTP. Who calls is proved by the secret header before a byte of the body is read."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from quarterdeck.core.errors import QuarterdeckError, SetupError
from quarterdeck.runtime.network.routes import Principal, Route, route
from quarterdeck_adapters.telegram.parse import WANTED

if TYPE_CHECKING:
    from aiohttp import web

    from quarterdeck_adapters.telegram.api import Api
    from quarterdeck_adapters.telegram.intake import Intake

PATH: Final = "/telegram/webhook"
HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
LETTERS: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")  # Bot API, setWebhook, 2026-11-21
CONNECTIONS: Final = 40

log = logging.getLogger(__name__)


class Webhook:
    """Be called by Telegram. Updates are taken while `intake` is there; before and after, Telegram is told to wait."""

    def __init__(self, secret: str) -> None:
        if not LETTERS.fullmatch(secret):
            raise SetupError(
                "platforms.telegram.webhook_secret has signs that Telegram does not send",
                hint="use 1 to 256 of A-Z, a-z, 0-9, _ and -",
                key="platforms.telegram.webhook_secret",
            )
        self._secret, self._digest = secret, _digest(secret)
        self.intake: Intake | None = None

    def routes(self) -> tuple[Route, ...]:
        """Declare where Telegram calls."""
        principal = Principal(name="Telegram, by the webhook's secret", verify=self.verify)
        return (route("POST", PATH, self.receive, principal=principal),)

    async def verify(self, request: web.Request) -> bool:
        """Tell whether the caller knows the secret; takes as long whatever they send."""
        sent = request.headers.getall(HEADER, [])
        return len(sent) == 1 and hmac.compare_digest(_digest(sent[0]), self._digest)

    async def receive(self, request: web.Request) -> web.Response:
        """Answer 200 when the update is on disk, 503 when Telegram must send it again, 400 when it is none."""
        from aiohttp import web

        update = _read(await request.read())
        if update is None:
            return web.Response(status=400)
        if self.intake is None:
            return web.Response(status=503)
        failure: QuarterdeckError | None = (await self.intake.take([update]))[0]
        if failure is not None:
            log.warning("An update waits at Telegram", extra={"error": failure.message})
            return web.Response(status=503)
        return web.Response()

    async def announce(self, api: Api, url: str) -> None:
        """Tell Telegram where to call; with an empty `url`, see that it knows already.

        Raises:
            ServiceError: it did not take that.
        """
        if not url:
            known = await api.call("getWebhookInfo")
            if not known.get("url"):
                log.error(
                    "Telegram does not know where to call",
                    extra={
                        "hint": "set platforms.telegram.webhook_url to the public https address of this bot"
                    },
                )
            return
        await api.call(
            "setWebhook",
            {
                "url": address_of(url),
                "secret_token": self._secret,
                "allowed_updates": WANTED,
                "max_connections": CONNECTIONS,
            },
        )


def address_of(url: str) -> str:
    """Return where Telegram shall call: `url`, with our path where it names none."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return url if slash and path else f"{scheme}://{host}{PATH}"


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _read(body: bytes) -> Mapping[str, Any] | None:
    try:
        update = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    is_update = isinstance(update, dict) and type(update.get("update_id")) is int
    return update if is_update else None
