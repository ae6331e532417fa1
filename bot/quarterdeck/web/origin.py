"""Know where a request comes from: directly, or as a proxy says that is trusted; nobody else is believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from aiohttp import web
from multidict import CIMultiDictProxy, istr

from quarterdeck.core.value import dataclass

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FOR, PROTO = istr("X-Forwarded-For"), istr("X-Forwarded-Proto")


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


def direct(peer: str, host: str, scheme: str) -> Origin:
    """Return where a request comes from that speaks for itself."""
    return Origin(address=plain_address(peer), scheme=scheme, host=host)


def forwarded(
    headers: CIMultiDictProxy[str], peer: str, host: str, scheme: str, proxies: Sequence[Network]
) -> Origin | None:
    """Return where a request comes from that says it was passed on; None when a trusted proxy speaks unclearly."""
    if not _is_in(plain_address(peer), proxies):
        return direct(peer, host, scheme)
    try:
        client = _client(headers.getall(FOR), proxies)
    except ValueError:
        return None
    proto = headers.get(PROTO, scheme).strip().lower()
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
