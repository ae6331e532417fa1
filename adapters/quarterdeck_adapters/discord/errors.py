"""Say in our words what Discord and discord.py say in theirs."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
import discord
from discord.gateway import ReconnectWebSocket, WebSocketClosure

from quarterdeck.core.errors import (
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unknown,
)

SERVICE: Final = "discord"
SIGN_IN: Final = "copy a new token from the Discord developer portal, page Bot, into DISCORD_TOKEN"
INTENT_HINT: Final = (
    "switch on Message Content Intent (and Server Members Intent for joins) in the Discord developer portal, "
    "page Bot; until then I read direct messages, mentions and commands only"
)

# docs.discord.com/developers/topics/opcodes-and-status-codes, "JSON error codes", 2026-11-21
GONE: Final = {
    10003: "the channel is no longer there",
    10004: "the server is no longer there, or the bot was removed from it",
    50001: "the bot may not see the channel",
    50007: "the person does not take direct messages from the bot",
    50013: "the bot lacks a permission in the channel",
    50083: "the thread is archived",
    160005: "the thread is locked",
    240000: "the bot may not speak to this person",
}
TRY_AGAIN: Final = frozenset({40062, 130000})  # the service is limited or overloaded
REPEATABLE: Final = frozenset({"GET", "PUT", "PATCH", "DELETE"})
ACKNOWLEDGED: Final = 40060
UNKNOWN_INTERACTION: Final = 10062
NO_HISTORY: Final = 160002  # an answer cannot refer to its question where we may not read the history


def failure_of(error: Exception, *, method: str = "POST") -> ServiceError:
    """Map what discord.py or aiohttp raised. A call that changes nothing twice may be tried again."""
    match error:
        case ServiceError():
            return error
        case discord.DiscordException():
            return _of_library(error)
        case ReconnectWebSocket() | WebSocketClosure():
            return Unavailable("Discord's gateway broke off", service=SERVICE)
        case aiohttp.ClientConnectorError():
            return Unavailable(f"Discord is not reachable: {error}", service=SERVICE)
        case aiohttp.ClientError() | OSError() | asyncio.TimeoutError() if method in REPEATABLE:
            return Unavailable(f"the answer from Discord was lost: {error!r}", service=SERVICE)
        case _:
            return Unknown(f"the answer from Discord was lost: {error!r}", service=SERVICE)


def _of_library(error: discord.DiscordException) -> ServiceError:
    match error:
        case discord.LoginFailure():
            return refusal(401, 0, "")
        case discord.RateLimited():
            return RateLimited("Discord asks for a pause", service=SERVICE, retry_after_s=error.retry_after)
        case discord.HTTPException():
            return refusal(error.status, error.code, error.text, _pause_s(error))
        case discord.ConnectionClosed():
            return closed(error.code)
        case discord.PrivilegedIntentsRequired():
            return closed(4014)
        case discord.GatewayNotFound():
            return Unavailable("Discord's gateway is not to be found", service=SERVICE)
        case _:
            return Rejected(f"discord.py refused: {error}", service=SERVICE, status=0, detail=str(error))


def refusal(
    status: int, code: int, text: str, retry_after_s: float | None = None, *, is_global: bool = False
) -> ServiceError:
    """Map an answer that is no success; `code` is Discord's own, 0 where it gave none."""
    said = f"Discord answered {status}" + (f" ({code})" if code else "") + (f": {text}" if text else "")
    if status == 429:
        return RateLimited(said, service=SERVICE, retry_after_s=retry_after_s, is_global=is_global)
    if status == 401 and code in (0, 40001):
        return AuthFailed("Discord refused the token", service=SERVICE, hint=SIGN_IN)
    if code in GONE:
        return Gone(GONE[code], service=SERVICE, status=status, detail=said)
    if status >= 500 or status == 408 or code in TRY_AGAIN:
        return Unavailable(said, service=SERVICE, retry_after_s=retry_after_s)
    return Rejected(said, service=SERVICE, status=status, detail=str(code))


def closed(code: int | None) -> ServiceError:
    """Map the code that Discord closed the gateway with."""
    # docs.discord.com/developers/topics/opcodes-and-status-codes, "Gateway close event codes", 2026-11-21
    match code:
        case 4004:
            return AuthFailed("Discord refused the token", service=SERVICE, hint=SIGN_IN)
        case 4014:
            return Rejected(
                "Discord refuses the intents", service=SERVICE, status=4014, detail="4014", hint=INTENT_HINT
            )
        case 4010 | 4011 | 4012 | 4013:
            return Rejected(
                f"Discord closed the gateway for good ({code})",
                service=SERVICE,
                status=code,
                detail=str(code),
                hint="the bot runs as one shard, which serves up to 2,500 servers",
            )
        case _:
            return Unavailable(f"Discord closed the gateway ({code})", service=SERVICE)


def _pause_s(error: discord.HTTPException) -> float | None:
    """Read how long to wait from the headers: discord.py drops the body's figure."""
    headers = getattr(error.response, "headers", {})
    said = headers.get("Retry-After") or headers.get("X-RateLimit-Reset-After")
    try:
        return max(0.0, float(said)) if said else None
    except ValueError:
        return None
