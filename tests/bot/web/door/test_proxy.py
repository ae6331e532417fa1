"""A proxy that is named is believed, nobody else; names that are ours are taken, no other."""

from __future__ import annotations

import pytest

SIGN_IN = {"name": "anna", "password": "correct horse battery staple"}


async def test_a_named_proxy_makes_https_cookies(open_world):
    """The browser's origin is the proxy's, and the cookie is bound to it."""
    async with open_world(trusted_proxies=("127.0.0.1/32",), names=("chat.example.com",)) as world:
        await world.account("anna", "owner")
        headers = {
            "Host": "chat.example.com",
            "Origin": "https://chat.example.com",
            "X-Forwarded-For": "203.0.113.9",
            "X-Forwarded-Proto": "https",
        }
        async with world.browser() as browser:
            signed = await browser.post("/sign-in/password", json=SIGN_IN, headers=headers)
            cookie = signed.headers["Set-Cookie"]
            plain = await browser.get("/api/v1/me", headers={"Host": "chat.example.com"})

    assert (200, 401) == (signed.status, plain.status)
    assert cookie.startswith("__Host-quarterdeck=")
    assert "Secure" in cookie


@pytest.mark.parametrize("is_named", [True, False])
async def test_guesses_are_counted_by_the_address_that_a_named_proxy_tells(open_world, is_named):
    """Whoever writes the header themselves gains nothing by it."""
    proxies = {"trusted_proxies": ("127.0.0.1/32",)} if is_named else {}
    async with open_world(**proxies) as world, world.browser() as browser:
        statuses = []
        for n in range(8):
            headers = {"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.{n}"}
            body = {"code": f"wrong-{n}", "name": "x", "password": "y" * 12}
            async with browser.post("/sign-in/code", json=body, headers=headers) as answer:
                statuses.append(answer.status)

    assert ([401] * 8 if is_named else [401] * 5 + [429] * 3) == statuses


@pytest.mark.parametrize("value", ["nonsense", "203.0.113.1, evil", ""])
async def test_a_proxy_that_speaks_unclearly_is_refused(open_world, value):
    """Rather than counted as somebody else."""
    async with open_world(trusted_proxies=("127.0.0.1/32",)) as world, world.browser() as browser:
        answer = await browser.get("/sign-in", headers={"X-Forwarded-For": value})

    assert 403 == answer.status


async def test_a_revoked_token_and_its_stream_end_at_once(world, read_events):
    """A token that was rotated is nobody's a moment later."""
    await world.account("anna", "owner")
    text = await world.token("anna")
    (token,) = await world.tokens.all()
    async with world.browser() as browser:
        browser.headers["Authorization"] = f"Bearer {text}"
        path = "/api/v1/conversations/main"
        headers = {"Idempotency-Key": "1"}
        await browser.post(f"{path}/messages", json={"text": "x"}, headers=headers)
        async with browser.get(f"{path}/events") as stream:
            reasons = []
            async for name, _, data in read_events(stream):
                if name == "ready":
                    await world.tokens.revoke(token.id, now_ms=world.clock.now_ms())
                reasons += [data["reason"]] if name == "over" else []
        after = await browser.get("/api/v1/me")

    assert (["signed_out"], 401) == (reasons, after.status)
