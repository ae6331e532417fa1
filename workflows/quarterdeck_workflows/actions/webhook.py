"""Tell another system, signed as Standard Webhooks says, again and again for three days until it has taken it."""

from __future__ import annotations

import json
import re
from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.network import webhooks
from quarterdeck_workflows.actions.kit.declared import CREDENTIAL, STRING, Declared, anything, shape, text
from quarterdeck_workflows.actions.kit.given import text_of

TYPE_PATTERN: Final = (
    "^[A-Za-z0-9_]+(\\.[A-Za-z0-9_]+)*$"  # Standard Webhooks specification, "Event types", 2026-11-21
)
PAYLOAD_BYTES: Final = 256 * 1024
HOST: Final = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[^/?#@\s:]+)(?::\d+)?(?:[/?#].*)?", re.IGNORECASE | re.DOTALL
)


async def _send(call: ActionCall) -> Json:
    url = text_of(call, "url")
    host = HOST.fullmatch(url)
    if host is None:
        raise UsageError("this is no address of a webhook", hint="write https://host/path")
    sign_with, type_ = text_of(call, "sign_with"), text_of(call, "type")
    at = call.services.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    payload = {"type": type_, "timestamp": at, "data": call.input["data"]}
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if len(body.encode(errors="replace")) > PAYLOAD_BYTES:
        raise UsageError(
            f"a webhook holds at most {PAYLOAD_BYTES} bytes", hint="send a link to the rest of it"
        )
    id_ = webhooks.message_id(call.key)
    if sign_with:  # says now, not in three days, that the key is missing or another host's
        call.services.web.signature(sign_with, url, message_id=id_, at_s=0, body=b"")
    message = webhooks.WebhookMessage(url=url, body=body, sign_with=sign_with, type=type_)
    await call.services.outbox.send(webhooks.place(host[1].lower(), call.key), message.reply(), key=call.key)
    return {"id": id_, "delivery": f"{call.key}#1"}


ACTIONS = (
    Declared(
        ActionSpec(
            id="webhook.send",
            summary="Post an event to another system, signed, until it has taken it",
            input=shape(
                {
                    "url": text("Where to, https://…", longest=8_000),
                    "type": text("What happened, such as incident.closed", longest=200, pattern=TYPE_PATTERN),
                    "data": anything("What belongs to it"),
                },
                {"sign_with": {**CREDENTIAL, "description": "A credential whose use is signature"}},
            ),
            output=shape({"id": STRING, "delivery": STRING}),
            effect="write",
            idempotency="key",
            secrets=("egress.credentials",),
        ),
        _send,
    ),
)
