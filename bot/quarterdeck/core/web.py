"""Reach the web: what answers, and the one guarded way to ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from quarterdeck.core.value import dataclass


class WebAnswer(Protocol):
    """See what the web answered; header names are in lower case."""

    @property
    def url(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Say where a host that may be reached is, for a program that connects by itself; `header` is its credential."""

    host: str
    port: int
    addresses: tuple[str, ...]
    header: str = field(default="", repr=False)


class Web(Protocol):
    """Reach the web through the one guarded client: no private address, no surprise by redirect, bounded."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int | None = None,
        timeout_s: float | None = None,
        credential: str = "",
        keeps_refusals: bool = False,
        follows: bool = True,
    ) -> WebAnswer:
        """Return the answer to one request, after at most three redirects; limits can only be made narrower.

        `credential` names one of the settings (`egress.credentials`), which goes to its own hosts only; where it is an
        address, `url` is what comes after it. With `keeps_refusals` a status from 400 is an answer too; without
        `follows`, so is a redirect.

        Raises:
            UsageError: the address has a form that is not accepted.
            NotFound: there is no such credential.
            Denied: the address must not be reached, or not with this credential.
            ServiceError: the other side failed or refused.
        """

    async def reach(self, url: str, *, credential: str = "") -> Reached:
        """Return the checked addresses of a URL's host, and as one header line what `credential` sends there.

        Raises:
            UsageError, NotFound, Denied: as `request`.
            ServiceError: nobody knows the host.
        """

    def signature(
        self, credential: str, url: str, *, message_id: str, at_s: int, body: bytes
    ) -> Mapping[str, str]:
        """Return the headers of a Standard Webhooks signature, made with a credential of the settings.

        Raises:
            NotFound: there is no such credential.
            Denied: it is not for the host of `url`.
            SetupError: it is no signing key.
        """
