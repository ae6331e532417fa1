"""Say in our words what the Telegram SDK and its wire say; the only place that knows their errors.

Needs the SDK: imported with it, when the adapter connects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telegram import error as sdk

from quarterdeck.core.errors import (
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unknown,
)
from quarterdeck.runtime.network.http import refusal_of
from quarterdeck_adapters.telegram.chats import Moved

SERVICE: Final = "Telegram"
DETAIL_LENGTH: Final = 200
# Calls that post something: when their answer is lost, nobody knows whether it stands there. Others may be repeated.
POSTS: Final = ("send", "copy", "forward", "create")
# What Telegram says of a place where nothing can be sent any more (Bot API server, 2026-11-21); in lower case.
CLOSED: Final = (
    "bot was blocked by the user",
    "bot was kicked",
    "bot is not a member",
    "bot can't initiate conversation",
    "user is deactivated",
    "chat not found",
    "group chat was deactivated",
    "group chat was deleted",
    "have no rights to send a message",
    "not enough rights to send text messages",
    "need administrator rights in the channel chat",
    "chat_write_forbidden",
    "topic_closed",
    "topic_deleted",
    "message thread not found",
)
NEW_TOKEN: Final = "get a new one from @BotFather and put it where TELEGRAM_BOT_TOKEN comes from"  # noqa: S105  a hint


class Lost(sdk.NetworkError):
    """Carry a failure of the wire through the SDK, already in our words."""

    def __init__(self, failure: ServiceError) -> None:
        super().__init__(failure.message)
        self.failure = failure


def is_post(method: str) -> bool:
    """Tell whether calling `method` twice may do a thing twice."""
    return method.startswith(POSTS) and method not in ("sendChatAction", "sendMessageDraft")


def answer_failure(
    status: int, headers: Mapping[str, str], answer: Mapping[str, object], *, method: str
) -> ServiceError | None:
    """Return what a refusal means that the SDK would blur: a flood wait, or a failure on their side."""
    detail = str(answer.get("description") or "")[:DETAIL_LENGTH]
    parameters = answer.get("parameters")
    if status == 429:
        wait = parameters.get("retry_after") if isinstance(parameters, Mapping) else None
        wait_s = float(wait) if isinstance(wait, int | float) else None
        return RateLimited(f"Telegram asks to slow down: {detail}", service=SERVICE, retry_after_s=wait_s)
    if status == 413:
        return Rejected(
            "Telegram takes no file of this size",
            service=SERVICE,
            status=413,
            detail=detail,
            hint="50 MB at most",
        )
    if status >= 500:
        verb = "POST" if is_post(method) else "GET"
        return refusal_of(status, headers, service=SERVICE, method=verb, detail=detail)
    return None


def ours(error: sdk.TelegramError, *, method: str) -> ServiceError | Moved:
    """Return the error of ours that stands for one of the SDK's."""
    detail = error.message[:DETAIL_LENGTH]
    said = f"Telegram refused {method}: {detail}"
    match error:
        case Lost():
            return error.failure
        case sdk.ChatMigrated():
            return Moved(error.new_chat_id)
        case sdk.InvalidToken():
            return AuthFailed("Telegram refuses our token", service=SERVICE, hint=NEW_TOKEN)
        case sdk.Forbidden() | sdk.BadRequest():
            status = 403 if isinstance(error, sdk.Forbidden) else 400
            kind = Gone if _is_closed(detail) else Rejected
            return kind(said, service=SERVICE, status=status, detail=detail)
        case sdk.Conflict():
            return Rejected(said, service=SERVICE, status=409, detail=detail)
        case sdk.RetryAfter():
            return RateLimited(said, service=SERVICE)
        case sdk.EndPointNotFound():
            return Rejected(said, service=SERVICE, status=404, detail=detail)
        case sdk.PassportDecryptionError():
            return Rejected(said, service=SERVICE, status=0, detail=detail)
        case _:
            kind_of_loss = Unknown if is_post(method) else Unavailable
            return kind_of_loss(f"Telegram's answer to {method} was lost: {detail}", service=SERVICE)


def _is_closed(detail: str) -> bool:
    lower = detail.lower()
    return any(words in lower for words in CLOSED)
