"""Say what may be sent where: methods, headers, credentials, and what survives a redirect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final
from urllib.parse import urljoin

from quarterdeck.core.errors import Denied, Rejected, UsageError
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.egress.body import ACCEPTED
from quarterdeck.runtime.egress.target import Target, parse_target

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
USER_AGENT: Final = "quarterdeck"
MAX_HEADERS: Final = 50
MAX_HEADER_BYTES: Final = 8190

_KEPT_ACROSS_ORIGINS: Final = frozenset({"accept", "accept-language", "content-type", "range"})
_NOT_THE_CALLERS: Final = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\uffff]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Hold a header that may be sent to these hosts and nowhere else; hosts are exact, in lower case."""

    hosts: frozenset[str]
    value: str = field(repr=False)
    header: str = "Authorization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """Hold one request of a chain of redirects."""

    target: Target
    method: str
    headers: Mapping[str, str]
    body: bytes | None = field(default=None, repr=False)
    credential: Credential | None = None

    @classmethod
    def first(
        cls,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        credential: Credential | None,
    ) -> Hop:
        """Check what a caller wants to send.

        Raises:
            UsageError: the address, the method or a header has a form that is not accepted.
            Denied: the credential does not belong to this host.
        """
        if method.upper() not in METHODS:
            raise UsageError(f"{method!r} is not a method", hint=f"use one of {', '.join(sorted(METHODS))}")
        target = parse_target(url)
        if credential is not None and target.host not in credential.hosts:
            raise Denied(
                f"this credential is not for {target.host}",
                hint="it is bound to the hosts that it was made for; add this one there if that is meant",
            )
        return cls(
            target=target,
            method=method.upper(),
            headers=_checked(headers),
            body=body,
            credential=credential,
        )

    def sent_headers(self) -> dict[str, str]:
        """Return all headers, the credential among them."""
        headers = {"User-Agent": USER_AGENT, **self.headers, "Accept-Encoding": ACCEPTED}
        if self.credential is None:
            return headers
        own = self.credential.header.lower()
        headers = {name: value for name, value in headers.items() if name.lower() != own}
        return headers | {self.credential.header: self.credential.value}

    def redirected(self, status: int, location: str) -> Hop:
        """Return the request that follows a redirect; another origin gets neither credential nor body.

        Raises:
            Rejected: the new address is not accepted, is a step back to plain http, or would get the body.
        """
        try:
            is_absolute = _SCHEME.match(location) is not None  # urljoin would mend what is half absolute
            target = parse_target(location if is_absolute else urljoin(str(self.target.url), location))
        except (UsageError, ValueError) as error:
            raise self._refused("to an address that is not accepted") from error
        if self.target.scheme == "https" and target.scheme == "http":
            raise self._refused("from https to plain http")
        keeps_body = status in (307, 308) or self.method in ("GET", "HEAD")
        if target.origin == self.target.origin:
            headers, credential = self.headers, self.credential
        elif keeps_body and self.method not in ("GET", "HEAD"):
            raise self._refused(f"a {self.method} to another host")
        else:
            headers, credential = _kept(self.headers), None
        if keeps_body:
            return Hop(
                target=target, method=self.method, headers=headers, body=self.body, credential=credential
            )
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        return Hop(target=target, method="GET", headers=headers, credential=credential)

    def _refused(self, what: str) -> Rejected:
        host = self.target.host
        return Rejected(f"{host} redirects {what}", service=host, status=0, hint="use the final address")


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in _KEPT_ACROSS_ORIGINS}


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    if len(headers) > MAX_HEADERS:
        raise UsageError(f"there are more than {MAX_HEADERS} headers", hint="send fewer")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise UsageError(
                f"the header {name[:40]!r} is not valid", hint="names and values are one line of text"
            )
        if name.lower() in _NOT_THE_CALLERS or name.lower().startswith("proxy-"):
            raise UsageError(f"the header {name} cannot be set", hint="a credential is given as a credential")
        if len(name) + len(value.encode()) > MAX_HEADER_BYTES:
            raise UsageError(f"the header {name} is too long", hint=f"at most {MAX_HEADER_BYTES} bytes")
    return dict(headers)
