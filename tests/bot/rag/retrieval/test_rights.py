"""What somebody may not read does not exist for them; in a channel that is what anybody there may not read."""

from collections.abc import Mapping

import pytest

from quarterdeck.core.errors import Unavailable
from quarterdeck.core.knowledge import PUBLIC, Scope
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.rag.retrieval.rights import Readers
from quarterdeck.router.policy.authority import Authority
from quarterdeck.router.policy.reading import read_policy

ADA, BOB, EVE = (Identity(platform="slack", workspace="T1", user_id=name) for name in ("ADA", "BOB", "EVE"))
HANDBOOK = Scope(collection="handbook", audience=PUBLIC)
RUNBOOKS = Scope(collection="runbooks", audience="role:operator")
LEADS = Scope(collection="leads", audience="group:leads")
CHANNEL = Scope(collection="talk", audience="conversation:slack:T1:C1")
ALL = [HANDBOOK, RUNBOOKS, LEADS, CHANNEL]
C1 = Conversation(id="slack:T1:C1", platform="slack", kind="group")
C2 = Conversation(id="slack:T1:C2", platform="slack", kind="group")
DIRECT = Conversation(id="slack:T1:D1", platform="slack")


def person(identity: Identity, role: str, *groups: str) -> Person:
    """Return somebody with one account."""
    return Person(
        id=str(identity),
        name="",
        role=role,
        groups=frozenset(groups),
        identities=frozenset({str(identity)}),
    )


class Town:
    """Know people, and who reads which channel."""

    def __init__(self) -> None:
        self.people = {
            ADA: person(ADA, "operator", "leads"),
            BOB: person(BOB, "viewer"),
            EVE: person(EVE, "none"),
        }
        self.rooms: Mapping[str, frozenset[Identity] | None] = {
            C1.id: frozenset({ADA, BOB}),
            C2.id: frozenset({ADA}),
        }

    async def person_of(self, identity: Identity, name: str = "", groups=None) -> Person:
        return self.people[identity]

    async def members(self, of: Conversation) -> frozenset[Identity] | None:
        found = self.rooms.get(of.id, "lost")
        if found == "lost":
            raise Unavailable("Slack did not say", service="slack")
        return found


@pytest.fixture
def town() -> Town:
    """Return a town of three."""
    return Town()


@pytest.fixture
def readers(town: Town) -> Readers:
    """Return the readers of the town, under the shipped policy."""
    return Readers(Authority(), town, town.members)


async def names(
    readers: Readers, who: Person | None, where: Conversation | None
) -> tuple[set[str], set[str]]:
    """Return which collections may be read here, and by the asker alone."""
    found = await readers.readable(ALL, person=who, conversation=where)
    return {scope.collection for scope in found.here}, {scope.collection for scope in found.own}


async def test_alone_a_person_reads_what_they_are_of(readers: Readers, town: Town) -> None:
    """Roles, groups, and what is said in channels that they read."""
    ada, bob = town.people[ADA], town.people[BOB]

    assert ({"handbook", "runbooks", "leads", "talk"},) * 2 == await names(readers, ada, DIRECT)
    assert ({"handbook", "talk"},) * 2 == await names(readers, bob, DIRECT)


async def test_in_a_channel_everybody_must_be_of_it(readers: Readers, town: Town) -> None:
    """Ada may read more than Bob, who reads along."""
    ada = town.people[ADA]

    assert ({"handbook", "talk"}, {"handbook", "runbooks", "leads", "talk"}) == await names(readers, ada, C1)
    assert ({"handbook", "runbooks", "leads", "talk"},) * 2 == await names(readers, ada, C2)


async def test_where_nobody_knows_who_reads_only_what_is_public_is_shown(
    readers: Readers, town: Town
) -> None:
    """Unknown members, a platform that does not answer: strangers may be there."""
    lost = Conversation(id="slack:T1:C9", platform="slack", kind="group")
    town.rooms = {**town.rooms, C2.id: None}

    assert {"handbook"} == (await names(readers, town.people[ADA], lost))[0]
    assert {"handbook"} == (await names(readers, town.people[ADA], C2))[0]


async def test_what_was_said_here_is_known_here(readers: Readers, town: Town) -> None:
    """Whoever reads a channel reads what is said in it, its threads too, whoever they are."""
    town.rooms = {**town.rooms, C1.id: None}
    thread = Conversation(id=f"{C1.id}:1.2", platform="slack", kind="thread")

    assert {"handbook", "talk"} == (await names(readers, town.people[ADA], C1))[0]
    assert {"handbook", "talk"} == (await names(readers, town.people[ADA], thread))[0]


async def test_a_stranger_who_reads_along_narrows_it_to_what_is_public(readers: Readers, town: Town) -> None:
    """Somebody without a role is somebody, too."""
    town.rooms = {**town.rooms, C2.id: frozenset({ADA, EVE})}

    assert {"handbook"} == (await names(readers, town.people[ADA], C2))[0]


async def test_a_revoked_role_is_gone_with_the_next_question(readers: Readers, town: Town) -> None:
    """Nothing of a right is remembered from one question to the next."""
    before = await names(readers, town.people[ADA], DIRECT)
    town.people[ADA] = person(ADA, "viewer")
    after = await names(readers, town.people[ADA], DIRECT)

    assert ("runbooks" in before[0], "leads" in before[0]) == (True, True)
    assert {"handbook", "talk"} == after[0]


async def test_without_a_person_only_what_is_public_is_found(readers: Readers) -> None:
    """A workflow that asks for nobody."""
    assert ({"handbook"}, {"handbook"}) == await names(readers, None, None)


async def test_a_policy_rule_closes_a_collection(town: Town, tmp_path) -> None:
    """`deny: collection:handbook` holds for knowledge as for everything else; in a channel for all of it."""
    (tmp_path / "policy.yaml").write_text(
        "rules:\n  - name: not for Bob\n    deny: collection:handbook\n    person: slack:T1:BOB\n"
    )
    readers = Readers(Authority(read_policy(tmp_path / "policy.yaml")), town, town.members)

    assert {"talk"} == (await names(readers, town.people[BOB], DIRECT))[0]
    assert {"talk"} == (await names(readers, town.people[ADA], C1))[0]
    assert "handbook" in (await names(readers, town.people[ADA], C2))[0]
