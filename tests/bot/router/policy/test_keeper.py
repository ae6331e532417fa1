"""A changed policy holds within a second, a wrong one never, and the last good one always."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

import pytest

from quarterdeck.core.access import AccessRequest
from quarterdeck.core.errors import SetupError
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.roles import Roles
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.policy.directory import read_directory
from quarterdeck.router.policy.keeper import LOOK_S, Keeper, Sources
from quarterdeck.router.policy.operations import Declarations, PolicyDesk
from quarterdeck.router.policy.reading import read_policy
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.testing.clock import FakeClock

ALLOW = "rules: [{name: go, allow: /deploy, role: viewer}]\n"
DENY = "rules: [{name: stop, deny: /deploy}]\n"
BROKEN = (
    "rules: [{name: go, allow: /deploy, rol: viewer}]\n",
    "rules: [{name: go, all",  # half written
    "rules: [{name: go, allow: /deploy, role: nobody-has-this}]\n",
    "\x00",
    "&a [*a]\n",
    "x: " * 200_000,
)


class House:
    """Hold the files and what keeps them."""

    def __init__(self, store, folder: Path) -> None:
        self.policy_file, self.directory_file = folder / "policy.yaml", folder / "people.yaml"
        self.clock, self.people = FakeClock(), StoredPeople(store)
        self.audit = Audit(store, self.clock, lambda text: text)
        self.directory = Directory(self.people, owners={})
        self._written = 0

    def keeper(self, *, is_named: bool = False, with_directory: bool = False) -> Keeper:
        """Return a keeper of a new process."""
        sync = partial(self.people.sync, higher=Roles().higher, now_ms=self.clock.now_ms())
        sources = Sources(
            policy=read_policy,
            policy_file=self.policy_file,
            is_policy_named=is_named,
            directory_file=self.directory_file if with_directory else None,
            entries=read_directory,
            sync=sync,
        )
        return Keeper(sources, self.audit, self.clock)

    def write(self, text: str, file: Path | None = None) -> None:
        """Write a file, later than before whatever the file system's clock says."""
        file = file or self.policy_file
        file.write_text(text, "utf-8")
        self._written += 1
        os.utime(file, (self._written, self._written))


@pytest.fixture
def house(store, tmp_path: Path) -> House:
    """Return a house without files."""
    return House(store, tmp_path)


async def may_deploy(keeper: Keeper) -> bool:
    """Ask for an editor's command as a viewer."""
    asked = AccessRequest(
        person=Person(id="p", name="", role="viewer"),
        identity=Identity.parse("slack:T1:U1"),
        action="command:deploy",
        way="message",
        least_role="editor",
    )
    return (await keeper.authority.authorise(asked)).allowed


async def test_a_file_that_comes_changes_and_goes_is_taken_over(house: House) -> None:
    """Without a restart, and nothing is asked of the disk between looks."""
    keeper = house.keeper()
    seen = [await may_deploy(keeper)]
    for text in (ALLOW, DENY, ALLOW, None):
        house.write(text) if text else house.policy_file.unlink()
        before = await may_deploy(keeper)
        await keeper.look()
        seen += [before, await may_deploy(keeper)]

    assert [False, False, True, True, False, False, True, True, False] == seen


async def test_the_look_comes_within_a_second(house: House) -> None:
    """By itself, as long as the bot runs."""
    keeper = house.keeper()
    house.write(ALLOW)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(keeper.watch())
        await house.clock.wait_for_sleepers()
        await house.clock.advance(LOOK_S)
        while not await may_deploy(keeper):
            await asyncio.sleep(0)
        watching.cancel()

    assert LOOK_S <= 1.0


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_wrong_file_changes_nothing(house: House, broken: str, caplog) -> None:
    """F28: the last good one stays in force, and the log says what is wrong and where."""
    house.write(ALLOW)
    keeper = house.keeper()
    house.write(broken)
    await keeper.look()
    stays = await may_deploy(keeper)
    with pytest.raises(SetupError) as refusal:
        await keeper.reload()
    house.write(DENY)
    await keeper.look()

    assert (True, False) == (stays, await may_deploy(keeper))
    assert str(house.policy_file) == refusal.value.file
    assert "the last good one stays" in caplog.text
    assert None is keeper.problem


