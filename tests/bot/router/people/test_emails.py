"""Prove whom one proven mail address makes one person, and that everything odd leaves people apart."""

from types import SimpleNamespace
from typing import Any

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.errors import Unavailable
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.core.roles import Roles
from quarterdeck.router.people.emails import KEEP_S, EmailDesk
from quarterdeck.router.people.identity import Directory
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.addresses import StoredAddresses
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.testing.clock import FakeClock

ANNA = "anna@example.com"
SLACK, WEB, NEW = (Identity.parse(one) for one in ("slack:T1:UANNA", "web::anna", "slack:T1:UNEW"))


class House:
    """Hold the desk, and platforms that say what a test wants: `said` gives each account's address."""

    def __init__(self, store: Any) -> None:
        self.clock = FakeClock()
        self.audit = Audit(store, self.clock, lambda text: text)
        self.people_rows = StoredPeople(store)
        self.rows = StoredAddresses(store, self.people_rows, self.audit, Roles().higher)
        self.said: dict[Identity, str] = {}
        self.sent: list[tuple[str, str]] = []
        self.asked = 0
        self.is_silent = False
        self.desk = self.restarted()

    def restarted(self, domains: tuple[str, ...] = ("example.com",), most: str = "operator") -> EmailDesk:
        """Return the desk of a new process."""
        adapter = SimpleNamespace(abilities={Ability.DIRECT}, direct=self.direct)
        self.desk = EmailDesk(
            self.rows,
            Directory(self.people_rows, owners={Identity.parse("slack:T1:UBOSS"): "Boss"}),
            domains=domains,
            most=Roles().of(most),
            provers=dict.fromkeys(("slack", "web"), self),
            adapters={"slack": adapter},  # type: ignore[dict-item]
            outbox=self,
            record=self.audit,
            clock=self.clock,
        )
        return self.desk

    async def email_of(self, identity: Identity) -> str:
        """Be every platform."""
        self.asked += 1
        if self.is_silent:
            raise Unavailable("not now", service="slack")
        return self.said.get(identity, "")

    async def direct(self, identity: Identity) -> Conversation:
        """Be reachable."""
        return Conversation(id=f"dm:{identity}", platform="slack", kind="direct")

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Keep what people are told."""
        self.sent.append((to.id, reply.text))

    async def come(self, *identities: Identity) -> list[str]:
        """Let accounts write, a while after they last did; return who they are."""
        await self.clock.advance(KEEP_S)
        return [(await self.desk.person_of(one)).id for one in identities]

    async def notes(self) -> list[Any]:
        """Return what the audit record says of links."""
        return [row["detail"] for row in await self.audit.rows() if row["kind"] == "link"]  # type: ignore[index]


@pytest.fixture
def house(store: Any) -> House:
    """Return a house in which anna has an account of each kind."""
    house = House(store)
    house.said = {SLACK: ANNA, WEB: ANNA}
    return house


async def invited(house: House, role: str = "operator") -> None:
    """Give the web account its role, as an invitation does."""
    await house.people_rows.grant(WEB, role, now_ms=1)


async def test_one_proven_address_makes_one_person(house: House) -> None:
    """The role follows, it is on record in the commit itself, and who is joined is told."""
    await invited(house)
    first, second = await house.come(WEB, SLACK)
    person = await house.desk.person_of(SLACK)

    assert (first, "operator") == (second, person.role)
    assert {str(SLACK), str(WEB)} == person.identities
    (note,) = await house.notes()
    assert ("linked by e-mail", ANNA, str(WEB), str(SLACK)) == (
        note["what"],
        note["address"],
        note["first"],
        note["second"],
    )
    ((place, text),) = house.sent
    assert (f"dm:{SLACK}", True) == (
        place,
        f"`{SLACK}` and `{WEB}` have proven the same mail address" in text,
    )
    assert {str(SLACK): ANNA, str(WEB): ANNA} == await house.rows.linked([str(SLACK), str(WEB)])


@pytest.mark.parametrize(
    "theirs",
    [
        "",
        "ann@example.com",
        "anna+x@example.com",
        "anna@mail.example.com",
        "anna@example.com.evil.test",
        "anna@elsewhere.test",
        "аnna@example.com",  # noqa: RUF001 - Cyrillic
        "anna@example.com ",
    ],
)
async def test_anything_else_makes_none(house: House, theirs: str) -> None:
    """What only looks like it, and what is of another domain."""
    await invited(house)
    house.said[SLACK] = theirs
    first, second = await house.come(WEB, SLACK)

    assert first != second
    assert "none" == (await house.desk.person_of(SLACK)).role


@pytest.mark.parametrize(
    "address", ["anna@elsewhere.test", "anna@mail.example.com", "anna@example.com.evil.test"]
)
async def test_one_address_in_a_domain_that_is_not_named_makes_none(house: House, address: str) -> None:
    """Proven by both, and still nobody's whom the owner of the bot trusts."""
    house.said = dict.fromkeys((SLACK, WEB), address)
    await invited(house)
    first, second = await house.come(WEB, SLACK)

    assert first != second


