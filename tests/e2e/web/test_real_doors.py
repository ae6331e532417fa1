"""Doors of the real program in a real browser: a passkey's, and those that a stranger's page tries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Page, expect
from tests.e2e.web.deck import Deck, deck_at

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

HOSTILE = """<!doctype html><title>Win a boat</title>
<iframe src="{deck}/chat" onload="done.push('frame')"></iframe><img src="{deck}/sign-out">
<form id="say" method="post" enctype="text/plain" action="{deck}/api/v1/conversations/main/messages" target="sink">
<input name='{{"text": "/echo forged", "x": "' value='"}}'></form>
<form id="out" method="post" action="{deck}/sign-out" target="sink"></form>
<form id="in" method="post" action="{deck}/sign-in/password" target="sink"><input name="name" value="eve">
<input name="password" value="eve eve eve eve"></form><iframe name="sink"></iframe>
<script>
const done = [], deck = "{deck}", api = deck + "/api/v1", body = JSON.stringify({{text: "/echo forged"}});
const tries = [
  () => fetch(api + "/conversations/main/messages", {{method: "POST", mode: "no-cors", credentials: "include", body}}),
  () => fetch(api + "/conversations/main/messages", {{method: "POST", credentials: "include", body,
    headers: {{"Content-Type": "application/json", "Idempotency-Key": "k"}}}}),
  () => fetch(api + "/conversations/main", {{method: "DELETE", credentials: "include"}}),
  () => fetch(api + "/me", {{credentials: "include"}}).then((answer) => answer.json()).then(() => done.push("read")),
  () => fetch(api + "/me/password", {{method: "POST", mode: "no-cors", credentials: "include", body: "{{}}"}}),
  () => fetch(deck + "/sign-out", {{method: "POST", mode: "no-cors", credentials: "include"}}),
  () => navigator.sendBeacon(api + "/conversations/main/messages", body),
  () => new Promise((end) => {{
    const stream = new EventSource(api + "/conversations/main/events", {{withCredentials: true}});
    stream.onopen = () => {{ done.push("stream"); end(); }}; stream.onerror = end; }}),
];
(async () => {{
  for (const attempt of tries) {{ try {{ await attempt(); }} catch (error) {{}} }}
  for (const id of ["say", "out", "in"]) {{
    const sink = document.getElementsByName("sink")[0];
    await new Promise((end) => {{ sink.onload = end; setTimeout(end, 2000); document.getElementById(id).submit(); }});
  }}
  document.title = "over " + done.filter((one) => one !== "frame").join(" ");
}})();
</script>"""


async def stranger(deck: Deck, host: str) -> tuple[web.AppRunner, str]:
    """Serve the hostile page at another origin."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=HOSTILE.format(deck=deck.url), content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/", page)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://{host}:{runner.addresses[0][1]}/"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_strangers_page_changes_nothing(tmp_path: Path, host: str) -> None:
    """T11: from another site, and from another port of the same one, whose requests carry the session's cookie."""
    async with deck_at(tmp_path) as deck:
        await deck.page.goto(f"{deck.url}/chat")
        await deck.say("/echo mine")
        await expect(deck.page.locator("#messages .bot")).to_have_count(1)
        before = await deck.shown()
        runner, address = await stranger(deck, host)
        visited = await deck.page.context.new_page()
        await visited.goto(address)
        await expect(visited).to_have_title(re.compile("^over"))
        title = await visited.title()
        await visited.close()
        await runner.cleanup()
        await deck.page.reload()
        await expect(deck.page.locator("#messages .bot")).to_have_count(1)

        assert ("over", before) == (title.strip(), await deck.shown())


async def with_authenticator(page: Page) -> None:
    """Give the browser a device that holds passkeys and knows its person."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": device})


async def test_a_passkey_is_made_used_and_removed(tmp_path: Path) -> None:
    """All of it with Chromium's own authenticator."""
    async with deck_at(tmp_path) as deck:
        page = deck.page
        await with_authenticator(page)
        await page.goto(f"{deck.url}/chat")
        await open_account(page)
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.get_by_text("The passkey is added.").first).to_be_visible()
        await page.goto(f"{deck.url}/")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page).to_have_url(re.compile("/sign-in"))
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page).to_have_url(re.compile("/chat"))
        await open_account(page)
        await page.get_by_role("button", name=re.compile("^Remove ")).click()

        await expect(page.get_by_text("None yet.")).to_be_visible()


async def open_account(page: Page) -> None:
    """Open the dialog about one's own account."""
    await page.get_by_role("button", name="Your account").click()
    await expect(page.get_by_role("dialog", name="Your account")).to_be_visible()
