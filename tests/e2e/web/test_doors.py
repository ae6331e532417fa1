"""Sign in, and see what runs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.web.conftest import Watch
from tests.e2e.web.harbour import Harbour

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def test_signing_in_with_a_password(harbour: Harbour, page: Page, watch: Watch) -> None:
    """A wrong one is said without a new page; a right one leads to where one wanted to go."""
    watch.is_cut = True
    page.goto(f"{harbour.url}/sign-in?next=/chat/tides")
    page.get_by_label("Name", exact=True).fill("anna")
    page.get_by_role("textbox", name="Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
    page.get_by_role("textbox", name="Password").fill("correct horse battery")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{harbour.url}/chat/tides")


@pytest.mark.parametrize("place", ["https://evil.example/chat", "//evil.example/chat", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(harbour: Harbour, page: Page, place: str) -> None:
    """An address from outside may name where to go on, but only here."""
    page.goto(f"{harbour.url}/sign-in?next={place}")
    page.get_by_label("Name", exact=True).fill("anna")
    page.get_by_role("textbox", name="Password").fill("correct horse battery")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(re.escape(harbour.url) + "/chat"))


def test_a_code_in_the_address_fills_its_field_and_leaves_the_address(harbour: Harbour, page: Page) -> None:
    """The first start prints such an address; the code must not stay in the browser's history."""
    page.goto(f"{harbour.url}/sign-in#code=ABCD-EFGH")

    expect(page.get_by_label("One-time code")).to_have_count(2)  # the tab's panel and its field
    expect(page.locator("#code")).to_have_value("ABCD-EFGH")
    expect(page.locator("#new-name")).to_be_focused()
    expect(page).to_have_url(f"{harbour.url}/sign-in")


def test_the_owner_sees_what_needs_attention(harbour: Harbour, page: Page) -> None:
    """Connected and not, waiting, and the last error with what to do about it."""
    problem = {
        "at": "2026-11-20T10:00:00+00:00",
        "what": "delivery",
        "message": "channel_not_found",
        "fix": "Invite the bot.",
    }
    harbour.status = {
        "version": "0.4.0",
        "uptime_s": 7_300,
        "platforms": {
            "slack": {"state": "receiving"},
            "discord": {"state": "needs_auth", "reason": "Set DISCORD_TOKEN."},
        },
        "waiting": {"outbox": {"waiting": 3, "dead": 1}},
        "problems": [problem],
        "findings": [],
        "people": 2,
        "sessions": 1,
    }
    page.goto(f"{harbour.url}/")

    expect(page.locator("h1")).to_have_text("Something needs you")
    expect(page.locator("#sub")).to_have_text("1 of 2 platforms receiving · up for 2 hours · version 0.4.0")
    expect(page.locator("#platforms li").nth(1)).to_contain_text("Set DISCORD_TOKEN.")
    expect(page.locator("#waiting .is-bad")).to_contain_text("1")
    expect(page.locator("#errors li")).to_contain_text("Invite the bot.")
