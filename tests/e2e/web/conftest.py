"""Drive the page in the machine's own Chromium, and let nothing pass that a person would mind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from tests.conftest import find_or_skip
from tests.e2e.web.harbour import Harbour

WATCH = """addEventListener("securitypolicyviolation", (event) =>
  reportViolation(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`))"""


class Watch:
    """Remember what no page of ours may do. A test that cuts the line sets `is_cut`: Chromium logs that itself."""

    def __init__(self, origin: str) -> None:
        self.origin, self.is_cut = origin, False
        self.faults: list[str] = []

    def console(self, message: ConsoleMessage) -> None:
        """Mind errors and warnings."""
        if message.type in ("error", "warning") and not (self.is_cut and "Failed to load" in message.text):
            self.faults.append(f"{message.type}: {message.text}")

    def request(self, request: Request) -> None:
        """Mind requests to anywhere else."""
        if not request.url.startswith((self.origin, "data:", f"blob:{self.origin}")):
            self.faults.append(f"foreign request: {request.url}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return the machine's Chromium, headless.

    Not for the session: Playwright's plain form holds an event loop, beside which no asynchronous test could run.
    """
    path = find_or_skip("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def harbour() -> Iterator[Harbour]:
    """Return the stand-in for the server."""
    served = Harbour()
    served.start()
    yield served
    served.stop()


@pytest.fixture
def watch(harbour: Harbour) -> Watch:
    """Return what minds the page's manners."""
    return Watch(harbour.url)


def open_page(chromium: Browser, watch: Watch, **options: Any) -> Page:
    """Return a page in a browser profile of its own, minded by `watch`."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(15_000)
    context.expose_binding("reportViolation", lambda _, text: watch.faults.append(f"policy: {text}"))
    context.add_init_script(WATCH)
    page = context.new_page()
    page.on("console", watch.console)
    page.on("pageerror", lambda error: watch.faults.append(f"exception: {error}"))
    page.on("request", watch.request)
    return page


@pytest.fixture
def page(chromium: Browser, watch: Watch) -> Iterator[Page]:
    """Return a page; at its end nothing may stand in its console, nothing foreign may have been asked for."""
    opened = open_page(chromium, watch)
    yield opened
    opened.context.close()
    assert [] == watch.faults


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """Return a file to send."""
    path = tmp_path / "note.txt"
    path.write_text("tide tables\n")
    return path
