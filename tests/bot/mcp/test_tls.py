"""A server at an https address proves its name, though its address was looked up and pinned before."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from tests.bot.mcp.test_guard import LOOPBACK, Site
from tests.bot.runtime.egress.test_tls import certificates, server_side

from quarterdeck.core.errors import Unavailable
from quarterdeck.mcp.guard import Guard
from quarterdeck.runtime.egress import AddressPolicy, Egress

__all__ = ["certificates"]


@pytest.mark.parametrize(
    ("name", "is_trusted", "status"),
    [("mcp.test", True, 405), ("other.test", True, 503), ("mcp.test", False, 503)],
)
async def test_the_certificate_is_checked_against_the_name(
    certificates: Callable[[str], Path],
    name: str,
    is_trusted: bool,
    status: int,
) -> None:
    """A middle man gets no bearer."""
    file = certificates(name)

    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with Site().serving(server_side(file)) as site:
        egress = Egress(policy=AddressPolicy(LOOPBACK), lookup=lookup)
        url = f"https://mcp.test:{site.port}/mcp"
        guarded = Guard(url, egress, tls=ssl.create_default_context(cafile=file) if is_trusted else None)
        async with httpx2.AsyncClient(transport=guarded) as client, asyncio.timeout(20):
            answer = await client.get(url, headers={"Authorization": "Bearer s3cr3t"})

    assert status == answer.status_code
    assert (status == 405) == bool(site.requests)
    if status == 503:
        assert isinstance(guarded.taken(), Unavailable)
