"""Small, quick and smooth with the real program behind it: what its server sends, and what it has on disk."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from playwright.async_api import CDPSession, Page, expect
from tests.e2e.web.deck import Deck, deck_at
from tests.e2e.web.test_frugal import (
    FRAME_MS,
    FRAMES,
    LCP_MS,
    MESSAGES,
    PAGE_BYTES,
    PAINTED,
    PIECES,
    VISITS,
)

from quarterdeck.store.conversations.rooms import StoredRooms
from quarterdeck.store.engine import Store

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

WORDS = "Words and more words, a line of them, and then another one. " * 4
AT_ONCE = 500
CARRIED = """performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
  .filter((one) => !one.name.includes("/api/")).reduce((sum, one) => sum + one.encodedBodySize, 0)"""


async def fill(deck: Deck, count: int) -> None:
    """Let a conversation of `count` messages stand on disk, while the bot is stopped."""
    await deck.say("/ping")
    await expect(deck.said("Pong.")).to_be_visible()
    await deck.stop()
    (path,) = deck.program.data_dir.glob("*.db")
    with sqlite3.connect(path) as connection:
        ((room,),) = connection.execute("SELECT id FROM web_rooms").fetchall()
    store = await Store.open(path)
    rooms = StoredRooms(store)
    for start in range(0, count, AT_ONCE):
        await asyncio.gather(*(say(rooms, room, number) for number in range(start, start + AT_ONCE)))
    await store.close()
    await deck.start()
    await deck.page.reload()
    await expect(deck.page.locator("#line")).to_have_attribute("data-state", "open")


async def say(rooms: StoredRooms, room: str, number: int) -> None:
    """Say one thing: each side in turn."""
    text, key = f"{number} {WORDS}", f"seed{number}"
    body = {"kind": "text", "text": text} if number % 2 else {"status": "answered", "text": text}
    await rooms.add(room, "said" if number % 2 else "post", body, key=key, cause=key, text=text, at_ms=number)


async def busy_s(session: CDPSession) -> float:
    """Return how long the page has computed so far."""
    found = {one["name"]: one["value"] for one in (await session.send("Performance.getMetrics"))["metrics"]}
    return sum(float(found[name]) for name in ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration"))


async def painted_ms(page: Page) -> float:
    """Load the page anew; returns when its largest thing stood there."""
    await page.reload()
    await expect(page.locator("#messages .message").last).to_be_visible()
    return float(await page.evaluate(PAINTED))


@pytest.mark.timeout(300)
async def test_five_thousand_messages_are_light_quick_and_smooth(tmp_path: Path) -> None:
    """One visit's bytes and its largest paint; then all of it on the page, while a model's answer streams into it."""
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await fill(deck, MESSAGES)
        quickest_ms = min([await painted_ms(page) for _ in range(VISITS)])
        carried = await page.evaluate(CARRIED)
        await page.keyboard.press("Control+Shift+F")
        await page.keyboard.type("0 words")  # the number stands in the first message alone
        await expect(page.locator(".hit")).to_have_count(1)
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages .message")).to_have_count(MESSAGES + 2)
        await deck.say("/chat tell me all")
        _, pen = await deck.model.asked.get()
        await pen.write("And so ")
        await expect(page.locator("#live .text")).to_contain_text("And so")
        session = await page.context.new_cdp_session(page)
        await session.send("Performance.enable")
        await page.evaluate(FRAMES)
        before_s = await busy_s(session)
        for number in range(PIECES):
            await pen.write(f"{number} {WORDS}\n\n")
            await page.evaluate("() => new Promise(requestAnimationFrame)")
        await expect(page.locator("#live .text")).to_contain_text(f"{PIECES - 1} Words")
        frames = sorted(await page.evaluate("window.frames_ms"))
        work_ms = (await busy_s(session) - before_s) * 1000 / PIECES
        await pen.finish()

        assert quickest_ms < LCP_MS
        assert 0 < carried < PAGE_BYTES
        assert frames[len(frames) // 2] < FRAME_MS * 1.2
        assert work_ms < FRAME_MS / 2, (
            "what the page does for one piece must leave half a frame to the browser"
        )
