"""Find what was said, in the real program: by keyboard, over conversations and a restart, until it is forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.e2e.web.deck import deck_at

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


async def test_what_was_said_is_found_gone_to_and_forgotten(tmp_path: Path) -> None:
    """Two conversations, a long one in between; the words stand far above, and their page is opened there."""
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await deck.say("/echo The harbour master rotates certificates at noon")
        await expect(page.locator("#messages .bot")).to_have_count(1)
        first = page.url
        for number in range(130):
            await deck.write_unseen(f"/echo line {number}", room=first.rpartition("/")[2])
        await page.keyboard.press("Alt+n")
        await deck.say("/echo Certificates of the second watch")
        await expect(page.locator("#messages .bot")).to_have_count(1)
        await deck.stop()
        await deck.start()
        await page.reload()
        await expect(page.locator("#line")).to_have_attribute("data-state", "open")
        await page.keyboard.press("Control+Shift+F")
        await page.keyboard.type("rotating certificate")
        await expect(page.locator(".hit")).to_have_count(2)
        await expect(page.locator(".hit mark").first).to_have_text("rotates")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await expect(page.locator(".hit").nth(1)).to_be_focused()
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(first)
        await expect(page.locator(".is-found")).to_contain_text("harbour master")
        await expect(page.locator(".is-found")).to_be_in_viewport()
        for hostile in ('"', "NEAR(", "text:a OR", "' OR 1=1 --", "*", "漢"):
            await page.get_by_label("Search in all conversations").fill(hostile)
            await expect(page.locator("#found")).to_contain_text("ound")
        await page.get_by_label("Search in all conversations").press("Escape")
        await deck.say("/forget here")
        await page.get_by_role("button", name="Delete", exact=True).click()
        await expect(page.locator("#messages .bot")).to_have_count(1)
        await expect(page.locator("#messages .bot")).to_contain_text("Deleted:")
        await expect(page.locator("#title")).to_have_text("New conversation")
        await page.keyboard.press("Control+Shift+F")
        await page.keyboard.type("harbour master")
        await expect(page.locator("#found")).to_contain_text("Nothing found.")
        await page.get_by_label("Search in all conversations").fill("certificate")

        await expect(page.locator(".hit")).to_have_count(2)
        assert "harbour" not in "".join(await page.locator("#sidebar").all_inner_texts())
