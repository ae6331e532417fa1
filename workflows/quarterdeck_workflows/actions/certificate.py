"""Look at the certificate that a server of the web shows."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.errors import Unavailable, UsageError
from quarterdeck.core.ports import Json
from quarterdeck_workflows.actions.kit.declared import BOOLEAN, STRING, Declared, shape, text
from quarterdeck_workflows.actions.kit.given import text_of

HANDSHAKE_S: Final = 15.0
DAY_S: Final = 86_400


async def _look(call: ActionCall) -> Json:
    url = text_of(call, "url")
    if urlsplit(url).scheme != "https":
        raise UsageError(
            f"{url[:200]!r} has no certificate", hint="name an address that begins with https://"
        )
    reached = await call.services.web.reach(url)
    unknown: dict[str, Json] = {"host": reached.host, "valid": False, "ends_at": None, "days_left": None}
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            _, writer = await asyncio.open_connection(
                reached.addresses[0], reached.port, ssl=context, server_hostname=reached.host
            )
    except ssl.SSLCertVerificationError as error:
        return {**unknown, "reason": error.verify_message}
    except (OSError, TimeoutError, IndexError) as error:
        raise Unavailable(f"{reached.host} does not answer", service=reached.host) from error
    shown = writer.get_extra_info("peercert") or {}
    writer.transport.abort()
    ends_s = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    return {
        "host": reached.host,
        "valid": True,
        "reason": "",
        "ends_at": datetime.fromtimestamp(ends_s, UTC).isoformat(timespec="seconds"),
        "days_left": int((ends_s - call.services.clock.now().timestamp()) // DAY_S),
    }


ACTIONS = (
    Declared(
        ActionSpec(
            id="certificate.look",
            summary="Look at the certificate of a server: whether it holds, and for how long",
            input=shape({"url": text("An address that begins with https://", longest=2_000)}),
            output=shape(
                {
                    "host": STRING,
                    "valid": BOOLEAN,
                    "reason": STRING,
                    "ends_at": {"type": ["string", "null"], "description": "RFC 3339"},
                    "days_left": {"type": ["integer", "null"]},
                }
            ),
        ),
        _look,
    ),
)
