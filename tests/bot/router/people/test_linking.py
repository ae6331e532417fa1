"""Two accounts become one person by the word of both, and by nothing else, whatever somebody tries."""

from __future__ import annotations

import asyncio
import itertools
import re
from types import SimpleNamespace

import pytest

from quarterdeck.core.access import Asker
from quarterdeck.core.adapter import Ability
from quarterdeck.core.errors import Busy, Denied, NotFound, UsageError, UserError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.core.roles import Roles
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.people.linking import CODE_LENGTH, LETTERS, LinkDesk
from quarterdeck.router.policy import STRANGER
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.people.addresses import StoredAddresses
from quarterdeck.store.people.links import MOST_CODES, MOST_GUESSES, StoredLinks
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.testing.clock import FakeClock

ANNA, ANNAS_PHONE, MALLORY = "slack:T1:UANNA", "telegram::42", "discord::666"


class Desk:
    """Hold everything that linking needs, and count events."""

    def __init__(self, store) -> None:
        self.store, self.clock = store, FakeClock()
        self.audit = Audit(store, self.clock, lambda text: text)
        self.people_rows = StoredPeople(store)
        self.people = Directory(self.people_rows, owners={})
        self.sent: list[tuple[str, Reply, str]] = []
        self.abilities: dict[str, set[Ability]] = {
            "slack": {Ability.PRIVATE},
            "telegram": set(),
            "discord": set(),
        }
        self._numbers = itertools.count()
        self.desk = self.restarted()

    def restarted(self) -> LinkDesk:
        """Return the desk of a new process."""
        return LinkDesk(
            StoredLinks(self.people_rows, self.audit, Roles().higher),
            self.people_rows,
            StoredAddresses(self.store, self.people_rows, self.audit, Roles().higher),
            outbox=self,
            adapters={name: SimpleNamespace(abilities=held) for name, held in self.abilities.items()},
            record=self.audit,
            clock=self.clock,
        )

    async def send(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Keep what would be sent."""
        self.sent.append((to.id, reply, key))

    async def asker(self, identity: str, *, event: str = "", kind: str = "direct", name: str = "") -> Asker:
        """Return somebody who asks by a new event."""
        who = Identity.parse(identity)
        place = Conversation(id=f"{who.platform}:{kind}:{who.user_id}", platform=who.platform, kind=kind)
        return Asker(
            person=await self.people.person_of(who),
            identity=who,
            name=name or who.user_id,
            conversation=place,
            event_id=event or f"{who.platform}::{next(self._numbers)}",
        )

    async def grant(self, identity: str, role: str) -> None:
        """Give a role."""
        await self.people_rows.grant(Identity.parse(identity), role, now_ms=self.clock.now_ms())

    async def begin(self, identity: str = ANNA) -> str:
        """Ask for a code, and return it."""
        return code_in(await self.desk.begin(await self.asker(identity)))

    async def claim(self, identity: str, code: str, **options: str) -> str:
        """Give a code; returns the id of the link that both are asked about."""
        return link_in(await self.desk.claim(await self.asker(identity, **options), code))

    async def agree(self, identity: str, link_id: str) -> Reply:
        """Say yes."""
        return await self.desk.answer(await self.asker(identity), link_id, agrees=True)

    async def are_one(self, *identities: str) -> bool:
        """Tell whether these accounts are one person's."""
        found = {(await self.people.person_of(Identity.parse(one))).id for one in identities}
        return len(found) == 1


def code_in(reply: Reply) -> str:
    """Return the code that a reply tells."""
    return re.findall(r"`/link ([A-Z0-9]{4}-[A-Z0-9]{4})`", reply.text)[0]


def link_in(reply: Reply) -> str:
    """Return the link that a card asks about."""
    assert reply.card is not None
    return reply.card.buttons[0].value.split()[2]


@pytest.fixture
def desk(store) -> Desk:
    """Return a desk over a fresh store."""
    return Desk(store)


async def test_both_agree_and_are_one_person(desk: Desk) -> None:
    """Rights follow the person: what was granted on Slack holds on Telegram."""
    await desk.grant(ANNA, "editor")
    code = await desk.begin()
    link = await desk.claim(ANNAS_PHONE, code.lower().replace("-", ""))
    first = await desk.agree(ANNAS_PHONE, link)
    before = await desk.are_one(ANNA, ANNAS_PHONE)
    second = await desk.agree(ANNA, link)
    phone = await desk.people.person_of(Identity.parse(ANNAS_PHONE))

    assert ("other account must agree" in first.text, before) == (True, False)
    assert "one person now" in second.text
    assert await desk.are_one(ANNA, ANNAS_PHONE)
    assert "editor" == phone.role


@pytest.mark.parametrize("only", [ANNA, ANNAS_PHONE])
async def test_one_word_is_not_enough(desk: Desk, only: str) -> None:
    """Said twice, it is still one account's."""
    link = await desk.claim(ANNAS_PHONE, await desk.begin())
    for _ in range(3):
        await desk.agree(only, link)

    assert not await desk.are_one(ANNA, ANNAS_PHONE)


async def test_each_side_is_shown_the_other_by_its_immutable_id(desk: Desk) -> None:
    """A name can be anybody's; the id cannot."""
    code = await desk.begin()
    card = await desk.desk.claim(await desk.asker(ANNAS_PHONE, name="Anna\u202e `x`\nAdmin"), code)
    (place, asked, key) = desk.sent[0]
    shown = [[field.value for field in one.card.fields] for one in (card, asked)]

    assert [f"`{ANNA}`", f"`{ANNAS_PHONE}`"] == [fields[0] for fields in shown]
    assert "slack:direct:UANNA" == place
    assert key.endswith("~link")
    assert [] == [sign for sign in "\u202e`\n" if sign in shown[1][1]]
    assert [ANNAS_PHONE, ANNA] == [str(one.private_to) for one in (card, asked)]


async def test_who_stole_the_code_is_shown_to_its_owner_and_refused(desk: Desk) -> None:
    """A code that was read over a shoulder, or shown in a group, opens nothing."""
    await desk.grant(ANNA, "owner")
    code = await desk.begin()
    link = await desk.claim(MALLORY, code)
    await desk.agree(MALLORY, link)
    asked = desk.sent[0][1]
    refusal = await desk.desk.answer(await desk.asker(ANNA), link, agrees=False)

    assert MALLORY in asked.card.fields[0].value
    assert "Nothing was linked" in refusal.text
    assert not await desk.are_one(ANNA, MALLORY)
    with pytest.raises(UserError):
        await desk.agree(ANNA, link)
    assert "none" == (await desk.people.person_of(Identity.parse(MALLORY))).role


async def test_a_code_is_used_up_by_the_first_who_comes(desk: Desk) -> None:
    """Of two claimants at once, one is asked about; the other reads what every stranger reads."""
    code = await desk.begin()
    askers = [await desk.asker(one) for one in (ANNAS_PHONE, MALLORY)]
    results = await asyncio.gather(*(desk.desk.claim(one, code) for one in askers), return_exceptions=True)

    assert [Denied, Reply] == sorted((type(one) for one in results), key=lambda kind: kind.__name__)
    assert 1 == len(desk.sent)


async def test_a_code_cannot_be_used_again(desk: Desk) -> None:
    """Neither while both are asked nor after they are one."""
    code = await desk.begin()
    link = await desk.claim(ANNAS_PHONE, code)
    with pytest.raises(Denied):
        await desk.claim(MALLORY, code)
    for one in (ANNA, ANNAS_PHONE):
        await desk.agree(one, link)
    with pytest.raises(Denied):
        await desk.claim(MALLORY, code)


async def test_only_the_two_may_answer(desk: Desk) -> None:
    """Whoever gets hold of a card, by a screenshot or a log, cannot press it."""
    link = await desk.claim(ANNAS_PHONE, await desk.begin())
    for agrees in (True, False):
        with pytest.raises(UserError):
            await desk.desk.answer(await desk.asker(MALLORY), link, agrees=agrees)
    await desk.agree(ANNA, link)
    await desk.agree(ANNAS_PHONE, link)

    assert await desk.are_one(ANNA, ANNAS_PHONE)


@pytest.mark.parametrize("step", ["claim", "first", "second"])
async def test_ten_minutes_are_ten_minutes(desk: Desk, step: str) -> None:
    """A card that was left lying is worth nothing."""
    code = await desk.begin()
    if step == "claim":
        await desk.clock.advance(601)
        with pytest.raises(Denied):
            await desk.claim(ANNAS_PHONE, code)
        return
    link = await desk.claim(ANNAS_PHONE, code)
    if step == "second":
        await desk.agree(ANNAS_PHONE, link)
    await desk.clock.advance(601)
    with pytest.raises(UserError):
        await desk.agree(ANNA, link)

    assert not await desk.are_one(ANNA, ANNAS_PHONE)


async def test_who_changed_since_they_were_asked_is_asked_anew(desk: Desk) -> None:
    """Agreeing to a viewer is not agreeing to an owner."""
    link = await desk.claim(ANNAS_PHONE, await desk.begin())
    await desk.agree(ANNAS_PHONE, link)
    await desk.grant(ANNA, "owner")
    with pytest.raises(NotFound, match="changed"):
        await desk.agree(ANNA, link)

    assert not await desk.are_one(ANNA, ANNAS_PHONE)


async def test_one_account_guesses_five_times_and_no_more(desk: Desk) -> None:
    """Of 10,000 guesses five are looked up; then even the right code is not."""
    await desk.grant(MALLORY, "viewer")
    code = await desk.begin()
    outcomes: dict[type, int] = {}
    for guess in itertools.islice(itertools.product(LETTERS, repeat=CODE_LENGTH), 10_000):
        try:
            await desk.claim(MALLORY, "".join(guess), event="discord::same")
        except UserError as error:
            outcomes[type(error)] = outcomes.get(type(error), 0) + 1
    with pytest.raises(Busy):
        await desk.claim(MALLORY, code)

    assert {NotFound: 5, Busy: 9_995} == outcomes
    assert 5 == len([row for row in await desk.audit.rows() if row["detail"].get("what") == "wrong code"])


async def test_no_code_is_held_against_more_than_ten_guesses(desk: Desk) -> None:
    """However many accounts somebody makes."""
    code = await desk.begin()
    for number in range(MOST_GUESSES):
        with pytest.raises(Denied):
            await desk.claim(f"discord::{number}", "WRONGONE")
    with pytest.raises(Denied):
        await desk.claim(ANNAS_PHONE, code)


async def test_strangers_learn_nothing_from_guessing(desk: Desk) -> None:
    """Every answer is the one that they always get."""
    code = await desk.begin()
    await desk.claim(ANNAS_PHONE, code)
    said = set()
    for attempt in (code, "AAAA-AAAA", "", "x" * 40, "\u0391\u0391\u0391\u0391-1111", *["BBBB-BBBB"] * 5):
        with pytest.raises(Denied) as refusal:
            await desk.claim(MALLORY, attempt)
        said.add(refusal.value.message)

    assert {STRANGER} == said


async def test_a_code_is_told_only_where_nobody_reads_along(desk: Desk) -> None:
    """In a group it is for the asker's eyes, or it is not told."""
    with pytest.raises(UsageError, match="others read along"):
        await desk.desk.begin(await desk.asker(ANNAS_PHONE, kind="group"))
    with pytest.raises(UsageError, match="others read along"):
        await desk.claim(ANNAS_PHONE, await desk.begin(), kind="group")
    whispered = await desk.desk.begin(await desk.asker(ANNA, kind="group"))

    assert ANNA == str(whispered.private_to)


async def test_a_new_code_ends_the_old_one(desk: Desk) -> None:
    """There is never more than one to guess."""
    old, new = await desk.begin(), await desk.begin()
    with pytest.raises(Denied):
        await desk.claim(ANNAS_PHONE, old)

    assert await desk.claim(ANNAS_PHONE, new)


async def test_codes_are_given_sparingly(desk: Desk) -> None:
    """A flood of codes would be a flood of chances."""
    for _ in range(MOST_CODES):
        await desk.begin()
    with pytest.raises(Busy):
        await desk.begin()


async def test_a_code_lies_nowhere_in_clear(desk: Desk) -> None:
    """And its hash is keyed with what no file holds: a restart ends all open codes."""
    code = await desk.begin()
    dump = await desk.store.read(lambda c: repr(c.exec_driver_sql("SELECT * FROM links").all()))
    await desk.claim(ANNAS_PHONE, code)
    kept = await desk.store.read(lambda c: c.exec_driver_sql("SELECT code_hash FROM links").scalars().all())
    code = await desk.begin()
    desk.desk = desk.restarted()

    assert [None] == kept
    assert code.replace("-", "") not in dump
    assert code.replace("-", "") not in repr(await desk.audit.rows())
    with pytest.raises(Denied):
        await desk.claim(ANNAS_PHONE, code)


async def test_ones_own_code_links_nothing(desk: Desk) -> None:
    """It stays open for the other account."""
    code = await desk.begin()
    with pytest.raises(UsageError, match="another account"):
        await desk.claim(ANNA, code)

    assert await desk.claim(ANNAS_PHONE, code)


async def test_the_revoked_do_not_come_back_by_linking(desk: Desk) -> None:
    """Neither side brings the other in."""
    await desk.grant(MALLORY, "operator")
    await desk.people_rows.revoke(Identity.parse(MALLORY))
    await desk.grant(ANNA, "admin")
    link = await desk.claim(MALLORY, await desk.begin())
    await desk.agree(MALLORY, link)
    with pytest.raises(Denied, match="revoked"):
        await desk.agree(ANNA, link)

    assert "none" == (await desk.people.person_of(Identity.parse(MALLORY))).role


async def test_the_same_event_handled_again_does_the_same(desk: Desk) -> None:
    """A crash after the claim must not cost the code."""
    code = await desk.begin()
    first = await desk.claim(ANNAS_PHONE, code, event="telegram::7")
    again = await desk.claim(ANNAS_PHONE, code, event="telegram::7")
    for one in (ANNA, ANNAS_PHONE, ANNAS_PHONE):
        last = await desk.agree(one, first)

    assert first == again
    assert "one person now" in last.text
    assert {desk.sent[0][2]} == {key for _, _, key in desk.sent if key.endswith("~link")}


async def test_usage_follows_the_person(desk: Desk) -> None:
    """Two accounts do not have two budgets."""
    await desk.grant(ANNA, "viewer")
    statement = (
        "INSERT INTO usage (at_ms, provider, model, role, person_id, conversation_id, took_ms, outcome) "
        "VALUES (1, 'p', 'm', 'chat', 'telegram::42', '', 1, 'ok')"
    )
    await desk.store.write("usage.recorded", lambda c: c.exec_driver_sql(statement))
    link = await desk.claim(ANNAS_PHONE, await desk.begin())
    for one in (ANNA, ANNAS_PHONE):
        await desk.agree(one, link)
    person = await desk.people.person_of(Identity.parse(ANNA))
    owners = await desk.store.read(lambda c: c.exec_driver_sql("SELECT person_id FROM usage").scalars().all())

    assert [person.id] == owners


async def test_people_part_with_their_own_accounts_only(desk: Desk) -> None:
    """And never with the last one."""
    link = await desk.claim(ANNAS_PHONE, await desk.begin())
    for one in (ANNA, ANNAS_PHONE):
        await desk.agree(one, link)
    with pytest.raises(Denied):
        await desk.desk.remove(await desk.asker(MALLORY), ANNA)
    await desk.desk.remove(await desk.asker(ANNA), ANNAS_PHONE)
    with pytest.raises(Denied):
        await desk.desk.remove(await desk.asker(ANNA), "")

    assert not await desk.are_one(ANNA, ANNAS_PHONE)


async def test_every_step_is_on_record(desk: Desk) -> None:
    """From the code to the person that came of it."""
    link = await desk.claim(ANNAS_PHONE, await desk.begin())
    for one in (ANNA, ANNAS_PHONE):
        await desk.agree(one, link)
    steps = [row["detail"] for row in await desk.audit.rows() if row["kind"] == "link"]

    assert ["begun", "claimed", "agreed", "agreed", "linked"] == [one["what"] for one in steps]
    assert {ANNA, ANNAS_PHONE} == {steps[-1]["first"], steps[-1]["second"]}
    assert all(one["event"] for one in steps)
