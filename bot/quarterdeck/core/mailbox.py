"""Write mail addresses in the one form in which two of them are compared; what only looks like one is none.

Equal means equal: nothing is guessed. An address with signs of another script, a sub-address (`anna+x@`), quotes,
comments or a domain in Punycode is compared with nothing, for somebody else may own what it resembles. Letters of
ASCII count alike in both cases, as every mail provider has it; dots count.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

LONGEST: Final = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
LONGEST_LOCAL: Final = 64
_LOCAL: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?=[a-z0-9_-]))*")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def mailbox(text: str) -> str:
    """Return the address as it is compared; empty for what is compared with nothing."""
    if not text.isascii() or len(text) > LONGEST or text.count("@") != 1:
        return ""
    local, _, domain = text.lower().partition("@")
    is_plain = len(local) <= LONGEST_LOCAL and _LOCAL.fullmatch(local) is not None
    return f"{local}@{domain}" if is_plain and domain_of(domain) else ""


def domain_of(text: str) -> str:
    """Return a domain as it is compared, in small letters; empty for what is none, is Punycode, or has no dot."""
    if not text.isascii() or len(text) > LONGEST:
        return ""
    labels = text.lower().split(".")
    is_plain = all(_LABEL.fullmatch(one) and not one.startswith("xn--") for one in labels)
    return ".".join(labels) if is_plain and len(labels) > 1 and labels[-1].isalpha() else ""


def within(address: str, domains: Collection[str]) -> bool:
    """Tell whether an address is one of these domains' own: a sub-domain is another domain."""
    return bool(address) and address.rpartition("@")[2] in domains
