"""No stranger's page changes anything, nobody sees what is another's, and bodies of strangers cost nothing."""

from __future__ import annotations

import asyncio
import io
import resource
import sys

import pytest

MUTATIONS = ("POST", "PUT", "PATCH", "DELETE")
ROLES = ("viewer", "operator", "editor", "admin", "owner")


def hostile(world) -> list[dict[str, str]]:
    """Return six ways in which a stranger's page, or a stranger, may send a request."""
    return [
        {"Origin": "https://evil.example", "X-Quarterdeck": "1"},
        {"Origin": "null", "X-Quarterdeck": "1"},
        {"Sec-Fetch-Site": "cross-site", "X-Quarterdeck": "1"},
        {"Sec-Fetch-Site": "same-site", "X-Quarterdeck": "1"},
        {"Host": "evil.example", "X-Quarterdeck": "1"},
        {"Origin": world.url.replace("http", "https"), "Sec-Fetch-Site": "none", "X-Quarterdeck": "1"},
    ]


def routes_of(world, methods) -> list[tuple[str, str]]:
    return [
        (one.method, one.path.replace("{conversation}", "main").replace("{id}", "main"))
        for one in world.door.routes()
        if one.method in methods
    ]


async def test_no_strangers_page_changes_anything(world):
    """Every route that changes something, six hostile sets of headers, with the owner's own cookie."""
    secret = await world.account("anna", "owner")
    statuses = {}
    async with world.browser(secret) as browser:
        for method, path in routes_of(world, MUTATIONS):
            for n, headers in enumerate(hostile(world)):
                async with browser.request(method, path, headers=headers, json={}) as answer:
                    statuses[method, path, n] = answer.status

    assert {403} == set(statuses.values())
    assert len(statuses) >= 6 * 15
    assert ([], []) == (world.bot.taken, list(await world.rooms.of("anna")))


async def test_a_cookie_alone_changes_nothing(world):
    """What no form and no simple request can send is asked for besides."""
    secret = await world.account("anna", "owner")
    async with world.browser(secret) as browser:
        browser.headers.pop("X-Quarterdeck")
        without = {
            (method, path): (await browser.request(method, path, json={})).status
            for method, path in routes_of(world, MUTATIONS)
            if path.startswith("/api/")
        }

    assert {403} == set(without.values())


async def test_every_route_asks_who_calls(world):
    """All routes with ten bad credentials: never 5xx, never anything but a refusal or the way to sign in."""
    bad = [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer qd_0000000000_x"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer " + "x" * 4000},
        {"Authorization": "bearer qd_" + "0" * 10 + "_é"},
        {"Cookie": "quarterdeck="},
        {"Cookie": "quarterdeck=" + "y" * 4000},
        {"Cookie": "quarterdeck=%00; quarterdeck=b"},
        {"Cookie": "__Host-quarterdeck=zzz"},
    ]
    found = {}
    async with world.browser() as browser:
        for method, path in routes_of(world, (*MUTATIONS, "GET")):
            if path.startswith(("/sign-in", "/sign-out", "/static", "/favicon")):
                continue
            for n, headers in enumerate(bad):
                async with browser.request(method, path, headers=headers, allow_redirects=False) as answer:
                    found[method, path, n] = (answer.status, answer.headers.get("Location"))

    assert {(401, None), (429, None), (303, "/sign-in")} >= set(found.values())


