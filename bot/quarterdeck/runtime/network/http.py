"""Speak HTTP to services that the operator named, and say in our words what went wrong.

Base URLs in the settings are the operator's own word: they may be plain http and on this machine. Whatever
people or documents name goes through `runtime/egress`.
"""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import time
from collections.abc import Mapping
from typing import Final

import aiohttp

from quarterdeck.core.errors import AuthFailed, RateLimited, Rejected, ServiceError, Unavailable, Unknown

CONNECT_TIMEOUT_S: Final = 10.0
TOTAL_TIMEOUT_S: Final = 180.0
KEEP_ALIVE_S: Final = 60.0
MAX_CONNECTIONS: Final = 100
LONGEST_RETRY_AFTER_S: Final = 86_400.0
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})  # RFC 9110, section 9.2.2


def open_session(
    base_url: str,
    *,
    headers: Mapping[str, str] | None = None,
    total_timeout_s: float | None = TOTAL_TIMEOUT_S,
    idle_timeout_s: float | None = None,
) -> aiohttp.ClientSession:
    """Open the one session for a kind of destination; keep it, share it, and close it at the end.

    Paths are taken below `base_url`. Connections are kept alive; proxies of the environment and cookies are
    ignored; `idle_timeout_s` bounds the silence between two pieces of an answer.
    """
    return aiohttp.ClientSession(
        base_url=base_url if base_url.endswith("/") else f"{base_url}/",
        headers=headers,
        connector=aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=60
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(
            total=total_timeout_s,
            connect=CONNECT_TIMEOUT_S,
            sock_connect=CONNECT_TIMEOUT_S,
            sock_read=idle_timeout_s,
        ),
        trust_env=False,
    )


def failure_of(
    error: aiohttp.ClientError | TimeoutError, *, service: str, method: str, is_sent: bool = True
) -> ServiceError:
    """Map what aiohttp raised. `is_sent`: a connection was there, so the request may have gone out.

    A lost answer is `Unknown` unless the method may be repeated; before a connection it is `Unavailable`.
    """
    if isinstance(error, aiohttp.InvalidURL):
        return Rejected(f"{service}: the address is not valid", service=service, status=0)
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return Unavailable(
            f"{service}: no secure connection: {_reason(error)}",
            service=service,
            hint="check its certificate and this machine's clock; nothing is sent without a valid one",
        )
    if isinstance(error, aiohttp.ClientConnectorError) or not is_sent:
        return Unavailable(f"{service} cannot be reached: {_reason(error)}", service=service)
    if method.upper() in IDEMPOTENT:
        return Unavailable(f"{service} did not answer: {_reason(error)}", service=service)
    return Unknown(
        f"{service} took the request and its answer was lost: {_reason(error)}",
        service=service,
        hint="look there before you try again",
    )


def refusal_of(
    status: int, headers: Mapping[str, str], *, service: str, method: str, detail: str = ""
) -> ServiceError | None:
    """Map an HTTP status, None for success. `detail` is what the service said, short and without secrets."""
    if status < 400:
        return None
    said = f"{service} answered {status}" + (f": {detail}" if detail else "")
    wait_s = retry_after_s(headers)
    if status in (401, 403, 407):
        return AuthFailed(said, service=service, hint="check the credential and what it may do")
    if status == 429:
        return RateLimited(said, service=service, retry_after_s=wait_s)
    if status in (408, 425, 503):
        return Unavailable(said, service=service, retry_after_s=wait_s)
    if status >= 500 and method.upper() in IDEMPOTENT:
        return Unavailable(said, service=service, retry_after_s=wait_s)
    if status >= 500:
        return Unknown(said, service=service, hint="look there before you try again")
    return Rejected(said, service=service, status=status, detail=detail)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After, seconds or a date, as seconds from now; None where it is missing or nonsense."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    if seconds != seconds:  # not a number
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def _reason(error: BaseException) -> str:
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return "it took too long"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not valid"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or type(error.os_error).__name__
    return type(error).__name__
