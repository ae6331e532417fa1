"""Every special network is closed unless the operator opens it."""

from __future__ import annotations

import ipaddress

import pytest

from quarterdeck.runtime.egress.addresses import DENIED, AddressPolicy

SPECIAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1",
    "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192",
    "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:20::1",
    "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "4000::1", "5f00::1", "8000::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "febf::1", "ff02::1", "ff0e::1", "fe80::1%1",
    "2606:4700::1111%1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
    "198.20.0.0", "223.255.255.255", "168.63.129.15", "2000::1", "2001:200::1", "2001:4860:4860::8888",
    "2003::1", "2606:4700::1111", "2a00:1450::1", "3ffe::1",
]  # fmt: skip


@pytest.mark.parametrize("address", SPECIAL)
def test_a_special_address_is_refused(address: str) -> None:
    """The standard library's flags let half of these through."""
    assert AddressPolicy().why_refused(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not(address: str) -> None:
    """The neighbours of special networks are somebody's servers."""
    assert "" == AddressPolicy().why_refused(ipaddress.ip_address(address))


@pytest.mark.parametrize("network", [network for network, _ in DENIED])
def test_each_listed_network_is_closed_from_end_to_end(network: str) -> None:
    """First and last address."""
    parsed = ipaddress.ip_network(network)
    policy = AddressPolicy()

    assert policy.why_refused(parsed[0])
    assert policy.why_refused(parsed[-1])


def test_the_operator_opens_one_network_and_no_other() -> None:
    """A named exception is exactly that."""
    policy = AddressPolicy(["10.1.2.0/24", "fd12::/16"])

    assert "" == policy.why_refused(ipaddress.ip_address("10.1.2.3"))
    assert "" == policy.why_refused(ipaddress.ip_address("fd12::1"))
    assert policy.why_refused(ipaddress.ip_address("10.1.3.3"))
    assert policy.why_refused(ipaddress.ip_address("::ffff:10.1.2.3"))
