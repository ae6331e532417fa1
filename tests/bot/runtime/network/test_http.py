"""Sessions for configured services are plain and shared; every failure of the library has a name of ours."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from quarterdeck.core.errors import Rejected, ServiceError, Unavailable, Unknown
from quarterdeck.runtime.network.http import failure_of, open_session

OF_OTHER_THINGS = {  # websockets, multipart forms, the server's half
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "EofStream",
    "PayloadAccessError",
    "WSMessageTypeError",
    "WebSocketError",
}


@pytest.fixture
async def base_url() -> AsyncIterator[str]:
    """Serve the path of each request as text, below /api."""

    async def path(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.path} {request.headers.get('X-Key', '')}")

    app = web.Application()
    app.router.add_get("/{path:.*}", path)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    await runner.cleanup()


@pytest.mark.parametrize("slash", ["", "/"])
async def test_paths_are_taken_below_the_base_url(slash: str, base_url: str) -> None:
    """Whether the operator ended it with a slash or not."""
    async with (
        open_session(base_url + slash, headers={"X-Key": "k"}) as session,
        session.get("models") as response,
    ):
        text = await response.text()

    assert "/api/models k" == text


async def test_the_environments_proxy_is_ignored(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's proxy variable must not see what goes to a server on this machine."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async with open_session(base_url) as session, session.get("x") as response:
        assert 200 == response.status


def library_errors() -> list[type[BaseException]]:
    """Return every exception class that aiohttp's client publishes."""
    published = [getattr(aiohttp, name) for name in aiohttp.__all__]
    return sorted(
        (one for one in published if inspect.isclass(one) and issubclass(one, Exception)),
        key=lambda one: one.__name__,
    )


@pytest.mark.parametrize("kind", library_errors(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_library_is_caught(kind: type[BaseException]) -> None:
    """A new version may bring a class that passes our `except`."""
    is_caught = issubclass(kind, (aiohttp.ClientError, TimeoutError))

    assert is_caught or kind.__name__ in OF_OTHER_THINGS


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientConnectionError("x"),
        aiohttp.ClientOSError(104, "reset"),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientPayloadError("x"),
        aiohttp.ServerTimeoutError("x"),
        aiohttp.SocketTimeoutError("x"),
        aiohttp.ConnectionTimeoutError("x"),
        TimeoutError(),
    ],
    ids=repr,
)
def test_a_failure_before_and_after_sending(
    error: aiohttp.ClientError | TimeoutError, is_sent: bool, method: str
) -> None:
    """Only a change that may have gone out is unknown."""
    failure = failure_of(error, service="x", method=method, is_sent=is_sent)

    assert (Unknown if is_sent and method == "POST" else Unavailable) is type(failure)


def test_an_address_that_is_none_is_rejected() -> None:
    """Trying again does not help."""
    failure: ServiceError = failure_of(aiohttp.InvalidURL("x"), service="x", method="GET")

    assert isinstance(failure, Rejected)
