"""Prove that what two accounts had is one person's after they were linked: money, notes, words; nothing is doubled."""

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from quarterdeck.core.budget import MICRO, OverBudget, PlannedCall
from quarterdeck.core.person import Identity
from quarterdeck.core.roles import Roles
from quarterdeck.router.budget import BudgetLedger
from quarterdeck.runtime.settings.budgets import BudgetSettings
from quarterdeck.store.conversations.notes import StoredNotes
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.budget import StoredBudgets
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.testing.clock import FakeClock

ANNA, ANNA_TOO = (
    Identity(platform="slack", workspace="T1", user_id="U1"),
    Identity(platform="telegram", user_id="42"),
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "quarterdeck.db")
    yield store
    await store.close()


async def linked(store: Store) -> tuple[str, str]:
    """Grant both accounts a role, and return the ids of the two people that they are."""
    people = StoredPeople(store)
    ids = [(await people.grant(one, "operator", now_ms=n)).id for n, one in enumerate((ANNA, ANNA_TOO), 1)]
    return ids[0], ids[1]


async def test_linking_is_no_way_to_a_fresh_purse(store: Store) -> None:
    """What both have spent counts together."""
    first, second = await linked(store)

    async def role_of(person_id: str) -> str:
        return "operator"

    book = BudgetLedger(
        [BudgetSettings(name="b", each="person", usd=1)],
        StoredBudgets(store),
        FakeClock(),
        role_of=role_of,
        zone=ZoneInfo("UTC"),
    )

    def call(person_id: str) -> PlannedCall:
        return PlannedCall(provider="p", model="m", person_id=person_id, tokens=1, microusd=MICRO * 6 // 10)

    open_one = await book.reserve(call(second))
    await book.reserve(call(first))
    await StoredPeople(store).link(ANNA, ANNA_TOO, higher=Roles().higher, now_ms=9)
    (standing,) = await book.standings(person_id=first, conversation_id="")
    assert MICRO * 12 // 10 == standing.microusd
    await book.settle(open_one, microusd=0, tokens=0)
    (standing,) = await book.standings(person_id=first, conversation_id="")
    assert MICRO * 6 // 10 == standing.microusd
    await book.reserve(call(first))
    with pytest.raises(OverBudget):
        await book.reserve(call(first))


async def test_notes_of_both_are_the_persons(store: Store) -> None:
    """What either asked to be remembered is known to both."""
    first, second = await linked(store)
    notes = StoredNotes(store)
    for person_id, by in ((first, ANNA), (second, ANNA_TOO)):
        await notes.add_note("x", scope="person", person_id=person_id, conversation_id="c", by=by, now_ms=1)
    await StoredPeople(store).link(ANNA, ANNA_TOO, higher=Roles().higher, now_ms=9)
    assert 2 == len(await notes.notes(person_id=first, conversation_id="c"))