async def test_without_the_setting_nobody_is_asked(house: House) -> None:
    """Off as shipped: no platform is asked for an address."""
    house.restarted(domains=())
    await invited(house)
    first, second = await house.come(WEB, SLACK)

    assert (True, 0) == (first != second, house.asked)


@pytest.mark.parametrize("role", ["editor", "admin", "owner"])
async def test_who_may_do_more_is_not_joined_by_itself(house: House, role: str) -> None:
    """A role never rises in silence beyond what the setting says; they are told of /link, once."""
    await invited(house, role)
    first, second, again = await house.come(WEB, SLACK, SLACK)

    assert first != second == again
    ((_, text),) = house.sent
    assert "write `/link` to me here" in text
    assert ["not linked by e-mail"] == [note["what"] for note in await house.notes()]


async def test_an_owner_of_the_settings_is_not_joined_either(house: House) -> None:
    """What counts is what they are, not what was granted."""
    boss = Identity.parse("slack:T1:UBOSS")
    house.said[boss] = ANNA
    house.said.pop(SLACK)
    await invited(house)
    first, second = await house.come(WEB, boss)

    assert first != second


async def test_most_role_may_be_another(house: House) -> None:
    """The owner of the bot says how far."""
    house.restarted(most="admin")
    await invited(house, "admin")
    first, second = await house.come(WEB, SLACK)

    assert first == second


async def test_somebody_revoked_comes_not_back_by_mail(house: House) -> None:
    """What an admin took away, no address gives back."""
    await invited(house)
    await house.people_rows.revoke(WEB)
    first, second = await house.come(WEB, SLACK)

    assert (True, "none") == (first != second, (await house.desk.person_of(SLACK)).role)
    assert ["not linked by e-mail"] == [note["what"] for note in await house.notes()]


async def test_an_address_given_to_somebody_new_joins_nobody(house: House) -> None:
    """Mailboxes are recycled: a second account of the same workspace is somebody else."""
    await invited(house)
    await house.come(WEB, SLACK)
    house.said[NEW] = ANNA
    old, new = await house.come(SLACK, NEW)

    assert (True, "none") == (old != new, (await house.desk.person_of(NEW)).role)


async def test_an_account_with_another_address_is_parted_for_good(house: House) -> None:
    """It is not followed to the new address, nor taken back with the old one."""
    await invited(house)
    await house.come(WEB, SLACK)
    house.said[SLACK] = "boss@example.com"
    old, parted = await house.come(WEB, SLACK)
    house.said[SLACK] = ANNA
    still, apart = await house.come(WEB, SLACK)

    assert (True, True) == (old != parted, still != apart)
    assert "has another mail address than before" in house.sent[-1][1]
    assert {"what": "address lost", "account": str(SLACK), "parted": True} in await house.notes()


async def test_an_account_that_proves_none_any_more_is_parted(house: House) -> None:
    """It left, became a guest, or its address is unconfirmed again."""
    await invited(house)
    await house.come(WEB, SLACK)
    house.said[SLACK] = ""
    old, parted = await house.come(WEB, SLACK)

    assert old != parted


async def test_a_platform_that_is_silent_changes_nothing(house: House) -> None:
    """An outage is no proof of anything."""
    await invited(house)
    await house.come(WEB, SLACK)
    house.is_silent = True
    old, same = await house.come(WEB, SLACK)

    assert old == same


