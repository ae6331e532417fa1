"""Everything without a mouse, and everything named for who does not see it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.web.harbour import Harbour, Talk
from tests.e2e.web.test_talking import said

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def option(name: str, **more: Any) -> dict[str, Any]:
    """Describe one option as the API does."""
    plain = {
        "kind": "string",
        "required": False,
        "choices": [],
        "positional": False,
        "rest": False,
        "completes": False,
    }
    return {"name": name, "summary": name.title(), "default": None, **plain, **more}


DEPLOY = {
    "name": "deploy",
    "summary": "Deploy a service",
    "detail": "",
    "examples": ["/deploy api --env prod"],
    "effect": "destructive",
    "options": [
        option("service", positional=True, required=True, completes=True),
        option("env", kind="choice", choices=["staging", "prod"], required=True),
        option("replicas", kind="integer", minimum=1, maximum=9),
    ],
}
PING = {
    "name": "ping",
    "summary": "Say that the bot is there",
    "detail": "",
    "examples": [],
    "effect": "none",
    "options": [],
}


@pytest.fixture
def deck(harbour: Harbour, page: Page) -> Page:
    """Return the page of a conversation, with two commands to give."""
    harbour.commands, harbour.values = [DEPLOY, PING], ["api", "billing"]
    for name in ("first", "second"):
        talk = harbour.talks[name] = Talk(name, name)
        harbour.do(lambda talk=talk: talk.say("bot", f"in {talk.id}"))
    page.goto(f"{harbour.url}/chat/first")
    expect(said(page, "in first")).to_be_visible()
    return page


def test_a_slash_offers_commands_and_completes_values(harbour: Harbour, deck: Page) -> None:
    """A command line is written with a few keys, and the popup says what comes next."""
    deck.keyboard.type("/de")
    expect(deck.get_by_role("listbox", name="Commands").get_by_role("option")).to_have_text(
        ["/deployDeploy a service"]
    )
    deck.keyboard.press("Tab")
    expect(deck.locator("#signature")).to_contain_text("/deploy <service> --env <staging|prod>")
    deck.keyboard.type("b")
    deck.get_by_role("option", name="billing").wait_for()
    deck.keyboard.press("ArrowDown")
    deck.keyboard.press("ArrowDown")
    deck.keyboard.press("Enter")
    expect(deck.get_by_label("Message", exact=True)).to_have_value("/deploy billing ")
    deck.keyboard.type("--env prod")
    deck.keyboard.press("Escape")
    deck.keyboard.press("Enter")

    expect(said(deck, "You said: /deploy billing --env prod")).to_be_visible()


def test_the_palette_asks_for_typed_options(harbour: Harbour, deck: Page) -> None:
    """Ctrl+K, a few letters, a form with the right kind of field for every option."""
    deck.keyboard.press("Control+k")
    deck.keyboard.type("depl")
    deck.keyboard.press("Enter")
    dialog = deck.get_by_role("dialog", name="/deploy")
    expect(dialog.get_by_label("Service")).to_be_focused()
    deck.keyboard.type("api")
    deck.keyboard.press("Enter")
    expect(dialog.get_by_text("This is needed.")).to_have_count(1)
    dialog.get_by_label("Env").select_option("prod")
    dialog.get_by_label("Replicas").fill("12")
    dialog.get_by_role("button", name="Run /deploy").click()
    expect(dialog.get_by_label("Replicas")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Replicas").fill("3")
    deck.keyboard.press("Enter")
    expect(said(deck, "You said")).to_be_visible()

    wanted = {"name": "deploy", "options": {"service": "api", "env": "prod", "replicas": 3}}
    assert wanted == harbour.posts[-1]["command"]


def test_a_whole_visit_by_keyboard(harbour: Harbour, deck: Page) -> None:
    """Shortcuts, palette, another conversation, a command without options, and back: no mouse."""
    deck.keyboard.press("Escape")
    deck.locator("#scroll").focus()
    deck.keyboard.press("?")
    expect(deck.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    deck.keyboard.press("Escape")
    expect(deck.locator("#scroll")).to_be_focused()
    deck.keyboard.press("Control+k")
    deck.keyboard.type("second")
    deck.keyboard.press("Enter")
    expect(said(deck, "in second")).to_be_visible()
    expect(deck.get_by_label("Message", exact=True)).to_be_focused()
    deck.keyboard.type("/ping")
    deck.keyboard.press("Enter")
    expect(said(deck, "You said: /ping")).to_be_visible()
    deck.keyboard.press("Alt+ArrowDown")
    expect(said(deck, "in first")).to_be_visible()
    deck.keyboard.press("Alt+n")
    expect(deck.get_by_text("Ask what is in your documents")).to_be_visible()
    deck.keyboard.press("Control+Shift+F")

    expect(deck.get_by_label("Search in all conversations")).to_be_focused()


def test_every_stop_of_the_tab_key_is_visible_and_named(deck: Page) -> None:
    """Focus never goes where it cannot be seen, and every control says what it is."""
    deck.locator(".skip").focus()
    stops = []
    for _ in range(40):
        deck.keyboard.press("Tab")
        stop = deck.evaluate(
            """() => {
              const one = document.activeElement;
              if (one === document.body) return null;
              const style = getComputedStyle(one), box = one.getBoundingClientRect();
              const ring = style.outlineStyle !== "none" || one.id === "writing";
              return [one.id || one.className || one.tagName, ring && box.width > 0, one.computedName !== ""];
            }"""
        )
        if stop is None:
            break
        stops.append(stop)

    assert len(stops) > 10
    assert [] == [stop for stop in stops if not stop[1] or stop[2] is False]


@pytest.mark.parametrize("width", [320, 375, 1280, 3840])
def test_nothing_sticks_out(deck: Page, width: int) -> None:
    """From the smallest phone to the widest screen nothing is to be scrolled sideways."""
    deck.set_viewport_size({"width": width, "height": 800})

    assert width == deck.evaluate("document.documentElement.scrollWidth")
    assert 0 == deck.locator("#scroll").evaluate("(place) => place.scrollWidth - place.clientWidth")


def test_names_and_labels(deck: Page) -> None:
    """What a screen reader needs: a language, one heading, unique ids, a name on each control."""
    missing = deck.evaluate(
        """() => {
          const faults = [];
          if (!document.documentElement.lang) faults.push("lang");
          if (document.querySelectorAll("h1").length !== 1) faults.push("h1");
          const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
          if (new Set(ids).size !== ids.length) faults.push("ids");
          for (const one of document.querySelectorAll("button, input, textarea, select, a[href], img")) {
            const name = one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length || one.alt;
            if (!name) faults.push(one.outerHTML);
          }
          return faults;
        }"""
    )

    assert [] == missing
