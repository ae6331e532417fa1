"""Check the settings of the web server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import Address, Network, Url

HostName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
        max_length=253,
    ),
]


class HttpSettings(Section):
    """Serve the chat page, the API, hooks, health and metrics."""

    host: Address = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65_535)
    """0 takes any free port."""
    metrics_host: Address | None = None
    """Serve health and metrics on this address; on host unless it is said."""
    names: tuple[HostName, ...] = ()
    """Host names that the page is reached by, such as chat.example.com."""
    public_url: Url | None = None
    """Where people reach the page from their own devices; messages link to it. From names where it is left out."""
    trusted_proxies: tuple[Network, ...] = ()
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    tls_certificate: Path | None = None
    """The certificate with its chain, PEM; with it and tls_key everything on host is https."""
    tls_key: Path | None = None
    """Its private key, PEM."""
    requests_per_minute: int = Field(default=600, ge=0, le=1_000_000)
    """Requests that one person, or one address that is not signed in, may make in a minute; 0: any number."""

    @property
    def own_names(self) -> tuple[str, ...]:
        """Return every name that we are known by."""
        named = urlsplit(self.public_url).hostname if self.public_url else None
        return (*self.names, *([named] if named else []))

    @property
    def public(self) -> str:
        """Return the address of the page for people elsewhere, without a slash at its end; empty: nobody knows it."""
        if self.public_url:
            return self.public_url.rstrip("/")
        if not self.names:
            return ""
        is_direct = self.tls_certificate is not None and not self.trusted_proxies and self.port != 443
        return f"https://{self.names[0]}" + (f":{self.port}" if is_direct else "")
