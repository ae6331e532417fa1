"""The pages of runs in front of the real program: looked at live, stopped, gone on with, found from a link."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.e2e.web.deck import PASSWORD, deck_at

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

SHIP = """
title: Ship a service
inputs: {service: {required: true}}
triggers: [command]
steps:
  - {id: plan, title: "Write the plan for ${inputs.service}", action: file.write, with: {file: plan.txt, content: "x"}}
  - {id: never, title: Only for the database, when: inputs.service == "db", wait: 1s}
  - for_each: [eu, us]
    as: region
    title: Every region
    steps: [{title: Note it, action: data.transform, with: {value: {region: "${region}"}, query: region}}]
  - id: agree
    title: Somebody agrees
    ask: Go on?
    inputs: {sure: {choices: [sure, never], required: true}}
    timeout_s: 1h
  - {id: read, title: Read what was put there, action: file.read, with: {file: wanted.txt}}
  - {id: tell, title: Say so, action: chat.send, with: {text: It is out.}}
"""
WIDTHS = (360, 820, 1440)


def prepare(folder: Path, text: str = SHIP) -> None:
    """Put the workflow into the owner's folder."""
    place = folder / "data" / "user" / "workflows"
    place.mkdir(parents=True)
    (folder / "data").chmod(0o700)
    (place / "ship.yaml").write_text(text, "utf-8")


async def test_a_run_is_watched_answered_and_gone_on_with(tmp_path: Path) -> None:
    """From the list to its page; it changes by itself; a failure shows cause and fix; Retry goes on at that step."""
    prepare(tmp_path)
    async with deck_at(tmp_path) as deck:
        page, steps = deck.page, deck.page.locator("#steps .step")
        await deck.say("/ship api")
        form = page.locator(".message form").last
        await expect(form).to_be_visible()
        chat = await page.context.new_page()
        await page.goto(f"{deck.url}/runs")
        await page.get_by_role("link", name="ship").click()
        await expect(page.locator("h1")).to_have_text("Ship a service")
        await expect(page.locator("#state")).to_contain_text("Waiting at Somebody agrees")
        before = [await one.locator(".name").inner_text() for one in await steps.all()]
        states = [str(await one.get_attribute("class")).split()[1] for one in await steps.all()]
        await steps.first.locator("summary").click()
        await expect(steps.first.locator("pre")).to_contain_text('"file": "plan.txt"')
        await chat.goto(f"{deck.url}/chat")
        await chat.locator(".message form select").last.select_option("sure")
        await chat.locator(".message form").last.get_by_role("button", name="Send").click()
        await expect(page.locator("#state")).to_contain_text("Failed")  # it changed by itself
        await expect(steps.first.locator("pre")).to_be_visible()  # and left open what was opened
        cause = await page.locator('.step[data-place="4"] .cause').inner_text()
        (run,) = (tmp_path / "data" / "runs").iterdir()
        (run / "wanted.txt").write_text("here it is")
        await page.get_by_role("button", name="Retry").click()
        await expect(page.locator("#state")).to_contain_text("Done")
        await expect(page.locator("#choices button")).to_have_count(0)
        answered = page.locator('.step[data-place="3"]')
        await answered.locator("summary").click()
        await expect(answered.locator("pre")).to_contain_text('"sure": "sure"')
        told = await page.locator("#announce").inner_text()

    assert [
        "Write the plan for api",
        "Only for the database",
        "Every region",
        "Note it · 1",
        "Note it · 2",
        "Somebody agrees",
        "Read what was put there",
        "Say so",
    ] == before
    good, later = "is-succeeded", "is-later"
    assert [good, "is-skipped", good, good, good, "is-waiting", later, later] == states
    assert "the run has no file 'wanted.txt'" in cause
    assert "What helps: name a file that an earlier step wrote" in cause
    assert "Ship a service: Done" == told


async def test_stopping_asks_first_and_holds_at_every_width_and_theme(tmp_path: Path) -> None:
    """Nothing hangs over the edge, by keyboard too; the question can be taken back."""
    prepare(tmp_path)
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await deck.say("/ship db")
        await expect(deck.said("Ship a service")).to_be_visible()
        await page.goto(f"{deck.url}/runs")
        over = []
        for path in (None, await page.get_by_role("link", name="ship").get_attribute("href")):
            if path:
                await page.goto(deck.url + path)
                await expect(page.locator("#steps .step").first).to_be_visible()
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 800})
                for theme in ("light", "dark"):
                    await page.emulate_media(color_scheme=theme)
                    over.append(await page.evaluate("document.documentElement.scrollWidth - innerWidth"))
        await page.get_by_role("button", name="Stop").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="Stop the run?")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("#state")).not_to_contain_text("Stopped")
        await page.get_by_role("button", name="Stop").click()
        await page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        await expect(page.locator("#state")).to_contain_text("Stopped")
        await expect(page.locator("#message")).to_contain_text("Stopped by")
        rows = deck.program.call("audit", "export").stdout.splitlines()

    assert [] == [one for one in over if one > 0]
    said = [row["detail"]["action"] for row in map(json.loads, rows) if row["kind"] == "run"]
    assert ["runs.cancel"] == said


async def test_a_link_from_elsewhere_leads_through_sign_in_to_the_run(tmp_path: Path) -> None:
    """Signed in already, it opens at once, though the browser keeps the strict cookie back from strangers' links."""
    prepare(tmp_path, SHIP.replace("file: wanted.txt", "file: plan.txt"))
    async with deck_at(tmp_path) as deck:
        page, context = deck.page, deck.page.context
        await deck.say("/ship api")
        await expect(deck.said("Ship a service")).to_be_visible()
        run_id = deck.program.json("workflow", "runs")[0]["run_id"]
        await page.goto(f"http://127.0.0.1:{deck.line.port}/sign-in")  # another site to the browser
        await page.evaluate(
            "(url) => { const a = document.createElement('a'); a.href = url; a.textContent = 'Timeline';"
            " document.body.append(a); }",
            f"{deck.url}/runs/{run_id}",
        )
        await page.get_by_role("link", name="Timeline").click()
        await expect(page.locator("h1")).to_have_text("Ship a service")
        await context.clear_cookies()
        await page.goto(f"{deck.url}/runs/{run_id}")
        await expect(page).to_have_url(re.compile(r"/sign-in\?next="))
        await page.fill("#name", "anna")
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")

        await expect(page).to_have_url(f"{deck.url}/runs/{run_id}")
        await expect(page.locator("h1")).to_have_text("Ship a service")
