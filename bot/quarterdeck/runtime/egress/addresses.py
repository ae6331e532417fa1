"""Say which addresses may be reached: an explicit list; the standard library's flags miss half of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA IPv4 and IPv6 Special-Purpose Address Registries and IPv6 Address Space, 2026-11-21.
DENIED: Final[tuple[tuple[str, str], ...]] = (
    ("0.0.0.0/8", "this host"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a provider's customers; holds a cloud's metadata service"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "a cloud's host service"),  # Azure; public by number only
    ("169.254.0.0/16", "link-local; holds metadata services"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments; holds a cloud's metadata service"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "automatic multicast tunnelling"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved; holds broadcast"),
    # Everything outside 2000::/3: unspecified, loopback, IPv4-compatible, IPv4-mapped and NAT64 (64:ff9b::/96
    # and 64:ff9b:1::/48), discard-only, segment routing, unique local, link-local, site-local, multicast.
    ("::/3", "special: loopback, embedded IPv4, NAT64"),
    ("4000::/2", "reserved"),
    ("8000::/1", "private, link-local, multicast or reserved"),
    ("2001::/23", "protocol assignments; Teredo, ORCHID, benchmarking"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4; an IPv4 address in disguise"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
)


class AddressPolicy:
    """Hold the list, and the operator's exceptions from it."""

    def __init__(self, allow_private: Iterable[str] = ()) -> None:
        self._denied = tuple((ipaddress.ip_network(network), why) for network, why in DENIED)
        self._allowed = tuple(ipaddress.ip_network(network) for network in allow_private)

    def why_refused(self, address: Address) -> str:
        """Say what kind of address this is when it must not be reached; empty text when it may be."""
        if any(_holds(network, address) for network in self._allowed):
            return ""
        if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
            return "bound to one interface"
        return next((why for network, why in self._denied if _holds(network, address)), "")


def _holds(network: Network, address: Address) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        return isinstance(address, ipaddress.IPv4Address) and address in network
    return isinstance(address, ipaddress.IPv6Address) and address in network
