"""Say something, see the answer grow, and do to it what people do to answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.e2e.web.conftest import Watch
from tests.e2e.web.harbour import Harbour, Talk

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def write(page: Page, text: str) -> None:
    """Type a message and send it."""
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def shown(page: Page) -> list[str]:
    """Return the texts that stand in the conversation, in order."""
    return page.locator(".message .text").all_inner_texts()


def said(page: Page, text: str) -> Locator:
    """Return the message that says `text`."""
    return page.locator(".message .text", has_text=text)


def test_a_first_message_makes_the_conversation(harbour: Harbour, page: Page) -> None:
    """Nobody must make a room before they speak; afterwards it has an address of its own and stands in the list."""
    page.goto(f"{harbour.url}/chat")
    expect(page.get_by_text("Ask what is in your documents")).to_be_visible()
    write(page, "Is anybody there?")

    expect(said(page, "You said: Is anybody there?")).to_be_visible()
    expect(page.locator("#conversations a")).to_have_text(["Is anybody there?"])
    page.reload()
    expect(page.locator(".message")).to_have_count(2)
    assert ["Is anybody there?", "You said: Is anybody there?"] == shown(page)


def test_an_answer_grows_and_is_replaced_by_its_final_form(harbour: Harbour, page: Page) -> None:
    """Blocks that do not change stay the same elements: a selection in them survives the stream."""
    gate = asyncio.Event()

    async def answer(talk: Talk, key: str, body: dict[str, Any]) -> None:
        talk.piece(key, ["<p>First.</p>"])
        talk.piece(key, ["<p>First.</p>", "<p>Sec"], 1)
        await gate.wait()
        talk.end(key, "First. Second.", html="<p>First.</p><p>Second.</p>")

    harbour.answer = answer
    page.goto(f"{harbour.url}/chat")
    write(page, "Count")
    expect(page.locator("#live p")).to_have_text(["First.", "Sec"])
    expect(page.locator("#stop")).to_be_visible()
    harbour.do(gate.set)

    expect(page.locator("#messages .bot p")).to_have_text(["First.", "Second."])
    expect(page.locator("#live > *")).to_have_count(0)
    expect(page.locator("#stop")).to_be_hidden()
    expect(page.locator("#announcer")).to_contain_text("First. Second.")


def test_stop_ends_an_answer(harbour: Harbour, page: Page) -> None:
    """What goes the wrong way need not be waited for."""

    async def answer(talk: Talk, key: str, body: dict[str, Any]) -> None:
        talk.piece(key, ["<p>On and on</p>"])

    harbour.answer = answer
    page.goto(f"{harbour.url}/chat")
    write(page, "Talk")
    expect(said(page, "On and on")).to_be_visible()
    page.keyboard.press("Escape")

    expect(said(page, "Stopped.")).to_be_visible()
    expect(page.locator("#live > *")).to_have_count(0)


def test_editing_takes_back_what_followed(harbour: Harbour, page: Page) -> None:
    """Arrow up in an empty line edits the last message; its old answer goes with it."""
    page.goto(f"{harbour.url}/chat")
    write(page, "Rotate teh certificate")
    expect(said(page, "You said: Rotate teh")).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_text("Editing:")).to_be_visible()
    page.get_by_label("Message", exact=True).fill("Rotate the certificate")
    page.keyboard.press("Enter")

    expect(said(page, "You said: Rotate the certificate")).to_be_visible()
    assert ["Rotate the certificate", "You said: Rotate the certificate"] == shown(page)
    assert 1 == harbour.posts[-1]["edit_of"]


def test_what_failed_to_send_is_marked_and_sent_again(harbour: Harbour, page: Page, watch: Watch) -> None:
    """A refusal says why, keeps the text, and offers to try again under the same key."""
    watch.is_cut = True
    harbour.fail_posts = [400]
    page.goto(f"{harbour.url}/chat")
    write(page, "Hello")
    expect(page.locator(".is-failed")).to_contain_text("Not sent. That is not possible. Try another way.")
    page.reload()
    page.get_by_role("button", name="Try again").click()

    expect(said(page, "You said: Hello")).to_be_visible()
    assert ["Hello", "You said: Hello"] == shown(page)
    assert 1 == len({post["key"] for post in harbour.posts})


def test_two_messages_stay_in_order_over_a_lost_line(harbour: Harbour, page: Page, watch: Watch) -> None:
    """The second does not overtake the first that had to be tried again."""
    watch.is_cut = True
    harbour.fail_posts = [None, 503]
    page.goto(f"{harbour.url}/chat")
    write(page, "one")
    expect(page.get_by_text("Not sent yet.")).to_be_visible()
    write(page, "two")
    expect(said(page, "You said: two")).to_be_visible()

    assert ["one", "two"] == [text for text in shown(page) if not text.startswith("You said")]


def test_conversations_are_renamed_searched_and_deleted(harbour: Harbour, page: Page) -> None:
    """The list is kept in order by hand, and everything said is found again."""
    for name, text in (("tides", "high water at noon"), ("stars", "Vega is up")):
        talk = harbour.talks[name] = Talk(name, name)
        harbour.do(lambda talk=talk, text=text: talk.say("you", text))
    page.goto(f"{harbour.url}/chat/tides")
    page.locator(".place", has_text="tides").hover()
    page.get_by_role("button", name="Rename tides").click()
    page.get_by_label("New name").fill("High water")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).to_have_text("High water")

    page.get_by_label("Search in all conversations").fill("vega")
    page.locator(".hit").click()
    expect(page.locator(".is-found")).to_contain_text("Vega is up")
    page.get_by_label("Search in all conversations").press("Escape")
    page.locator(".place", has_text="High water").hover()
    page.get_by_role("button", name="Delete High water").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#conversations a")).to_have_text(["stars"])

    assert ["stars"] == list(harbour.talks)


def test_a_draft_waits_for_its_conversation(harbour: Harbour, page: Page) -> None:
    """Half a thought is neither lost by a look elsewhere nor sent to the wrong place."""
    for name in ("one", "two"):
        harbour.talks[name] = Talk(name, name)
    page.goto(f"{harbour.url}/chat/one")
    page.get_by_label("Message", exact=True).fill("half a thou")
    page.locator("#conversations a", has_text="two").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    page.go_back()

    expect(page.get_by_label("Message", exact=True)).to_have_value("half a thou")


def test_signing_out_elsewhere_is_said(harbour: Harbour, page: Page, watch: Watch) -> None:
    """A session that ended keeps what was written, and the notice leads back."""
    watch.is_cut = True
    page.goto(f"{harbour.url}/chat")
    harbour.is_signed_in = False
    write(page, "Still here?")

    expect(page.get_by_text("You are signed out. What you wrote is kept here.")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in again")).to_be_visible()
