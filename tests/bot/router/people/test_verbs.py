"""What the program's own verbs do with people: roles, accounts, tokens."""

from __future__ import annotations

import pytest

from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.person import Identity
from quarterdeck.core.roles import Roles
from quarterdeck.router.people.verbs import PeopleDesk
from quarterdeck.store.people.tokens import StoredTokens

OPERATOR = Identity.parse("slack:T1:U1")
OTHER = Identity.parse("telegram::42")


@pytest.fixture
def tokens(bot) -> StoredTokens:
    """Return the tokens of this test's store."""
    return StoredTokens(bot.store, bot.people_rows)


@pytest.fixture
def call(bot, tokens):
    """Return the function that calls an operation by name."""
    desk = PeopleDesk(
        bot.people_rows,
        tokens,
        people=bot.people,
        roles=Roles({"releaser": ("operator",)}),
        record=bot.audit,
        clock=bot.clock,
    )
    found = {one.name: one for one in desk.all()}

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


async def test_two_accounts_become_one_person_and_are_parted_again(bot, call) -> None:
    """The higher role holds for both; what is parted is a stranger's, whatever it had."""
    await call("person.grant", identity=str(OPERATOR), role="viewer", name="Anna")
    await call("person.grant", identity=str(OTHER), role="editor")
    await call("person.link", identity=str(OPERATOR), other=str(OTHER))
    linked = [await bot.people.person_of(one) for one in (OPERATOR, OTHER)]
    await call("person.unlink", identity=str(OTHER))
    parted = [(await bot.people.person_of(one)).role for one in (OPERATOR, OTHER)]

    assert linked[0] == linked[1]
    assert ("Anna", "editor") == (linked[1].name, linked[1].role)
    assert frozenset({str(OPERATOR), str(OTHER)}) == linked[0].identities
    assert ["editor", "none"] == parted


async def test_an_account_that_was_parted_and_is_granted_again_is_somebody_new(bot, call) -> None:
    """Otherwise its new role would be its old person's, too."""
    await call("person.grant", identity=str(OPERATOR), role="operator")
    await call("person.link", identity=str(OPERATOR), other=str(OTHER))
    await call("person.unlink", identity=str(OPERATOR))
    await call("person.grant", identity=str(OPERATOR), role="admin")

    assert ["admin", "operator"] == [(await bot.people.person_of(one)).role for one in (OPERATOR, OTHER)]


async def test_the_last_account_stays(call) -> None:
    """A person without an account could never be found again."""
    await call("person.grant", identity=str(OPERATOR), role="operator")

    with pytest.raises(Denied, match="only account"):
        await call("person.unlink", identity=str(OPERATOR))


async def test_the_revoked_do_not_come_back_by_a_link(bot, call) -> None:
    """Neither by an admin's mistake: grant first, then link."""
    for one in (OPERATOR, OTHER):
        await call("person.grant", identity=str(one), role="operator")
    await call("person.revoke", identity=str(OTHER))

    with pytest.raises(Denied, match="revoked"):
        await call("person.link", identity=str(OPERATOR), other=str(OTHER))
    assert "none" == (await bot.people.person_of(OTHER)).role


async def test_own_roles_can_be_granted(call) -> None:
    """Those of the settings, and no others."""
    granted = await call("person.grant", identity=str(OPERATOR), role="releaser")

    assert "releaser" == granted["role"]


async def test_a_webhook_is_a_service(bot, call) -> None:
    """A named principal, which has nothing until it is granted, whatever strangers have."""
    hook = Identity.parse("hook::deploys")
    before = await bot.people.person_of(hook)
    await call("person.grant", identity=str(hook), role="operator")
    after = await bot.people.person_of(hook)

    assert [(True, "none"), (True, "operator")] == [(one.is_service, one.role) for one in (before, after)]


async def test_show_names_everything_about_somebody(call) -> None:
    """By account and by id."""
    await call("person.grant", identity=str(OPERATOR), role="operator", name="Anna")
    await call("token.create", person=str(OPERATOR), name="ci", scopes=["/ask"], days=1)
    by_account = await call("person.show", person=str(OPERATOR))

    assert by_account == await call("person.show", person=by_account["id"])
    assert ("Anna", "operator", ["command:ask"]) == (
        by_account["name"],
        by_account["role"],
        by_account["tokens"][0]["scopes"],
    )
    with pytest.raises(NotFound):
        await call("person.show", person="f" * 32)


async def test_a_token_is_shown_once_and_kept_as_a_hash(bot, call, tokens) -> None:
    """Whoever reads the database can be nobody by it."""
    made = await call("token.create", person=str(OPERATOR), name="ci")
    listed = await call("token.list", person=str(OPERATOR))
    found = await tokens.find(made["token"], now_ms=bot.clock.now_ms())
    raw = await bot.store.read(lambda c: repr(c.exec_driver_sql("SELECT * FROM api_tokens").all()))

    assert 32 <= len(made["token"].split("_", 2)[2])
    assert made["token"] not in repr(listed) + raw
    assert made["token"].split("_", 2)[2] not in raw
    assert found is not None
    assert (made["id"], OPERATOR) == (found[0].id, found[1])
    assert made["token"] not in repr(await bot.audit.rows())


async def test_a_token_that_is_over_speaks_for_nobody(bot, call, tokens) -> None:
    """Expired, revoked, changed by one letter, or none at all."""
    short = await call("token.create", person=str(OPERATOR), days=1)
    ended = await call("token.create", person=str(OPERATOR))
    await call("token.revoke", id=ended["id"])
    now_ms = bot.clock.now_ms()
    text = short["token"]
    wrong = [
        text[:-1] + ("A" if text[-1] != "A" else "B"),
        text + "A",
        text[3:],
        "",
        "qd__",
        "qd_x_y",
        "\u00e9" * 60,
    ]

    assert None is await tokens.find(text, now_ms=now_ms + 86_400_001)
    assert None is await tokens.find(ended["token"], now_ms=now_ms)
    assert [None] * len(wrong) == [await tokens.find(one, now_ms=now_ms) for one in wrong]
    assert None is not await tokens.find(text, now_ms=now_ms)
    with pytest.raises(NotFound):
        await call("token.revoke", id=ended["id"])


@pytest.mark.parametrize("wish", [{"days": 0}, {"days": "x"}, {"scopes": ["deploy"]}, {"scopes": "x"}])
async def test_a_token_that_cannot_be_is_refused(call, wish) -> None:
    """A scope with a typo would be for nothing, or for everything."""
    with pytest.raises(UsageError):
        await call("token.create", person=str(OPERATOR), **wish)


async def test_a_hundred_tokens_are_a_hundred(call) -> None:
    """T16: nothing about them can be guessed from another one."""
    made = {(await call("token.create", person=str(OPERATOR)))["token"] for _ in range(100)}

    assert 100 == len(made)
    assert 100 == len({one.split("_", 2)[2][:8] for one in made})
