"""Resolve a name once, check every answer, and let the connection use these answers and no others."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from quarterdeck.core.errors import Denied
from quarterdeck.runtime.egress.addresses import AddressPolicy

THREADS: Final = 4
MAX_ANSWERS: Final = 64

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Return the addresses of a host. Raises `OSError` when there are none."""

_executor = ThreadPoolExecutor(
    THREADS, thread_name_prefix="quarterdeck-dns"
)  # a name server may hang for long


async def system_lookup(host: str, port: int) -> list[str]:
    """Ask the operating system."""
    answers = await asyncio.get_running_loop().run_in_executor(
        _executor, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    return [str(answer[4][0]) for answer in answers]


class GuardedResolver(AbstractResolver):
    """Be the only resolver of a connector."""

    def __init__(self, policy: AddressPolicy, lookup: Lookup) -> None:
        self._policy, self._lookup = policy, lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the checked answers of one look-up.

        Raises:
            Denied: any of them must not be reached.
            OSError: there are none.
        """
        answers = list(dict.fromkeys(await self._lookup(host, port)))[:MAX_ANSWERS]
        if not answers:
            raise OSError(None, "no address")
        results: list[ResolveResult] = []
        for answer in answers:
            address = ipaddress.ip_address(answer)
            if why := self._policy.why_refused(address):
                raise refused(host, why)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address),
                    port=port,
                    family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                    proto=socket.IPPROTO_TCP,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return results

    async def close(self) -> None:
        """Keep nothing."""


def refused(host: str, why: str) -> Denied:
    """Make the refusal; the address itself is not repeated, it may be nobody's business."""
    return Denied(
        f"{host} is not on the public internet ({why})",
        hint="an operator can allow its network in egress.allow_private",
    )
