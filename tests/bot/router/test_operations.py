"""What the program's own verbs do with people and deliveries."""

from __future__ import annotations

import pytest

from quarterdeck.core.errors import NotFound, Unknown, UsageError
from quarterdeck.core.person import Identity
from quarterdeck.router.operations import operations

OPERATOR = Identity.parse("slack:T1:U1")


@pytest.fixture
def call(bot):
    """Return the function that calls an operation by name."""
    found = {
        one.name: one
        for one in operations(
            people=bot.people_rows,
            deliveries=bot.deliveries,
            record=bot.audit,
            cancel=bot.router.cancel,
            clock=bot.clock,
        )
    }

    async def silent(sentence: str) -> None:
        raise AssertionError("none of these takes long")

    async def run(operation: str, **parameters: object):
        return await found[operation].handler(parameters, silent)

    return run


async def test_a_granted_role_holds_at_once_and_a_revoked_one_no_longer(bot, call) -> None:
    """No restart, no cache that remembers."""
    roles = []
    for change in (None, "operator", "viewer", "revoke"):
        if change == "revoke":
            await call("person.revoke", identity=str(OPERATOR))
        elif change:
            await call("person.grant", identity=str(OPERATOR), role=change)
        roles.append((await bot.people.person_of(OPERATOR)).role)

    assert ["none", "operator", "viewer", "none"] == roles


async def test_granting_twice_is_one_person(call) -> None:
    """The identity is the key, not the name."""
    for name in ("Anna", "Someone else"):
        await call("person.grant", identity=str(OPERATOR), role="operator", name=name)

    (person,) = await call("person.list")
    assert ("Anna", "operator", ["slack:T1:U1"]) == (person["name"], person["role"], person["identities"])


@pytest.mark.parametrize(
    "identity",
    [
        "",
        "anna",
        "slack:T1:@anna",
        "slack:T1:",
        "slack:T1:U1\u200b",
        "slack:T1:U 1",
        "sl\u0430ck:T1:U1",
        "a:b:" + "x" * 500,
    ],
)
async def test_what_is_no_identity_is_refused(bot, call, identity: str) -> None:
    """T14: a grant to a look-alike would be a door that nobody sees."""
    with pytest.raises(UsageError) as refusal:
        await call("person.grant", identity=identity, role="owner")

    assert "slack:T1:U1" in refusal.value.hint
    assert [] == await call("person.list")


async def test_an_unknown_role_names_the_nearest(call) -> None:
    """Roles are few and fixed."""
    with pytest.raises(UsageError) as refusal:
        await call("person.grant", identity=str(OPERATOR), role="opertor")

    assert "operator" in refusal.value.hint


async def test_revoking_nobody_is_said(call) -> None:
    """A typo in an identity must not look like a success."""
    with pytest.raises(NotFound):
        await call("person.revoke", identity="slack:T1:U9")


async def test_grants_are_on_record(bot, call) -> None:
    """Who got which role is the first question after an incident."""
    await call("person.grant", identity=str(OPERATOR), role="admin")
    await call("person.revoke", identity=str(OPERATOR))

    details = [row["detail"] for row in await bot.audit.rows()]
    assert [("grant", "admin"), ("revoke", None)] == [(one["what"], one.get("role")) for one in details]


async def test_deliveries_are_listed_and_retried(bot, call, caplog) -> None:
    """What did not arrive is shown with its reason and a way to send it."""
    bot.platform.failures.append(Unknown("answer lost", service="fake"))
    await bot.say("/ping", event_id="e1")
    (before,) = await call("delivery.list", open=True)
    await call("delivery.retry", id=before["id"])
    await bot.settled()
    after = await call("delivery.list", open=True)

    assert ("fake::e1#1", "unknown", "answer lost") == (before["id"], before["state"], before["reason"])
    assert before["created_at"].endswith("+00:00")
    assert [] == after
    assert ["sent"] == [row["state"] for row in await call("delivery.list")]
