"""Open the guarded client when it is first used: most starts fetch nothing, and its libraries cost a quarter second."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from quarterdeck.core.errors import KeyMissing
from quarterdeck.core.web import Reached
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.runtime.settings.egress import EgressSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from quarterdeck.runtime.egress.client import Egress, Fetched
    from quarterdeck.runtime.egress.credentials import Credentials


def _no_secrets(ref: SecretRef) -> str:
    raise KeyMissing(f"{ref} is not set", env_name=ref.name)


class Web:
    """Fetch from the web as the settings allow (the `Web` port). `reveal` returns the secret behind a reference."""

    def __init__(self, settings: EgressSettings, reveal: Callable[[SecretRef], str] = _no_secrets) -> None:
        self._settings, self._reveal = settings, reveal
        self._egress: Egress | None = None
        self._opening = asyncio.Lock()
        self._credentials: Credentials | None = None

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
    ) -> Fetched:
        """Return the answer to one request; see `Egress.request` and `Credentials.sent`."""
        egress = await self._opened()
        sent = None
        if credential:
            url, sent = self._known().sent(credential, url)
        return await egress.request(
            method,
            url,
            headers=headers,
            body=body,
            credential=sent,
            max_bytes=max_bytes,
            timeout_s=timeout_s,
            keeps_refusals=keeps_refusals,
            follows=follows,
        )

    async def reach(self, url: str, *, credential: str = "") -> Reached:
        """Return where a program that connects by itself may go; see `Egress.resolve`."""
        egress = await self._opened()
        header = ""
        if credential:
            url, sent = self._known().sent(credential, url)
            header = f"{sent.header}: {sent.value}" if sent is not None else ""
        host, port, addresses = await egress.resolve(url)
        return Reached(host=host, port=port, addresses=addresses, header=header)

    def signature(
        self, credential: str, url: str, *, message_id: str, at_s: int, body: bytes
    ) -> Mapping[str, str]:
        """Return the headers of a signed webhook; see `Credentials.signature`."""
        return self._known().signature(credential, url, message_id=message_id, at_s=at_s, body=body)

    async def _opened(self) -> Egress:
        """Return the one client; two requests that come first together share it."""
        async with self._opening:
            if self._egress is None:
                self._egress = await in_thread(_egress, self._settings)
            return self._egress

    async def close(self) -> None:
        """Close its connections."""
        if self._egress is not None:
            await self._egress.close()

    def _known(self) -> Credentials:
        if self._credentials is None:
            from quarterdeck.runtime.egress.credentials import Credentials

            self._credentials = Credentials(self._settings.credentials, self._reveal)
        return self._credentials


def _egress(settings: EgressSettings) -> Egress:
    from quarterdeck.runtime.egress.addresses import AddressPolicy
    from quarterdeck.runtime.egress.client import Egress

    return Egress(
        policy=AddressPolicy(settings.allow_private),
        allow_http=settings.allow_http,
        max_bytes=settings.max_bytes,
        timeout_s=settings.timeout_s,
    )
