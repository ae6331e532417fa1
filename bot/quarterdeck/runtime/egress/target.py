"""Read an address that somebody wrote, strictly: two readers of one URL must never see two hosts."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import idna
from yarl import URL

from quarterdeck.core.errors import UsageError
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.egress.addresses import Address

MAX_LENGTH: Final = 8000  # characters; RFC 9110, section 4.1 recommends that 8000 be supported
_PARTS: Final = re.compile(r"(?i)(https?)://([^/?#]*)([/?#].*)?", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\u200b-\u200f\ufeff]")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")  # what a resolver may take for a part of an IPv4 address
_WRITTEN_OUT: Final = re.compile(
    r"(?:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
)  # goes out as it is

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Hold a URL that was read. `host` is lower case, without a trailing dot; `address` where it is one."""

    url: URL
    scheme: str
    host: str
    port: int
    address: Address | None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what makes two targets the same origin."""
        return self.scheme, self.host, self.port


def parse_target(text: str) -> Target:
    """Read an http or https URL.

    Raises:
        UsageError: it has another form, or one that other readers could read differently.
    """
    if len(text) > MAX_LENGTH or _FORBIDDEN.search(text):
        raise _refused("it is too long, or holds spaces, control characters or a backslash")
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise _refused("it does not begin with https:// and a host")
    authority = _AUTHORITY.fullmatch(parts[2])
    if authority is None:
        raise _refused("its host is not plain, or it holds a user name or password")
    scheme = parts[1].lower()
    host, address = _host(authority[1])
    port = int(authority[2] or DEFAULT_PORTS[scheme])
    if not 0 < port < 65_536:
        raise _refused("its port is out of range")
    path = (parts[3] or "").partition("#")[0] or "/"
    if not path.startswith("/"):
        path = f"/{path}"
    shown = f"[{host}]" if isinstance(address, ipaddress.IPv6Address) else host
    try:
        url = URL(f"{scheme}://{shown}:{port}{path}", encoded=_WRITTEN_OUT.fullmatch(path) is not None)
    except ValueError as error:
        raise _refused("it is not valid") from error
    if (url.scheme, url.raw_host, url.port) != (scheme, host, port) or url.user or url.password:
        raise _refused("readers disagree about its host")
    return Target(url=url, scheme=scheme, host=host, port=port, address=address)


def _host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        try:
            address = ipaddress.IPv6Address(text[1:-1])
        except ValueError as error:
            raise _refused("its IPv6 address is not valid") from error
        return str(address), address
    host = _ascii(text).removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused("its host is not a valid name")
    if not _NUMBER.fullmatch(labels[-1]):
        return host, None
    try:
        address_v4 = ipaddress.IPv4Address(host)
    except ValueError as error:
        raise _refused("its host is a number in disguise") from error
    return str(address_v4), address_v4


def _ascii(text: str) -> str:
    """Write a host in ASCII; circled digits, full-width dots and the like become what they stand for."""
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise _refused("its host is not a valid international name") from error


def _refused(why: str) -> UsageError:
    return UsageError(
        f"this address cannot be fetched: {why}",
        hint="write https://host/path, with a plain host name",
    )
