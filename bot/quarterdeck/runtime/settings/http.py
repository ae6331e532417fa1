"""Check the settings of the web server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import Address, Network

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
    trusted_proxies: tuple[Network, ...] = ()
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    tls_certificate: Path | None = None
    """The certificate with its chain, PEM; with it and tls_key everything on host is https."""
    tls_key: Path | None = None
    """Its private key, PEM."""
    requests_per_minute: int = Field(default=600, ge=0, le=1_000_000)
    """Requests that one person, or one address that is not signed in, may make in a minute; 0: any number."""
