"""Be one Socket Mode connection: hand over what comes on it, acknowledge what was taken, notice when it dies.

The SDK's own connection closes the old socket before it opens the next, and reads its acknowledgements by polling. This
one is a client of the SDK's base class; its requests run through a bolt app whose only middleware is ours, so nothing
waits in bolt's listeners. It loads the SDK when it is imported, so import it in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import orjson
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from quarterdeck.core.errors import ServiceError, Unavailable
from quarterdeck.runtime.network.http import failure_of
from quarterdeck_adapters.slack.errors import SERVICE
from quarterdeck_adapters.slack.wire.client import Client
from quarterdeck_adapters.slack.wire.reception import Ack, Reception

HELLO_S: Final = 10.0
HEARTBEAT_S: Final = 4.0  # a connection that answers no ping for half as long again is dead
CLOSE_S: Final = aiohttp.ClientWSTimeout(ws_close=2.0)
LOST: Final = "lost"

log = logging.getLogger(__name__)


Next = Callable[[], Awaitable[BoltResponse]]


class HandOver(AsyncMiddleware):
    """Take every request before bolt looks at it further."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Next,  # noqa: A002  bolt passes it by this name
    ) -> BoltResponse:
        """Hand the request over; its acknowledgement lies in the context."""
        req.context["ack"] = ack = await self._taken(req)
        return BoltResponse(status=200 if ack.is_taken else 503)

    async def _taken(self, req: AsyncBoltRequest) -> Ack:
        match req.context["envelope"]:
            case "slash_commands":
                form = {name: str(value) for name, value in req.body.items() if isinstance(value, str | int)}
                return await self._reception.command(form, can_answer=bool(req.context["can_answer"]))
            case "interactive":
                return await self._reception.interaction(req.body)
            case "events_api":
                return await self._reception.event(req.body)
            case _:
                return Ack()


def app_for(client: Client, reception: Reception) -> AsyncApp:
    """Return the bolt app that our requests run through."""
    return AsyncApp(
        name="quarterdeck",
        client=client,
        authorize=_never,
        before_authorize=HandOver(reception),
        request_verification_enabled=False,
        ssl_check_enabled=False,
        url_verification_enabled=False,
        ignoring_self_events_enabled=False,
        logger=log,
    )


class Connection(AsyncBaseSocketModeClient):
    """Hold one socket. `stale` is set to the reason why another must take its place."""

    def __init__(self, app: AsyncApp, client: Client, session: aiohttp.ClientSession, app_token: str) -> None:
        self.logger, self.web_client, self.app_token = log, client, app_token
        self.trace_enabled = self.auto_reconnect_enabled = self.closed = False
        self._app, self._session = app, session
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.stale: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        """Open the socket and wait for Slack's greeting.

        Raises:
            ServiceError: Slack refused, or does not answer.
        """
        url = await self.issue_new_wss_url()
        try:
            self._socket = await self._session.ws_connect(url, heartbeat=HEARTBEAT_S, timeout=CLOSE_S)
            greeting = await self._socket.receive(timeout=HELLO_S)
        except (aiohttp.ClientError, TimeoutError) as error:
            await self.disconnect()
            raise failure_of(error, service=SERVICE, method="GET") from error
        if _read(greeting).get("type") != "hello":
            await self.disconnect()
            raise Unavailable("Slack opened a connection and did not greet", service=SERVICE)

    async def listen(self) -> None:
        """Hand over what comes, until the socket is closed."""
        if self._socket is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                async for received in self._socket:
                    message = _read(received)
                    if message.get("type") == "disconnect":
                        self._replace(str(message.get("reason") or "refresh_requested"))
                    elif request := SocketModeRequest.from_dict(message):
                        group.create_task(self._handle(request))
        finally:
            self.closed = True
            self._replace(LOST)

    async def disconnect(self) -> None:
        """Close the socket."""
        self.closed = True
        if self._socket is not None:
            await self._socket.close()

    async def send_message(self, message: str) -> None:
        """Write to the socket.

        Raises:
            Unavailable: it is closed.
        """
        if self._socket is None or self._socket.closed:
            raise Unavailable("the connection was closed before the acknowledgement", service=SERVICE)
        try:
            await self._socket.send_str(message)
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable("the connection broke at the acknowledgement", service=SERVICE) from error

    async def is_connected(self) -> bool:
        """Tell whether the socket is open."""
        return not self.closed

    async def _handle(self, request: SocketModeRequest) -> None:
        """Acknowledge once it is on disk; what was not taken is left for Slack to bring again."""
        context = {"envelope": request.type, "can_answer": request.accepts_response_payload}
        bolt = AsyncBoltRequest(mode="socket_mode", body=request.payload, context=context)
        await self._app.async_dispatch(bolt)
        ack = bolt.context.get("ack")
        if not isinstance(ack, Ack) or not ack.is_taken:
            return
        body = dict(ack.body) if ack.body is not None else None
        is_sent = False
        try:
            response = SocketModeResponse(request.envelope_id, body)
            await self.send_message(orjson.dumps(response.to_dict()).decode())
            is_sent = True
        except ServiceError as error:  # it is on disk: when Slack brings it again, it is known
            log.info("Slack was not told that an event came", extra={"error": error.message})
        finally:
            ack.settle(is_sent=is_sent)

    def _replace(self, reason: str) -> None:
        if not self.stale.done():
            self.stale.set_result(reason)


def _read(received: aiohttp.WSMessage) -> dict[str, Any]:
    """Return a message's object; empty for anything else."""
    if received.type is not aiohttp.WSMsgType.TEXT:
        return {}
    try:
        found = orjson.loads(received.data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def _never() -> AuthorizeResult:
    """Authorise nothing: requests end in our middleware, before bolt asks."""
    raise Unavailable("bolt asked who may call", service=SERVICE)
