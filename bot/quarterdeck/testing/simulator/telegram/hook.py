"""Deliver updates to the bot's web server.

In each chat one after the other, `max_connections` at a time in all; what is not answered with 2xx comes again, after
1 s and then twice as long each time, for 24 hours (tdlib/telegram-bot-api WebhookActor.cpp, 2026-11-21).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout

from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.faults import Faults
from quarterdeck.testing.simulator.platform import FaultKind
from quarterdeck.testing.simulator.telegram.parameters import Call
from quarterdeck.testing.simulator.telegram.refusal import bad, conflict
from quarterdeck.testing.simulator.telegram.updates import Queued, Updates

ANSWER_WITHIN_S: Final = 60.0
LONGEST_DELAY_S: Final = 3600.0
SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
LOST: Final[tuple[FaultKind, ...]] = ("lost_answer",)
Reply = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Hook:
    """Say where updates go."""

    url: str
    secret: str = ""
    max_connections: int = 40
    last_error: str = ""
    last_error_at: int = 0


class Hooks:
    """Answer setWebhook and its relatives, and deliver. `reply` carries out a method in the bot's answer."""

    def __init__(
        self, clock: Clock, updates: Updates, faults: Faults, reply: Reply, *, first_retry_s: float
    ) -> None:
        self._clock, self._updates, self._faults, self._reply = clock, updates, faults, reply
        self._first_retry_s = first_retry_s
        self._hook: Hook | None = None
        self._busy: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: ClientSession | None = None

    def set(self, call: Call) -> bool:
        """Answer setWebhook.

        Raises:
            Refused: the address, the secret, or the number of connections is not right.
        """
        url, secret = call.text("url"), call.text("secret_token")
        if not url:
            return self.delete(call)
        parts = urlsplit(url)
        # Telegram takes https only; a bot under test stands on loopback, where nobody has a certificate.
        is_loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback)):
            raise bad("bad webhook: An HTTPS URL must be provided for webhook")
        if secret and not SECRET.fullmatch(secret):
            raise bad("secret token contains unallowed characters")
        connections = call.json("max_connections")
        if connections is not None and not 1 <= connections <= 100:
            raise bad("max_connections must be between 1 and 100")
        self._updates.allow(call.json("allowed_updates"))
        self.start(Hook(url, secret, connections or 40), drop=call.flag("drop_pending_updates"))
        return True

    def start(self, hook: Hook, *, drop: bool = False) -> None:
        """Deliver there from now on."""
        self._hook, self._updates.has_webhook = hook, True
        self._updates.end_poll(conflict("terminated by setWebhook request"))
        if drop:
            self._updates.forget()
        self.deliver()

    def delete(self, call: Call) -> bool:
        """Answer deleteWebhook."""
        self._hook, self._updates.has_webhook = None, False
        if call.flag("drop_pending_updates"):
            self._updates.forget()
        return True

    def describe(self) -> dict[str, Any]:
        """Answer getWebhookInfo."""
        self._updates.expire()
        body: dict[str, Any] = {
            "url": self._hook.url if self._hook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates.waiting),
        }
        if self._hook is None:
            return body
        body |= {"max_connections": self._hook.max_connections, "ip_address": "127.0.0.1"}
        if self._hook.last_error:
            body |= {"last_error_date": self._hook.last_error_at, "last_error_message": self._hook.last_error}
        return body

    def deliver(self) -> None:
        """Send what can go out now."""
        hook = self._hook
        if hook is None:
            return
        self._updates.expire()
        for one in list(self._updates.waiting):
            if len(self._busy) >= hook.max_connections:
                return
            if one.chat not in self._busy:
                self._busy.add(one.chat)
                task = asyncio.get_running_loop().create_task(self._send(hook, one))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End every delivery."""
        self._hook = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _send(self, hook: Hook, one: Queued) -> None:
        try:
            if one.failures:
                delay_s = self._first_retry_s * 2 ** (one.failures - 1)
                await self._clock.sleep(min(delay_s, LONGEST_DELAY_S))
            if self._hook is not hook:
                return
            error = await self._try(hook, one)
            if error:
                one.failures += 1
                hook.last_error, hook.last_error_at = error, self._clock.now_ms() // 1000
            elif one in self._updates.waiting:
                self._updates.waiting.remove(one)
        finally:
            self._busy.discard(one.chat)
            self._updates.changed()
        self.deliver()

    async def _try(self, hook: Hook, one: Queued) -> str:
        """Deliver once; returns what went wrong, empty when nothing did."""
        fault = self._faults.take(one.kind, LOST)
        headers = {"Content-Type": "application/json"}
        if hook.secret:
            headers[SECRET_HEADER] = hook.secret
        try:
            async with self._http().post(
                hook.url, data=json.dumps(one.update()).encode(), headers=headers, allow_redirects=False
            ) as response:
                body = await response.read()
                status = response.status
        except TimeoutError:
            return "Read timeout expired"
        except (ClientError, OSError) as error:
            return f"Connection failed: {type(error).__name__}"
        if fault is not None:
            return "Connection closed"
        if not 200 <= status < 300:
            return f"Wrong response from the webhook: {status} {response.reason}"
        await self._carry_out(body)
        return ""

    async def _carry_out(self, body: bytes) -> None:
        """Carry out the method that the bot put into its answer, if there is one."""
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            return
        if isinstance(asked, dict) and isinstance(asked.get("method"), str):
            await self._reply(asked)

    def _http(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(timeout=ClientTimeout(total=ANSWER_WITHIN_S))
        return self._session
