"""The door to the web that commands use: guarded as the settings say, opened when it is first used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from quarterdeck.core.errors import Denied
from quarterdeck.runtime.network.web import Web
from quarterdeck.runtime.settings.egress import EgressSettings


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://[::1]:8420/"]
)
async def test_private_addresses_are_refused_by_default(url: str) -> None:
    """A link in a message must not open what only this machine may open."""
    web = Web(EgressSettings())

    with pytest.raises(Denied):
        await web.request("GET", url)

    await web.close()


async def test_closing_what_was_never_used_costs_nothing() -> None:
    """Most starts fetch nothing."""
    web = Web(EgressSettings())

    assert await web.close() is None


def test_the_http_library_is_not_imported_before_the_first_request() -> None:
    """It costs a quarter of a second on the way to the first answer."""
    code = "import sys, quarterdeck.app; print('aiohttp' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert "False" == done.stdout.strip()
