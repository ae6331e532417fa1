"""Forms of the real program in a real browser: of a command that lacks values, and of a run that asks for some."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from tests.e2e.web.deck import Deck, deck_at

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

RELEASE = """
title: Release something
inputs:
  service: {choices: [api, web], required: true}
steps:
  - id: which
    ask: Which version of ${inputs.service}, and how many?
    inputs:
      version: {pattern: "[0-9]+[.][0-9]+", required: true}
      copies: {kind: integer, minimum: 1, maximum: 9, required: true}
      loud: {kind: boolean}
    timeout_s: 1h
  - {id: tell, action: chat.send, with: {text: "released ${steps.which.output.version} x ${steps.which.output.copies}"}}
"""


async def start_again(deck: Deck) -> None:
    """Reload the page in front of a bot that was stopped and started."""
    await deck.stop()
    await deck.start()
    await deck.page.reload()
    await expect(deck.page.locator("#line")).to_have_attribute("data-state", "open")


async def type_command(page: Page, name: str) -> None:
    """Type a command and nothing else, as somebody does who does not know what it takes."""
    await page.locator("#writing").press_sequentially(name)
    await page.keyboard.press("Enter")


async def test_a_command_that_lacks_values_opens_a_form(tmp_path: Path) -> None:
    """Typed bare, asked for at once; what is filled in outlives reload and restart, what is wrong is said there."""
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await type_command(page, "/ask")
        form = page.get_by_role("form", name="/ask")
        await expect(form.get_by_label("Question")).to_be_focused()
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_text("This is needed.")).to_be_visible()
        await form.get_by_label("Question").fill("Who steers the ship?")
        await form.get_by_text("5 more that you may fill in").click()
        await form.get_by_label("Since").fill("someday")
        await start_again(deck)
        await expect(form.get_by_label("Question")).to_have_value("Who steers the ship?")
        await form.get_by_role("button", name="Send").click()
        since = form.get_by_label("Since")
        await expect(since).to_have_attribute("aria-invalid", "true")
        await expect(since).to_be_focused()
        await expect(since).to_have_value("someday")
        await expect(form.get_by_text("Write day and time, such as")).to_be_visible()
        await expect(page.get_by_text("/ask: filled in and sent")).to_have_count(1)
        await since.fill("2026-01-01 10:00")
        await form.get_by_role("button", name="Send").click()
        await expect(page.locator("#messages .bot").last).to_contain_text("There are no documents yet.")
        await expect(form).to_have_count(0)
        before = await deck.shown()
        await start_again(deck)
        await expect(page.locator(".message .text")).to_have_count(len(before))

        assert before == await deck.shown()
        assert ["/ask: filled in and sent"] * 2 == await page.locator(".done").all_inner_texts()


async def test_a_run_asks_in_a_form_and_goes_on(tmp_path: Path) -> None:
    """Its input is asked for, then its step asks; refused, restarted, filled in, and pressed on a broken line."""
    folder = tmp_path / "data" / "user" / "workflows"
    folder.mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    (folder / "release.yaml").write_text(RELEASE, "utf-8")
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await deck.say("/run release service=api")
        form = page.get_by_role("form", name="Which version of api, and how many?")
        await form.get_by_label("Version").fill("one")
        await form.get_by_label("Copies").fill("12")
        await form.get_by_role("button", name="Send").click()
        await expect(form.get_by_text("Write something of the form [0-9]+[.][0-9]+.")).to_be_visible()
        await expect(form.get_by_text("Write a number from 1 up to 9.")).to_be_visible()
        await form.get_by_label("Copies").fill("3")
        await start_again(deck)
        await expect(form.get_by_label("Copies")).to_have_value("3")
        await form.get_by_label("Version").fill("1.4")
        await form.get_by_label("Loud").select_option("yes")
        deck.line.lost = 3
        await form.get_by_role("button", name="Send").click()
        await expect(deck.said("released 1.4 x 3")).to_be_visible()

        assert 1 == (await deck.shown()).count("Version: 1.4\nCopies: 3\nLoud: yes")
        assert 0 == await page.locator("#pending > *").count()
