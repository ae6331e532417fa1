"""What stands in an answer of the real program: a passage, buttons; and how it is stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.e2e.web.deck import deck_at

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

PAGE = """# Certificates

## Rotating the staging certificate

The staging certificate is rotated every 60 days with `make rotate`. It takes ten minutes.
"""


async def test_a_claim_and_its_source_are_read_side_by_side_and_its_buttons_work(tmp_path: Path) -> None:
    """From the document on disk to the passage beside the answer, and to what a button says."""
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "certificates.md").write_text(PAGE, "utf-8")
    async with deck_at(tmp_path) as deck:
        await asyncio.to_thread(deck.program.call, "knowledge", "add", str(folder))
        await deck.say("/ask how often is the staging certificate rotated?")
        _, pen = await deck.model.asked.get()
        await pen.write("The staging certificate is rotated every 60 days [1].")
        await pen.finish()
        answer = deck.page.locator("#messages .bot").last
        await expect(answer).to_contain_text("every 60 days")
        await deck.page.get_by_role("button", name="Source 1: certificates.md").first.click()
        await expect(deck.page.locator("#passage")).to_contain_text("It takes ten minutes.")
        await deck.page.keyboard.press("Escape")
        await deck.page.get_by_role("button", name="Sources").click()

        await expect(deck.page.locator("#messages .bot")).to_have_count(2)
        await expect(deck.page.locator("#messages .bot").last).to_contain_text("certificates.md")


async def test_escape_stops_an_answer(tmp_path: Path) -> None:
    """The model is hung up on."""
    async with deck_at(tmp_path) as deck:
        await deck.say("/chat tell me all")
        _, pen = await deck.model.asked.get()
        await pen.write("On and on ")
        await expect(deck.page.locator("#live .text")).to_contain_text("On and on")
        await deck.page.keyboard.press("Escape")

        await expect(deck.page.locator("#messages .bot").last).to_contain_text("Stopped.")
        await expect(deck.page.locator("#live > *")).to_have_count(0)
