"""Open the guarded client when it is first used: most starts fetch nothing, and its libraries cost a quarter second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from quarterdeck.runtime.settings.sections import EgressSettings
from quarterdeck.runtime.tasks import in_thread

if TYPE_CHECKING:
    from quarterdeck.runtime.egress.client import Egress, Fetched


class Web:
    """Fetch from the web as the settings allow (the `Web` port)."""

    def __init__(self, settings: EgressSettings) -> None:
        self._settings = settings
        self._egress: Egress | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int | None = None,
        timeout_s: float | None = None,
    ) -> Fetched:
        """Return the answer to one request; see `Egress.request`."""
        if self._egress is None:
            self._egress = await in_thread(_egress, self._settings)
        return await self._egress.request(
            method, url, headers=headers, body=body, max_bytes=max_bytes, timeout_s=timeout_s
        )

    async def close(self) -> None:
        """Close its connections."""
        if self._egress is not None:
            await self._egress.close()


def _egress(settings: EgressSettings) -> Egress:
    from quarterdeck.runtime.egress.addresses import AddressPolicy
    from quarterdeck.runtime.egress.client import Egress

    return Egress(
        policy=AddressPolicy(settings.allow_private),
        allow_http=settings.allow_http,
        max_bytes=settings.max_bytes,
        timeout_s=settings.timeout_s,
    )
