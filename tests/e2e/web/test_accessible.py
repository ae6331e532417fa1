"""Every page and state of the real program, judged by axe-core: nothing serious, in two widths and both themes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from tests.conftest import find_or_skip
from tests.e2e.web.deck import PASSWORD, Deck, deck_at

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium", "axe-core")]

ANSWER = (
    "See `make`:\n\n```python\nprint(1)\n```\n\n| Host | State |\n|---|---|\n| edge | fine |\n\n> and more"
)
WIDTHS, THEMES = (375, 1280), ("light", "dark")
JUDGE = """async () => (await axe.run(document)).violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`)"""
STILL = "Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null)))"


class Judge:
    """Ask axe about a page as it stands."""

    def __init__(self, page: Page, script: str) -> None:
        self.page, self.script = page, script
        self.found: list[str] = []
        self.looks = 0

    async def look(self, what: str) -> None:
        """Look in every width and theme."""
        for width, theme in itertools.product(WIDTHS, THEMES):
            await self.page.set_viewport_size({"width": width, "height": 800})
            await self.page.emulate_media(color_scheme=theme)
            await self.page.evaluate(f"async () => {{ await {STILL} }}")
            await self.page.evaluate(self.script)
            faults: list[Any] = await self.page.evaluate(JUDGE)
            self.found += [f"{what}, {width} px, {theme}: {fault}" for fault in faults]
            self.looks += 1
        await self.page.set_viewport_size({"width": 1280, "height": 800})


async def fill(deck: Deck) -> None:
    """Say what shows everything that a message can hold."""
    await deck.say("/chat show me all")
    _, pen = await deck.model.asked.get()
    await pen.write(ANSWER)
    await pen.finish()
    await expect(deck.page.locator("#messages table")).to_be_visible()
    await deck.say("/forget here")
    await expect(deck.page.get_by_role("button", name="Delete", exact=True)).to_be_visible()
    await deck.say("/ask")
    form = deck.page.get_by_role("form", name="/ask")
    await form.get_by_role("button", name="Send").click()
    await expect(form.get_by_text("This is needed.")).to_be_visible()
    await form.get_by_text("5 more that you may fill in").click()


async def test_nothing_serious_stands_in_anybodys_way(tmp_path: Path) -> None:
    """Names, roles, contrast, focus: of the chat, its palette, search and form, of the owner's page, of the door."""
    async with deck_at(tmp_path) as deck:
        page = deck.page
        judge = Judge(page, Path(find_or_skip("axe-core")).read_text("utf-8"))
        await judge.look("the welcome")
        await fill(deck)
        await judge.look("a conversation")
        await page.keyboard.press("Escape")
        await page.locator("#writing").fill("/s")
        await expect(page.locator("#suggest")).to_be_visible()
        await judge.look("commands while typing")
        await page.locator("#writing").fill("")
        await page.keyboard.press("Control+k")
        await judge.look("the palette")
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+Shift+F")
        await page.keyboard.type("show")
        await expect(page.locator(".hit")).not_to_have_count(0)
        await judge.look("the search")
        await page.get_by_role("button", name="Your account").click()
        await judge.look("the account")
        await page.goto(f"{deck.url}/")
        await expect(page.locator("h1")).to_have_text("All is well")
        await judge.look("the owner's page")
        await page.get_by_role("button", name="Sign out").click()
        await page.fill("#name", "anna")
        await page.fill("#password", PASSWORD[:-1])
        await page.keyboard.press("Enter")
        await expect(page.locator("#problem")).not_to_be_empty()
        await judge.look("the door")

        assert 8 * len(WIDTHS) * len(THEMES) == judge.looks
        assert [] == judge.found