@pytest.mark.parametrize("which", [SLACK, WEB])
async def test_what_was_parted_by_hand_stays_apart(house: House, which: Identity) -> None:
    """Unlinking undoes it, and neither side brings it back by itself; /link still can."""
    await invited(house)
    await house.come(WEB, SLACK)
    await house.people_rows.unlink(which)
    house.restarted()
    first, second = await house.come(WEB, SLACK)
    await house.people_rows.link(WEB, SLACK, higher=Roles().higher, now_ms=5)
    both = await house.come(WEB, SLACK)

    assert (True, 1) == (first != second, len(set(both)))
    assert "address lost" not in [note["what"] for note in await house.notes()]


async def test_unlinked_before_it_was_switched_on_counts_too(house: House) -> None:
    """Somebody said that these are two people."""
    await invited(house)
    await house.people_rows.link(WEB, SLACK, higher=Roles().higher, now_ms=2)
    await house.people_rows.unlink(SLACK)
    first, second = await house.come(WEB, SLACK)

    assert first != second


async def test_a_person_gets_no_second_account_in_a_workspace(house: House) -> None:
    """Whoever is linked with another account of that workspace is another human, or has an alias to sort out."""
    await invited(house)
    await house.people_rows.link(WEB, NEW, higher=Roles().higher, now_ms=2)
    first, second = await house.come(WEB, SLACK)

    assert first != second


async def test_the_directory_keeps_people_apart(house: House) -> None:
    """Two entries are two people, whatever their mail says."""
    entries = {"anna": ("Anna", ("discord::1", str(WEB))), "bob": ("Bob", ("telegram::2", str(SLACK)))}
    await house.people_rows.sync(entries, higher=Roles().higher, now_ms=1)
    first, second = await house.come(WEB, SLACK)

    assert first != second
    assert "the directory says that they are two people" == (await house.notes())[-1]["why"]


async def test_a_platform_is_not_asked_for_each_message(house: House) -> None:
    """Once in a quarter of an hour for an account."""
    await house.come(SLACK)
    for _ in range(50):
        await house.desk.person_of(SLACK)

    assert 1 == house.asked


async def test_more_than_one_person_behind_an_address_is_nobody_in_particular(house: House) -> None:
    """A shared mailbox tells nobody apart."""
    third = Identity.parse("teams:T9:ANNA")
    house.desk._provers["teams"] = house  # type: ignore[index]
    house.said[third] = ANNA
    await invited(house, "admin")  # too much to be joined by itself, so two people have proven it
    await house.come(WEB, SLACK)
    await house.people_rows.grant(WEB, "operator", now_ms=3)
    house.desk._refused.clear()
    (found,) = await house.come(third)

    assert str(third) == found
    assert "more than one person has proven this address" == (await house.notes())[-1]["why"]


async def test_who_became_somebody_else_meanwhile_is_left_alone(house: House) -> None:
    """What was looked at must still be so when it is written."""
    await invited(house)
    seen = {SLACK: str(SLACK), WEB: "somebody else"}

    assert not await house.rows.join(SLACK, WEB, ANNA, seen=seen, now_ms=1)


async def test_an_address_that_somebody_gave_up_joins_nobody_new(house: House) -> None:
    """The mailbox of who was parted, or changed theirs, may be another human's by now."""
    await invited(house)
    await house.come(WEB, SLACK)
    house.said[SLACK] = "anna.new@example.com"
    await house.come(SLACK)
    house.said[NEW] = ANNA
    old, new = await house.come(WEB, NEW)

    assert (True, "none") == (old != new, (await house.desk.person_of(NEW)).role)


async def test_who_was_parted_is_not_taken_along_by_a_third(house: House) -> None:
    """A third account joins who is still there, and only them."""
    third = Identity.parse("teams:T9:ANNA")
    house.desk._provers["teams"] = house  # type: ignore[index]
    house.said[third] = ANNA
    await invited(house)
    await house.come(WEB, SLACK)
    await house.people_rows.unlink(SLACK)
    parted, web, joined = await house.come(SLACK, WEB, third)

    assert (True, True) == (web == joined, parted != joined)
