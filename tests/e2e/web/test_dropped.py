"""Lose the line in every way; every message stands there once, in order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.web.conftest import Watch
from tests.e2e.web.harbour import Harbour, Talk
from tests.e2e.web.test_talking import said, shown, write

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

DROPS = 100
WHAT_IS_READ = """async () => {
  const look = () => {
    const element = document.elementFromPoint(760, 300).closest(".message");
    return [element.innerText, Math.round(element.getBoundingClientRect().top)];
  };
  for (let before = null; ; ) {
    const now = look();
    if (String(now) === String(before)) return now;
    before = now;
    for (let frame = 0; frame < 12; frame += 1) await new Promise(requestAnimationFrame);
  }
}"""


def test_a_hundred_drops_in_mid_answer(harbour: Harbour, page: Page, watch: Watch) -> None:
    """A train ride: the line goes down a hundred times while the bot speaks, and nothing is lost or doubled."""
    watch.is_cut = True
    talk = harbour.talks["ride"] = Talk("ride", "ride")
    harbour.do(lambda: talk.say("you", "Tell me everything", cause="q"))
    page.goto(f"{harbour.url}/chat/ride")
    expect(page.locator("#line")).to_have_attribute("data-state", "open")
    expected = ["Tell me everything"]
    blocks: list[str] = []
    for number in range(DROPS):
        blocks.append(f"<p>piece {number}</p>")
        harbour.do(lambda: talk.piece("q", list(blocks), len(blocks) - 1))
        if number % 10 == 9:
            text = f"part {number // 10}"
            harbour.do(lambda text=text, number=number: talk.say("bot", text, cause=f"part{number}"))
            expected.append(text)
        harbour.do(harbour.drop)
        expect(page.locator("#live p").last).to_have_text(f"piece {number}")
    harbour.do(lambda: talk.end("q", "The end."))
    expect(said(page, "The end.")).to_be_visible()

    assert [*expected, "The end."] == shown(page)


def test_a_message_whose_answer_was_lost_is_not_doubled(harbour: Harbour, page: Page, watch: Watch) -> None:
    """The server took it, the page did not hear so: the same key goes out again."""
    watch.is_cut = True
    harbour.lose_answers = 2
    page.goto(f"{harbour.url}/chat")
    write(page, "once")
    expect(said(page, "You said: once")).to_be_visible()

    assert ["once", "You said: once"] == shown(page)
    assert 1 == len({post["key"] for post in harbour.posts})


def test_a_reload_in_mid_answer_goes_on(harbour: Harbour, page: Page) -> None:
    """The page remembers nothing that the server does not know better."""
    gate = asyncio.Event()

    async def answer(talk: Talk, key: str, body: dict[str, Any]) -> None:
        talk.piece(key, ["<p>half</p>"])
        await gate.wait()
        talk.end(key, "whole")

    harbour.answer = answer
    page.goto(f"{harbour.url}/chat")
    write(page, "Go")
    expect(said(page, "half")).to_be_visible()
    page.reload()
    expect(said(page, "half")).to_be_visible()
    harbour.do(gate.set)
    expect(said(page, "whole")).to_be_visible()

    assert ["Go", "whole"] == shown(page)


def test_offline_is_said_and_what_was_written_goes_out_afterwards(
    harbour: Harbour, page: Page, watch: Watch
) -> None:
    """Somebody in a lift may write on; the page says what happens to it."""
    watch.is_cut = True
    harbour.talks["lift"] = Talk("lift", "lift")
    page.goto(f"{harbour.url}/chat/lift")
    expect(page.locator("#line")).to_have_attribute("data-state", "open")
    page.context.set_offline(True)
    harbour.do(harbour.drop)
    expect(page.locator("#notice")).to_contain_text("You are offline.")
    write(page, "from the lift")
    expect(page.get_by_text("Not sent yet.")).to_be_visible()
    page.context.set_offline(False)
    expect(said(page, "You said: from the lift")).to_be_visible()
    expect(page.locator("#notice")).to_be_hidden()

    assert ["from the lift", "You said: from the lift"] == shown(page)


def test_somebody_who_reads_above_is_not_moved(harbour: Harbour, page: Page) -> None:
    """New messages announce themselves in a pill instead of tearing the page away."""
    talk = harbour.talks["long"] = Talk("long", "long")
    harbour.do(lambda: [talk.say("bot", f"line {number}") for number in range(60)])
    page.goto(f"{harbour.url}/chat/long")
    expect(said(page, "line 59")).to_be_in_viewport()
    page.locator("#scroll").hover()
    page.mouse.wheel(0, -1500)
    expect(said(page, "line 59")).not_to_be_in_viewport()
    reading = page.evaluate(WHAT_IS_READ)
    harbour.do(lambda: talk.say("bot", "news"))
    expect(page.get_by_role("button", name="New messages")).to_be_visible()
    assert reading == page.evaluate(WHAT_IS_READ)
    page.get_by_role("button", name="New messages").click()

    expect(said(page, "news")).to_be_in_viewport()
    expect(page.get_by_role("button", name="New messages")).to_be_hidden()


def test_earlier_messages_come_while_scrolling_up(harbour: Harbour, page: Page) -> None:
    """A long history opens at once and is read back to its first word."""
    talk = harbour.talks["long"] = Talk("long", "long")
    harbour.do(lambda: [talk.say("bot", f"line {number}.") for number in range(450)])
    page.goto(f"{harbour.url}/chat/long")
    expect(page.locator(".message")).to_have_count(100)
    page.locator("#scroll").hover()
    for _ in range(60):
        page.mouse.wheel(0, -20_000)
        if page.locator("#messages .message").count() == 450:
            break
    expect(said(page, "line 0.")).to_be_visible()

    assert [f"line {number}." for number in range(450)] == page.locator(".message .text").all_text_contents()
