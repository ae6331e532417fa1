"""Let webhooks leave as replies do: on disk first, tried again for days, dead letters in `/delivery`.

The outbox knows this as the platform `webhook`; a reply to it is one `WebhookMessage` as JSON. Nobody talks to the bot
through it, so that the router does not know it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from quarterdeck.core.adapter import Ability, Accept, Link, Pace, Rendered, cause_of
from quarterdeck.core.errors import (
    AuthFailed,
    Denied,
    QuarterdeckError,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
)
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock, Web
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass

PLATFORM: Final = "webhook"
# Standard Webhooks specification, "Deliverability and reliability", 2026-11-21: the example schedule, 75 h in all.
RETRIES_S: Final = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
TIMEOUT_S: Final = 20.0  # the same page, "Request timeouts": 15 to 30 s
ANSWER_BYTES: Final = 64 * 1024
GONE: Final = 410
_SEAL: Final = secrets.token_hex(16)  # of this process: what goes to disk is rendered, and has it no more


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """Hold what is to be posted: `body` is JSON text; `sign_with` names the credential of the signature, if any."""

    url: str
    body: str
    sign_with: str = ""
    type: str = ""

    def reply(self) -> Reply:
        """Return it as the outbox takes it, sealed: no text that somebody else sends here is a webhook."""
        return Reply(text=json.dumps({**asdict(self), "seal": _SEAL}), is_literal=True)


def place(host: str, key: str) -> Conversation:
    """Return where a webhook goes, a place of its own: one that waits for days holds up no other."""
    return Conversation(id=f"{PLATFORM}:{host[:253]}:{message_id(key)}", platform=PLATFORM, kind="direct")


def message_id(key: str) -> str:
    """Return the `webhook-id` of what is sent under the outbox key `key`: the same at every try."""
    return f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"


class WebhookDoor:
    """Post webhooks (the port `Adapter`). The receiver knows them by their id, so that a lost answer is tried again."""

    platform = PLATFORM
    abilities = frozenset({Ability.IDEMPOTENT})
    pace = Pace(retries_s=RETRIES_S)
    link: Link = "receiving"

    def __init__(self, web: Web, clock: Clock) -> None:
        self._web, self._clock = web, clock

    async def run(self, accept: Accept) -> None:
        """Receive nothing: webhooks that come in have a door of their own."""

    def render(self, reply: Reply) -> list[Rendered]:
        """Return the message as one part; people see where it goes and of what type it is, not what it says.

        Raises:
            Denied: this is no message of `webhook.send`.
        """
        message = _opened(reply.text)
        return [
            Rendered(text=f"webhook {message['type']} to {_shown(str(message['url']))}".strip(), body=message)
        ]

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post it, signed now, and return its id.

        Raises:
            Unavailable: anything but a 2xx came back, or nothing.
            Rejected: the receiver wants no more (410), or the address or its credential cannot be used.
        """
        message = WebhookMessage(**{name: str(value) for name, value in part.body.items()})
        id_, body = message_id(cause_of(key)), message.body.encode()
        try:
            status = await self._post(message, id_, body)
        except ServiceError as error:
            raise _again(error) from error
        except QuarterdeckError as error:
            raise Rejected(error.message, service=PLATFORM, status=0, hint=error.hint) from error
        if not 200 <= status < 300:
            raise Unavailable(f"the webhook was answered with {status}", service=PLATFORM)
        return id_

    async def _post(self, message: WebhookMessage, id_: str, body: bytes) -> int:
        at_s = self._clock.now_ms() // 1000
        headers: Mapping[str, str] = {"webhook-id": id_, "webhook-timestamp": str(at_s)}
        if message.sign_with:
            headers = self._web.signature(
                message.sign_with, message.url, message_id=id_, at_s=at_s, body=body
            )
        answer = await self._web.request(
            "POST",
            message.url,
            headers={"Content-Type": "application/json", **headers},
            body=body,
            max_bytes=ANSWER_BYTES,
            timeout_s=TIMEOUT_S,
            follows=False,
        )
        return answer.status


def _again(error: ServiceError) -> ServiceError:
    """Return what a failure means here: all are tried again, but for an endpoint that is gone."""
    if isinstance(error, Rejected) and error.status == GONE:
        return error
    wait_s = error.retry_after_s if isinstance(error, (RateLimited, Unavailable)) else None
    hint = error.hint if isinstance(error, AuthFailed) else ""
    return Unavailable(error.message, service=PLATFORM, retry_after_s=wait_s, hint=hint)


def _shown(url: str) -> str:
    """Return an address without its query, which may hold a secret."""
    return url.partition("?")[0]


def _opened(text: str) -> dict[str, object]:
    """Return a sealed message without its seal."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or message.pop("seal", "") != _SEAL:
        raise Denied("nobody can be spoken to here", hint="webhook.send posts events to other systems")
    return message
