"""Rights by groups follow the person, and end everywhere within a minute of leaving."""

from __future__ import annotations

import pytest

from quarterdeck.core.errors import ServiceError
from quarterdeck.core.person import Identity, Person
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.policy.groups import FAILED_KEEP_S, KEEP_S, Group, GroupMap, PlatformGroups
from quarterdeck.store.people.people import PersonRow
from quarterdeck.testing.clock import FakeClock

SLACK, PHONE, OTHER = (Identity.parse(one) for one in ("slack:T1:U1", "telegram::42", "slack:T1:U2"))
ONCALL = "slack:T1:S1"
ADAPTER_AGE_S = 30.0  # what `Groups.groups_of` promises


class Slack:
    """Know who is in which user group, or nothing."""

    def __init__(self) -> None:
        self.groups: dict[str, set[str]] = {str(SLACK): {ONCALL}}
        self.is_down, self.asked = False, 0

    async def groups_of(self, identity: Identity) -> frozenset[str]:
        """Answer, or fail."""
        self.asked += 1
        if self.is_down:
            raise ServiceError("down", service="slack", retryable=True)
        return frozenset(self.groups.get(str(identity), ()))


class Rows:
    """Know that two accounts are Anna's."""

    def __init__(self, role: str = "viewer") -> None:
        self.anna = PersonRow(
            person=Person(id="anna", name="Anna", role=role), identities=(str(SLACK), str(PHONE))
        )

    async def known(self, identity: Identity) -> PersonRow | None:
        """Return Anna."""
        return self.anna if str(identity) in self.anna.identities else None

    async def all(self) -> list[PersonRow]:
        """Return Anna."""
        return [self.anna]


class House:
    """Hold a directory over a platform."""

    def __init__(self, role: str = "viewer", gives: str = "editor") -> None:
        self.clock, self.slack = FakeClock(), Slack()
        self.map = GroupMap([Group(name="oncall", platforms=frozenset({ONCALL}), role=gives)])
        platforms = PlatformGroups({"slack": self.slack, "telegram": object()}, self.clock)
        self.directory = Directory(
            Rows(role), owners={}, groups=lambda: self.map, platforms=platforms, default_role="none"
        )

    async def see(self, identity: Identity, proven: frozenset[str] | None = None) -> tuple[str, list[str]]:
        """Return role and groups."""
        person = await self.directory.person_of(identity, groups=proven)
        return person.role, sorted(person.groups)


@pytest.mark.parametrize("account", [SLACK, PHONE])
async def test_a_group_of_one_platform_holds_on_all(account: Identity) -> None:
    """On call in Slack is on call from the phone."""
    assert ("editor", ["oncall"]) == await House().see(account)


async def test_who_is_not_in_it_has_nothing_of_it() -> None:
    """Nor does a stranger on the same platform."""
    assert ("none", []) == await House().see(OTHER)


@pytest.mark.parametrize("account", [SLACK, PHONE])
async def test_who_left_has_lost_it_everywhere_within_a_minute(account: Identity) -> None:
    """What the adapter says may be 30 s old, and is kept here for so long only."""
    house = House()
    await house.see(account)
    house.slack.groups.clear()
    await house.clock.advance(60 - ADAPTER_AGE_S)

    assert ("viewer", []) == await house.see(account)
    assert ADAPTER_AGE_S + KEEP_S < 60


async def test_a_platform_is_not_asked_at_each_event() -> None:
    """A busy channel must not become a storm of calls."""
    house = House()
    for _ in range(100):
        await house.see(SLACK)

    assert 1 == house.slack.asked


async def test_a_platform_without_groups_in_the_policy_is_not_asked_at_all() -> None:
    """Most policies name none."""
    house = House()
    house.map = GroupMap([Group(name="people", people=frozenset({str(PHONE)}))])

    assert ("viewer", ["people"]) == await house.see(SLACK)
    assert 0 == house.slack.asked


async def test_while_the_platform_does_not_answer_its_groups_give_nothing() -> None:
    """Fail shut; and come back soon after it does."""
    house = House()
    house.slack.is_down = True
    down = await house.see(SLACK)
    house.slack.is_down = False
    await house.clock.advance(FAILED_KEEP_S)

    assert ("viewer", []) == down
    assert ("editor", ["oncall"]) == await house.see(SLACK)


async def test_what_the_event_proves_is_newer_than_what_the_platform_said() -> None:
    """Of its own workspace; of others the event says nothing."""
    house = House()
    house.slack.groups[str(SLACK)] = {ONCALL, "slack:T2:S9"}
    house.map = GroupMap(
        [
            Group(name="oncall", platforms=frozenset({ONCALL})),
            Group(name="two", platforms=frozenset({"slack:T2:S9"})),
        ]
    )

    assert ("viewer", ["oncall", "two"]) == await house.see(SLACK)
    assert ("viewer", ["two"]) == await house.see(SLACK, frozenset({"slack:T1:S7"}))
    house.slack.groups.clear()
    assert ("viewer", ["oncall"]) == await House(gives="").see(SLACK, frozenset({ONCALL}))


async def test_a_group_takes_nothing_away() -> None:
    """The higher of what was granted and what the group gives."""
    assert ["admin", "editor"] == [(await House(role).see(SLACK))[0] for role in ("admin", "viewer")]


async def test_the_revoked_get_nothing_back_from_a_group() -> None:
    """What an admin took away, a platform's list does not return."""
    assert ("none", []) == await House("none").see(SLACK)


async def test_an_owner_of_the_settings_is_one_from_every_account() -> None:
    """Rights follow the person, whichever account the settings name."""
    directory = Directory(Rows("none"), owners={PHONE: ""})

    assert "owner" == (await directory.person_of(SLACK)).role


async def test_a_group_that_left_the_policy_gives_nothing_any_more() -> None:
    """Nor does what was remembered of its members, and the other way round."""
    house, seen = House(), []
    before = house.map
    for groups in (GroupMap(), before, GroupMap(), before, GroupMap()):
        house.map = groups
        seen.append((await house.see(SLACK))[0])

    assert ["viewer", "editor", "viewer", "editor", "viewer"] == seen
