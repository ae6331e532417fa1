"""An address is read as every other reader would read it, or not at all."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.errors import UsageError
from quarterdeck.runtime.egress.target import parse_target


@pytest.mark.parametrize(
    ("text", "host", "port", "written"),
    [
        ("https://example.com", "example.com", 443, "https://example.com/"),
        ("HTTPS://Example.COM/a?b=c#d", "example.com", 443, "https://example.com/a?b=c"),
        ("http://example.com.:8080/x", "example.com", 8080, "http://example.com:8080/x"),
        ("https://bücher.example/ü", "xn--bcher-kva.example", 443, "https://xn--bcher-kva.example/%C3%BC"),
        ("https://a.test/?sig=a%2Fb%3D+c%20d", "a.test", 443, "https://a.test/?sig=a%2Fb%3D+c%20d"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "https://8.8.8.8/"),
        ("https://[2606:4700::1111]:8443/", "2606:4700::1111", 8443, "https://[2606:4700::1111]:8443/"),
        ("https://a-b.c_d.example/", "a-b.c_d.example", 443, "https://a-b.c_d.example/"),
        (
            "https://example.com?x=https://other.test/",
            "example.com",
            443,
            "https://example.com/?x=https://other.test/",
        ),
        ("https://example.com#@evil.test", "example.com", 443, "https://example.com/"),
    ],
)
def test_a_plain_address_is_read(text: str, host: str, port: int, written: str) -> None:
    """As people write it."""
    target = parse_target(text)

    assert (host, port, written) == (target.host, target.port, str(target.url))


@pytest.mark.parametrize(
    "text",
    ["https://①②⑦.⓪.⓪.①/", "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "https://127。0。0。1/"],
)
def test_digits_in_disguise_become_digits(text: str) -> None:
    """Resolvers read them so; the check must see the same."""
    assert ipaddress.ip_address("127.0.0.1") == parse_target(text).address


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "//example.com", "example.com", "ftp://example.com", "file:///etc/passwd", "gopher://example.com",
        "data:text/plain,x", "javascript:alert(1)", "https:", "https:/", "https:/example.com", "https:///", "https://",
        "https://?x", "https://#x", "https:example.com", "https:\\\\example.com", "https://\\example.com",
        "https://user@example.com", "https://user:pw@example.com", "https://@example.com", "https://:@example.com",
        "https://example.com@evil.test", "https://example.com:443@evil.test", "https://evil.test\\@example.com",
        "https://example.com\\.evil.test", "https://exam ple.com", " https://example.com", "https://example.com\n",
        "https://example.com/\r\nHost: x", "https://example.com/a b", "https://exa\tmple.com", "https://exa\x00mple.com",
        "https://example.com:0", "https://example.com:65536", "https://example.com:99999999", "https://example.com:-1",
        "https://example.com:80:80", "https://example.com:8o", "https://example.com:٨٠", "https://.example.com",
        "https://example..com", "https://example.com..", "https://-example.com", "https://example-.com", "https://.",
        "https://127.1", "https://127.0.1", "https://2130706433", "https://0x7f000001", "https://0x7f.0.0.1",
        "https://0177.0.0.1", "https://017700000001", "https://0", "https://0x", "https://127.0.0.1.1",
        "https://127.0.0.256", "https://127.0.0.01", "https://1.2.3.4.5", "https://example.1", "https://example.0x1",
        "https://127.0.0.0x1", "https://00000127.0.0.1", "https://4294967297", "https://[::1", "https://::1/",
        "https://[::1]x", "https://[::1%25lo]", "https://[::1%lo]", "https://[fe80::1%eth0]", "https://[v1.x]",
        "https://[example.com]", "https://[127.0.0.1]", "https://[::g]", "https://[]", "https://exa%6dple.com",
        "https://127.0.0.1%00.example.com", "https://127.0.0.1%2f.example.com", "https://exam\u200bple.com",
        "https://example.com\u2028", "https://\ufeffexample.com", "https://a" + "a" * 63 + ".com",
        "https://" + "a." * 127 + "com", "https://example.com/" + "a" * 8000, "https://example\u3002\u3002com",
        "https://*.example.com", "https://exam!ple.com", "https://example.com,evil.test", "https://a;b", "https://a'b",
        "https://①②⑦.①", "https://\uff10x7f000001", "https://ⅻ.①", "https://example.com\uff0f@evil.test", "https://℀.test",
    ],
)  # fmt: skip
def test_an_address_that_could_be_read_two_ways_is_refused(text: str) -> None:
    """Two readers, two hosts: that is how checks are passed and something else is fetched."""
    with pytest.raises(UsageError) as caught:
        parse_target(text)

    assert caught.value.hint


@given(st.text(alphabet=st.sampled_from("https:/@[]%.#?\\ 0127xX①。a-é\t"), max_size=40))
def test_whatever_is_accepted_has_one_host(rest: str) -> None:
    """The URL that goes out names the host that was checked."""
    try:
        target = parse_target("https://" + rest)
    except UsageError:
        return

    assert target.host == target.url.raw_host
    assert target.url.user is None
    assert (target.address is not None) == _is_address(target.host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
