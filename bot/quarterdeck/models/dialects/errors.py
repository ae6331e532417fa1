"""Say what a provider's failure means for us: one table for every dialect, and no SDK in sight."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping

from quarterdeck.core.errors import AuthFailed, RateLimited, Rejected, ServiceError, Unavailable
from quarterdeck.core.text import printable

DETAIL_LIMIT = 300  # characters of a provider's own words
LONGEST_PAUSE_S = 86_400.0

# Anthropic "Errors" page and openai 3.52 types, 2026-11-21: names that stand in a body in place of a status.
STATUS_OF_NAME: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "timeout_error": 408,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 402,
    "api_error": 500,
    "server_error": 500,
    "overloaded_error": 529,
}


def from_status(
    service: str, status: int, detail: str = "", *, retry_after_s: float | None = None
) -> ServiceError:
    """Make the error that an HTTP status of a model endpoint stands for; `detail` is the provider's words."""
    words = brief(detail)
    said = f": {words}" if words else ""
    match status:
        case 401 | 403:
            message = f"{service} refused our key ({status}){said}"
            return AuthFailed(message, service=service, hint="check the key, and what it may be used for")
        case 402:
            hint = "look at the account's balance and limits"
            message = f"{service} has no credit left for this key{said}"
            return Rejected(message, service=service, status=402, detail=words, hint=hint)
        case 404:
            hint = "`quarterdeck model list` shows what there is; check base_url too"
            message = f"{service} does not know this model or address{said}"
            return Rejected(message, service=service, status=404, detail=words, hint=hint)
        case 429:
            when = f", for {retry_after_s:.0f} s" if retry_after_s else ""
            message = f"{service} asks us to slow down{when}{said}"
            return RateLimited(message, service=service, retry_after_s=retry_after_s)
        case 408 | 409 | 425:
            message = f"{service} could not take the request now ({status}){said}"
            return Unavailable(message, service=service, retry_after_s=retry_after_s)
        case _ if status >= 500:
            message = f"{service} failed on its side ({status}){said}"
            return Unavailable(message, service=service, retry_after_s=retry_after_s)
    return Rejected(
        f"{service} refused the request ({status}){said}", service=service, status=status, detail=words
    )


def from_body(
    service: str, body: object, *, status: int = 0, retry_after_s: float | None = None
) -> ServiceError:
    """Make the error that an error object describes, in an answer of `status` or in mid-stream (0 or 200).

    A name in the object wins over the status where it says more (no credit left comes as 429).
    """
    error = body.get("error", body) if isinstance(body, Mapping) else None
    detail = body if isinstance(body, str) else ""
    named = 0
    if isinstance(error, Mapping):
        detail = str(error.get("message") or "")
        named = next((code for code in map(_status_of, (error.get("code"), error.get("type"))) if code), 0)
    if status < 300 or named == 402:
        status = named or 502
    return from_status(service, status, detail, retry_after_s=retry_after_s)


def _status_of(name: object) -> int:
    if isinstance(name, int) and 400 <= name < 600:
        return name
    return STATUS_OF_NAME.get(name, 0) if isinstance(name, str) else 0


def cut_off(service: str, reason: str = "") -> Unavailable:
    """Say that an answer ended before its end."""
    why = f" ({brief(reason)})" if reason else ""
    return Unavailable(f"the answer of {service} was cut off{why}", service=service, hint="ask again")


def unreachable(service: str, reason: str, hint: str = "") -> Unavailable:
    """Say that no connection came about, or that it broke."""
    return Unavailable(f"{service} cannot be reached: {brief(reason)}", service=service, hint=hint)


def no_answer(service: str, seconds: float) -> Unavailable:
    """Say that nothing came for too long."""
    return Unavailable(f"{service} gave no answer for {seconds:g} s", service=service, hint="ask again later")


def not_understood(service: str, what: str) -> Unavailable:
    """Say that what came is not in the provider's format."""
    hint = f"check base_url of {service}: something else may answer there"
    return Unavailable(f"{service} answered with {what}", service=service, hint=hint)


def retry_after_s(headers: Mapping[str, str], *, now_s: float | None = None) -> float | None:
    """Read how long we are asked to wait: `retry-after-ms`, or `Retry-After` in seconds or as a date."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            pause_s = float(text) * unit_s
        except ValueError:
            pause_s = _until(text, time.time() if now_s is None else now_s)
        if pause_s >= 0:  # also false for "nan"
            return min(pause_s, LONGEST_PAUSE_S)
    return None


def _until(date: str, now_s: float) -> float:
    try:
        return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - now_s)
    except (ValueError, OverflowError):
        return -1.0


def brief(text: str) -> str:
    """Return a provider's words in one short printable line; of a web page only that it is one."""
    text = text.strip()
    if text[:200].lower().startswith(("<!doctype", "<html", "<head")):
        return "a web page"
    line = printable(" ".join(text.split()))
    return line if len(line) <= DETAIL_LIMIT else line[:DETAIL_LIMIT] + "…"
