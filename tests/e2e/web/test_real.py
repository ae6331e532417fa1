"""The page in front of the real program: sign in, talk, lose the line, start again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.e2e.web.deck import deck_at

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

DROPS = 100
SEEN_TWICE = """() => {
  window.seenTwice = [];
  const look = () => {
    const said = [...document.querySelectorAll(".message.mine .text")].map((one) => one.innerText);
    window.seenTwice.push(...said.filter((text, at) => said.indexOf(text) !== at));
  };
  new MutationObserver(look).observe(document.getElementById("scroll"), { childList: true, subtree: true });
}"""


async def test_an_answer_survives_a_hundred_drops(tmp_path: Path) -> None:
    """The whole way, model to screen: the line is cut a hundred times while an answer is written."""
    async with deck_at(tmp_path) as deck:
        await deck.say("/chat tell me all")
        _, pen = await deck.model.asked.get()
        for number in range(DROPS):
            await pen.write(f"w{number} ")
            await expect(deck.page.locator("#live .text")).to_contain_text(f"w{number}")
            deck.line.cut()
        await pen.finish()
        await expect(deck.page.locator("#messages .bot")).to_have_count(1)
        shown = await deck.shown()

        assert ["/chat tell me all", " ".join(f"w{number}" for number in range(DROPS))] == shown


async def test_messages_go_once_over_a_line_that_breaks_and_a_bot_that_starts_again(tmp_path: Path) -> None:
    """Each is sent while the line is cut, the bot is stopped and started in between; order and number hold."""
    expected: list[str] = []
    async with deck_at(tmp_path) as deck:
        for number in range(20):
            await deck.say(f"/echo word{number}")
            deck.line.cut()
            expected += [f"/echo word{number}", f"word{number}"]
            if number == 10:
                await deck.stop()
                await deck.start()
            await expect(deck.page.locator("#messages .bot")).to_have_count(number + 1)
        await expect(deck.page.locator("#pending > *")).to_have_count(0)
        shown = await deck.shown()
        assert expected == shown
        await deck.page.reload()
        await expect(deck.page.locator(".message")).to_have_count(len(expected))

        assert expected == await deck.shown()


async def test_a_message_whose_answer_is_lost_is_neither_sent_nor_shown_twice(tmp_path: Path) -> None:
    """The bot has it, the page does not know so: words, a command of the palette, the press of a button."""
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await deck.say("/ping")
        await expect(deck.said("Pong.")).to_be_visible()
        await page.evaluate(SEEN_TWICE)
        expected = ["/ping", "Pong."]
        for number in range(8):
            deck.line.lost = 1 + number % 3
            await deck.say(f"/echo word{number}")
            expected += [f"/echo word{number}", f"word{number}"]
            await expect(page.locator("#messages .bot")).to_have_count(number + 2)
        shown = await deck.shown()
        deck.line.lost = 3
        await deck.say("/forget here")
        await expect(page.locator("#messages .bot").last).to_contain_text("Delete for good?")
        deck.line.lost = 3
        await page.get_by_role("button", name="Delete", exact=True).dblclick()
        await expect(page.locator("#messages .bot").last).to_contain_text("Deleted:")
        await expect(page.locator("#pending > *")).to_have_count(0)
        seen_twice = await page.evaluate("window.seenTwice")

        assert [] == seen_twice
        assert deck.line.swallowed >= 10, "each of ten was taken, and its answer lost"
        assert expected == shown
        assert [] == [text for text in await deck.shown() if "word0" in text], "forgotten on the page, too"


async def test_a_visit_to_the_real_program(tmp_path: Path, note: Path) -> None:
    """Commands from the palette, a file, an edit, the owner's page, and out again."""
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await deck.say("/ping")
        await expect(deck.said("Pong.")).to_be_visible()
        await page.keyboard.press("Control+k")
        await page.keyboard.type("echo")
        await page.keyboard.press("Enter")
        await page.get_by_role("dialog", name="/echo").locator("input, textarea").first.fill("ahoy")
        await page.get_by_role("button", name="Run /echo").click()
        await expect(page.locator("#messages .bot").last).to_contain_text("ahoy")
        await page.locator("#picker").set_input_files(note)
        await expect(page.locator("#attached li")).to_contain_text("12 B")
        await deck.say("/echo with a file")
        await expect(page.locator("#messages .mine .file")).to_contain_text("note.txt")
        await expect(page.locator("#messages .bot")).to_have_count(3)
        await page.keyboard.press("ArrowUp")
        await deck.say("/echo edited")
        await expect(page.locator("#messages .bot").last).to_contain_text("edited")
        await expect(page.locator("#messages .bot")).to_have_count(3)
        await page.goto(f"{deck.url}/")
        await expect(page.locator("h1")).to_have_text("All is well")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page).to_have_url(f"{deck.url}/sign-in")
        await page.goto(f"{deck.url}/chat")

        await expect(page).to_have_url(re.compile("/sign-in"))
