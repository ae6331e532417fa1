"""Know where a request comes from: directly, or as a proxy says that is trusted; nobody else is believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import hdrs, web

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FOR, PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Hold whose request it is, and by which scheme and host they reach us."""

    address: IpAddress
    scheme: str
    host: str
    is_proxied: bool = False

    @property
    def own(self) -> str:
        """Return what a page of ours has as its origin."""
        return f"{self.scheme}://{self.host}"

    @property
    def is_secure(self) -> bool:
        """Tell whether cookies may be bound to https."""
        return self.scheme == "https"

    @property
    def name(self) -> str:
        """Return the host without its port."""
        name, colon, port = self.host.rpartition(":")
        return name if colon and port.isdecimal() else self.host


KEY = web.RequestKey("origin", Origin)


def origin_of(request: web.Request, proxies: Sequence[Network], *, is_tls: bool) -> Origin | None:
    """Return where the request comes from; None when its connection is gone, or a proxy speaks unclearly."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if not peer:
        return None
    address, host = plain_address(peer[0]), request.headers.get(hdrs.HOST, "")
    scheme = "https" if is_tls else "http"
    if not _is_in(address, proxies) or FOR not in request.headers:
        return Origin(address=address, scheme=scheme, host=host)
    try:
        client = _client(request.headers.getall(FOR), proxies)
    except ValueError:
        return None
    proto = request.headers.get(PROTO, scheme).strip().lower()
    if proto not in ("http", "https"):
        return None
    return Origin(address=client, scheme=proto, host=host, is_proxied=True)


def from_where(request: web.Request) -> Origin:
    """Return what the guard found out."""
    return request[KEY]


@lru_cache(maxsize=4096)
def plain_address(text: str) -> IpAddress:
    """Read an address; IPv4 inside IPv6 is returned as IPv4.

    Raises:
        ValueError: `text` is not an address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _client(headers: Sequence[str], proxies: Sequence[Network]) -> IpAddress:
    """Return the last address in the chain that no trusted proxy has: what stands before it anybody can write."""
    chain = [plain_address(one.strip()) for header in headers for one in header.split(",")]
    strangers = [address for address in chain if not _is_in(address, proxies)]
    return strangers[-1] if strangers else chain[0]


def _is_in(address: IpAddress, networks: Sequence[Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)