async def test_two_hundred_wrong_files_in_a_row_change_nothing(house: House) -> None:
    """F28: whatever comes."""
    house.write(ALLOW)
    keeper = house.keeper()
    for cut in range(200):
        house.write(BROKEN[cut % 3][: 5 + cut // 3] + "]{:")
        await keeper.look()
        assert await may_deploy(keeper)


async def test_a_wrong_file_at_the_start_keeps_the_bot_from_starting(house: House) -> None:
    """There is no last good one: guessing would be worse."""
    house.write(BROKEN[0])
    with pytest.raises(SetupError):
        house.keeper()


async def test_a_named_file_must_be_there(house: House) -> None:
    """A typo in `access.policy` must not mean our rules."""
    with pytest.raises(SetupError, match="cannot read"):
        house.keeper(is_named=True)


async def test_every_policy_that_came_into_force_is_on_record(house: House) -> None:
    """When did the rule change? is asked after an incident."""
    keeper = house.keeper()
    house.write(ALLOW)
    await keeper.look()

    assert [("policy", "reload")] == [
        (row["kind"], row["detail"]["what"]) for row in await house.audit.rows()
    ]


async def test_the_directory_makes_accounts_one_person_and_parts_them(house: House) -> None:
    """As its file says, also when it changes."""
    people = [Identity.parse(one) for one in ("slack:T1:U1", "telegram::42", "discord::7")]
    await house.people.grant(people[0], "editor", now_ms=1)
    house.write("people: {anna: {name: Anna, identities: [slack:T1:U1, telegram::42]}}", house.directory_file)
    keeper = house.keeper(with_directory=True)
    await keeper.start()
    roles = [[(await house.directory.person_of(one)).role for one in people]]
    house.write("people: {anna: {name: Anna, identities: [slack:T1:U1, discord::7]}}", house.directory_file)
    await keeper.look()
    roles.append([(await house.directory.person_of(one)).role for one in people])
    house.write("people: [", house.directory_file)
    await keeper.look()
    roles.append([(await house.directory.person_of(one)).role for one in people])
    house.write("", house.directory_file)
    await keeper.look()
    roles.append([(await house.directory.person_of(one)).role for one in people])

    first, second = ["editor", "editor", "none"], ["editor", "none", "editor"]
    assert [first, second, second, ["editor", "none", "none"]] == roles


async def test_an_account_that_moves_in_the_directory_brings_nobody_along(house: House) -> None:
    """Who had it before is not made one with who has it now."""
    house.write("people: {a: {identities: [a::1, x::9]}, b: {identities: [b::1]}}", house.directory_file)
    keeper = house.keeper(with_directory=True)
    await keeper.start()
    house.write("people: {a: {identities: [a::1]}, b: {identities: [b::1, x::9]}}", house.directory_file)
    await keeper.look()
    ids = [(await house.directory.person_of(Identity.parse(one))).id for one in ("a::1", "b::1", "x::9")]

    assert ids[0] != ids[1]
    assert ids[1] == ids[2]


async def test_the_directory_does_not_bring_back_the_revoked(house: House, caplog) -> None:
    """The entry is left out and named; the others hold."""
    await house.people.grant(Identity.parse("a::1"), "admin", now_ms=1)
    await house.people.grant(Identity.parse("a::2"), "viewer", now_ms=1)
    await house.people.revoke(Identity.parse("a::2"))
    house.write(
        "people: {a: {identities: [a::1, a::2]}, b: {identities: [b::1, b::2]}}", house.directory_file
    )
    await house.keeper(with_directory=True).start()
    ids = [
        (await house.directory.person_of(Identity.parse(one))).id for one in ("a::1", "a::2", "b::1", "b::2")
    ]

    assert 3 == len(set(ids))
    assert "none" == (await house.directory.person_of(Identity.parse("a::2"))).role
    assert "not taken over" in caplog.text


async def test_explain_shows_what_would_be_decided_and_why(house: House) -> None:
    """For who writes the rules: the same code, the same trace."""
    house.write("rules: [{name: prod, deny: /deploy, arguments: {env: prod, replicas: {min: 3}}}]\n")
    await house.people.grant(Identity.parse("slack:T1:U1"), "admin", now_ms=1)

    async def find(text: str) -> Identity:
        return Identity.parse(text)

    class Nothing:
        """Know no command."""

        def get(self, name: str) -> None:
            """Return None."""

    desk = PolicyDesk(house.keeper(), people=house.directory, find=find, declarations=Declarations(Nothing()))
    (explain,) = [one.handler for one in desk.all() if one.name == "policy.explain"]

    async def ask(**arguments: str):
        return await explain({"person": "slack:T1:U1", "action": "/deploy", "arguments": arguments}, None)

    prod, staging = await ask(env="prod", replicas="3"), await ask(env="staging", replicas="3")

    assert ("deny", "deny") == (prod["decision"], staging["decision"])
    assert "prod" in prod["rule"]
    assert "needs the role owner" in staging["rule"]
    assert [("prod", False), ("commands by role", False)] == [
        (one["rule"], one["fits"]) for one in staging["trace"]
    ]