async def test_nobody_sees_what_is_anothers(world, read_events):
    """All routes of a conversation or a file, five roles, own and other's."""
    anna = await world.account("anna", "owner")
    async with world.browser(anna) as browser:
        made = await (await browser.post("/api/v1/conversations", json={"title": "Secret"})).json()
        room = f"/api/v1/conversations/{made['id']}"
        sent = await browser.post(
            f"{room}/messages", json={"text": "treasure"}, headers={"Idempotency-Key": "1"}
        )
        upload = await browser.post("/api/v1/uploads", data={"file": io.BytesIO(b"map")})
        file = f"/api/v1/files/{(await upload.json())['id']}"
        requests = [
            ("GET", f"{room}/messages", None),
            ("GET", f"{room}/events", None),
            ("POST", f"{room}/messages", {"text": "hi"}),
            ("POST", f"{room}/messages", {"press": {"seq": 1, "button": "yes"}}),
            ("POST", f"{room}/cancel", {}),
            ("PATCH", room, {"title": "Mine"}),
            ("GET", file, None),
            ("DELETE", room, None),
        ]
        own = [await status_of(browser, *one) for one in requests[:1] + requests[5:7]]
    others, seen = {}, []
    for role in ROLES:
        async with world.browser(await world.account(f"x-{role}", role)) as browser:
            for method, path, body in requests:
                others[role, method, path, str(body)] = await status_of(browser, method, path, body)
            seen.append((await (await browser.get("/api/v1/search?q=treasure")).json())["results"])
            seen.append((await (await browser.get("/api/v1/conversations")).json())["conversations"])

    assert (202, [200, 200, 200]) == (sent.status, own)
    assert {404} == set(others.values())
    assert [[]] * 10 == seen
    assert 1 == len(world.bot.taken)


async def status_of(browser, method, path, body) -> int:
    async with browser.request(method, path, json=body, headers={"Idempotency-Key": "k"}) as answer:
        return answer.status


@pytest.mark.parametrize("role", ROLES)
async def test_the_status_is_for_owners(world, role):
    """And so is `/`."""
    async with world.browser(await world.account("anna", role)) as browser:
        status = (await browser.get("/api/v1/status")).status
        home = await browser.get("/", allow_redirects=False)

    wanted = (200, 200) if role == "owner" else (403, 303)
    assert wanted == (status, home.status)


async def test_a_token_is_held_to_its_scopes(world):
    """It may send what it is for, sees what it asked itself, and manages no account."""
    secret = await world.account("anna", "owner")
    narrow = await world.token("anna", "command:deploy")
    key = {"Idempotency-Key": "1"}
    async with world.browser(secret) as browser:
        await browser.post("/api/v1/conversations/main/messages", json={"text": "x"}, headers=key)
    async with world.browser() as browser:
        browser.headers["Authorization"] = f"Bearer {narrow}"
        browser.headers.pop("X-Quarterdeck")
        path = "/api/v1/conversations/main/messages"
        foreign = (await browser.get(path)).status
        denied = (await browser.post(path, json={"text": "/forget me"}, headers=key)).status
        taken = (await browser.post(path, json={"text": "/deploy api"}, headers=key)).status
        own = len((await (await browser.get(path)).json())["messages"])
        account = (await browser.get("/api/v1/me/passkeys")).status
        status = (await browser.get("/api/v1/status")).status

    assert (404, 403, 202, 1, 403, 403) == (foreign, denied, taken, own, account, status)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_hundred_great_bodies_cost_no_memory(world):
    """64 MiB each, announced or in pieces, before anybody has said who they are."""

    async def send(n: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
        size = f"Content-Length: {64 * 1024 * 1024}" if n % 2 else "Transfer-Encoding: chunked"
        head = f"POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\n{size}\r\n\r\n"
        writer.write(head.encode())
        piece = b"x" * 65536 if n % 2 else b"10000\r\n" + b"x" * 65536 + b"\r\n"
        try:
            for _ in range(1024):
                writer.write(piece)
                async with asyncio.timeout(5):
                    await writer.drain()
        except (ConnectionError, TimeoutError):
            pass
        writer.transport.abort()

    await send(1)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await asyncio.gather(*(send(n) for n in range(100)))
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb

    # the senders' own buffers are in this process too: 64 KiB each, and as much on its way
    assert grown_kb < 16 * 1024 + 100 * 2 * 64
