"""Nobody guesses their way in, nobody learns who there is, and what is ended is over."""

from __future__ import annotations

import asyncio

import pytest

PASSWORD = "correct horse battery staple"


async def test_a_hundred_installations_have_a_hundred_codes(world):
    """No default that anybody could know."""
    codes = {await world.door.desk.first_code() for _ in range(100)}

    assert 100 == len(codes)
    assert all(len(code) >= 43 for code in codes)  # 256 bits


async def test_the_first_code_makes_an_owner_once(world):
    """And is of no use afterwards; nor is one that a later start replaced."""
    stale, code = await world.door.desk.first_code(), await world.door.desk.first_code()
    fields = {"code": code, "name": "anna", "password": PASSWORD}
    async with world.browser() as browser:
        old = await browser.post("/sign-in/code", json={**fields, "code": stale})
        first = await browser.post("/sign-in/code", json=fields)
        again = await browser.post("/sign-in/code", json={**fields, "name": "eve"})
        cookie = first.headers["Set-Cookie"]

    assert [401, 200, 401] == [old.status, first.status, again.status]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert "" == await world.door.desk.first_code()


async def test_ten_thousand_guesses_are_not_looked_at(world, monkeypatch):
    """At most ten of them, however many come at once, and from however many addresses."""
    await world.account("anna", "owner")
    looked_at = 0
    passwords = world.door.desk._passwords

    async def matches(hashed: str, password: str) -> bool:
        nonlocal looked_at
        looked_at += 1
        await asyncio.sleep(0)
        return False

    monkeypatch.setattr(passwords, "matches", matches)
    async with world.browser() as browser:

        async def guess(n: int) -> int:
            async with browser.post("/sign-in/password", json={"name": "anna", "password": f"{n}"}) as one:
                return one.status

        statuses = []
        for batch in range(100):
            statuses += await asyncio.gather(*(guess(batch * 100 + n) for n in range(100)))

    assert 10_000 == len(statuses)
    assert looked_at <= 10
    assert {401, 429} == set(statuses)


async def test_known_and_unknown_names_get_the_same_answer(world):
    """Word for word."""
    await world.account("anna", "owner")
    async with world.browser() as browser:
        answers = []
        for name in ("anna", "nobody"):
            async with browser.post("/sign-in/password", json={"name": name, "password": "x" * 20}) as one:
                answers.append((one.status, await one.text()))

    assert answers[0] == answers[1]
    assert 401 == answers[0][0]


async def test_a_new_sign_in_gives_a_new_secret_and_ends_the_old(world):
    """A secret that somebody planted before is worth nothing: a hundred of a hundred."""
    old = await world.account("anna", "owner")
    async with world.browser(old) as browser:
        signed = await browser.post("/sign-in/password", json={"name": "anna", "password": PASSWORD})
        fresh = signed.cookies["quarterdeck"].value
        reused = [(await browser.get("/api/v1/me")).status for _ in range(100)]
    async with world.browser(fresh) as browser:
        now = (await browser.get("/api/v1/me")).status

    assert (200, True, {401}, 200) == (signed.status, fresh != old, set(reused), now)


async def test_another_role_is_another_secret(world):
    """And no role at all is the end of the session."""
    secret = await world.account("anna", "viewer")
    identity = (await world.people_rows.all())[0].identities[0]
    from quarterdeck.core.person import Identity

    anna = Identity.parse(identity)
    await world.people_rows.grant(anna, "admin", now_ms=1)
    async with world.browser(secret) as browser:
        raised = await browser.get("/api/v1/me")
        fresh = raised.cookies["quarterdeck"].value
        role = (await raised.json())["role"]
    await world.people_rows.revoke(anna)
    async with world.browser(fresh) as browser:
        revoked = await browser.get("/api/v1/me")

    assert (200, "admin", True, 401) == (raised.status, role, fresh != secret, revoked.status)


@pytest.mark.parametrize("minutes", [31, 12 * 60 + 1])
async def test_sessions_end_by_themselves(world, minutes):
    """After half an hour without a request, and after twelve hours with many."""
    secret = await world.account("anna", "owner")
    async with world.browser(secret) as browser:
        statuses = []
        step = 31 if minutes == 31 else 20
        for _ in range(0, minutes, step):
            await world.clock.advance(step * 60)
            statuses.append((await browser.get("/api/v1/me")).status)

    assert 401 == statuses[-1]
    assert minutes == 31 or {200} == set(statuses[:30])


async def test_a_restart_keeps_sessions_and_their_end(open_world):
    """Signed in stays signed in; signed out stays signed out."""
    async with open_world() as world:
        stays, goes = await world.account("anna", "owner"), await world.account("ben", "viewer")
        await world.door.desk.sign_out_everywhere("ben")
    async with open_world() as world, world.browser(stays) as anna, world.browser(goes) as ben:
        statuses = [(await one.get("/api/v1/me")).status for one in (anna, ben)]

    assert [200, 401] == statuses


async def test_an_invitation_is_no_more_than_its_role(world):
    """Whoever chooses a name chooses an identity: one that stands for somebody is not to be had."""
    from quarterdeck.core.errors import UsageError
    from quarterdeck.core.person import Identity

    await world.people_rows.grant(Identity.parse("web::boss"), "owner", now_ms=1)
    code, _ = await world.door.desk.invite("viewer")

    with pytest.raises(UsageError, match="taken"):
        await world.door.desk.claim(code, "boss", PASSWORD, display_name="", address="::1")


async def test_the_form_works_without_script(world):
    """A wrong password shows the page again with the reason; a right one goes on."""
    await world.account("anna", "owner")
    async with world.browser() as browser:
        wrong = await browser.post("/sign-in/password", data={"name": "anna", "password": "no"})
        page = await wrong.text()
        right = await browser.post(
            "/sign-in/password", data={"name": "anna", "password": PASSWORD}, allow_redirects=False
        )

    assert (401, True) == (wrong.status, "That was not right." in page)
    assert (303, "/chat") == (right.status, right.headers["Location"])
