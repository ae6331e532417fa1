"""Prove that money has a limit: many calls at once overshoot it by one at the most, and nothing is counted twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from quarterdeck.core.budget import MICRO, OverBudget, PlannedCall, Reservation
from quarterdeck.core.errors import NotFound
from quarterdeck.router.budget import BudgetLedger
from quarterdeck.runtime.settings.budgets import BudgetSettings
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.budget import StoredBudgets
from quarterdeck.testing.clock import FakeClock

CENT = MICRO // 100


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "quarterdeck.db", backups=tmp_path / "backups")
    yield store
    await store.close()


async def role_of(person_id: str) -> str:
    return "viewer" if person_id.startswith("v") else "operator"


def ledger(store: Store, *budgets: BudgetSettings, clock: FakeClock | None = None) -> BudgetLedger:
    return BudgetLedger(
        budgets, StoredBudgets(store), clock or FakeClock(), role_of=role_of, zone=ZoneInfo("Europe/Berlin")
    )


def call(cents: int | None = 10, **changes: object) -> PlannedCall:
    known: dict[str, object] = {
        "provider": "openai",
        "model": "m",
        "person_id": "p1",
        "conversation_id": "c1",
    }
    microusd = None if cents is None else cents * CENT
    return PlannedCall(**{**known, "tokens": 100, "microusd": microusd, **changes})  # type: ignore[arg-type]


async def paid(book: BudgetLedger, count: int, actual_cents: int) -> int:
    """Make so many calls at once; return how many were allowed. Each costs `actual_cents` in the end."""

    async def one() -> bool:
        try:
            reservation = await book.reserve(call())
        except OverBudget:
            return False
        await asyncio.sleep(0)
        await book.settle(reservation, microusd=actual_cents * CENT, tokens=100)
        return True

    return sum(await asyncio.gather(*(one() for _ in range(count))))


async def test_sixty_four_calls_at_once_against_ten(store: Store) -> None:
    """The promise of the issue: at most eleven are paid."""
    book = ledger(store, BudgetSettings(name="all", usd=1.00))
    assert 10 == await paid(book, 64, 10)
    (standing,) = await book.standings(person_id="p1", conversation_id="c1")
    assert (100 * CENT, True) == (standing.microusd, standing.is_used_up)


async def test_one_call_may_go_over_and_no_second_one(store: Store) -> None:
    """A call is let through while something is left."""
    book = ledger(store, BudgetSettings(name="all", usd=1.05))
    assert 11 == await paid(book, 64, 10)


async def test_tokens_are_limited_likewise(store: Store) -> None:
    """Where money is no object, tokens may be."""
    book = ledger(store, BudgetSettings(name="all", tokens=300))
    assert 3 == await paid(book, 10, 0)


async def test_what_was_set_aside_and_not_used_comes_back(store: Store) -> None:
    """An estimate is always too high."""
    book = ledger(store, BudgetSettings(name="all", usd=0.10))
    for _ in range(5):
        await book.settle(await book.reserve(call(10)), microusd=1 * CENT, tokens=10)
    (standing,) = await book.standings(person_id="p1", conversation_id="c1")
    assert (5 * CENT, 50) == (standing.microusd, standing.tokens)


async def test_settling_twice_counts_once(store: Store) -> None:
    """A retry of a settlement changes nothing."""
    book = ledger(store, BudgetSettings(name="all", usd=1))
    reservation = await book.reserve(call(10))
    for _ in range(3):
        await book.settle(reservation, microusd=7 * CENT, tokens=10)
    (standing,) = await book.standings(person_id="p1", conversation_id="c1")
    assert 7 * CENT == standing.microusd


async def test_a_process_that_died_leaves_its_reservation_spent(store: Store) -> None:
    """The vendor may have charged for what was under way."""
    await ledger(store, BudgetSettings(name="all", usd=0.10)).reserve(call(10))
    with pytest.raises(OverBudget):
        await ledger(store, BudgetSettings(name="all", usd=0.10)).reserve(call(10))


@pytest.mark.parametrize(
    ("budget", "other", "is_shared"),
    [
        (BudgetSettings(name="b", usd=0.1), {"person_id": "p2", "conversation_id": "c2"}, True),
        (BudgetSettings(name="b", usd=0.1, each="person"), {"person_id": "p2"}, False),
        (BudgetSettings(name="b", usd=0.1, each="person"), {"conversation_id": "c2"}, True),
        (BudgetSettings(name="b", usd=0.1, each="conversation"), {"conversation_id": "c2"}, False),
        (BudgetSettings(name="b", usd=0.1, each="provider"), {"provider": "groq"}, False),
        (BudgetSettings(name="b", usd=0.1, each="role"), {"person_id": "p2"}, True),
        (BudgetSettings(name="b", usd=0.1, each="role"), {"person_id": "v2"}, False),
        (BudgetSettings(name="b", usd=0.1, only=("person:p1",)), {"person_id": "p2"}, False),
        (BudgetSettings(name="b", usd=0.1, only=("role:operator",)), {"person_id": "v1"}, False),
    ],
)
async def test_whom_a_budget_counts(
    store: Store, budget: BudgetSettings, other: dict[str, object], is_shared: bool
) -> None:
    """Person, role, conversation and provider are counted apart where the owner says so."""
    book = ledger(store, budget)
    await book.reserve(call(10))
    if is_shared:
        with pytest.raises(OverBudget, match=r"\$0\.1 of \$0\.1 used|used up|does not allow"):
            await book.reserve(call(10, **other))
    else:
        await book.reserve(call(10, **other))


async def test_every_budget_must_allow_it_and_none_is_charged_otherwise(store: Store) -> None:
    """A refusal costs nothing."""
    book = ledger(
        store, BudgetSettings(name="wide", usd=1), BudgetSettings(name="narrow", usd=0, each="person")
    )
    with pytest.raises(OverBudget, match="narrow"):
        await book.reserve(call(10))
    wide, _ = await book.standings(person_id="p1", conversation_id="c1")
    assert 0 == wide.microusd


async def test_a_new_day_starts_in_the_owners_zone(store: Store) -> None:
    """Midnight is where the team is: 23:30 UTC in November is half past midnight in Berlin."""
    clock = FakeClock()
    book = ledger(store, BudgetSettings(name="b", usd=0.1), clock=clock)
    day = book._period("day")
    await book.reserve(call(10))
    await clock.advance(86_400)
    assert day != book._period("day")
    await book.reserve(call(10))


async def test_an_unknown_price_is_refused_where_money_counts(store: Store) -> None:
    """Nobody overspends on a model whose price nobody knows; the error names the setting."""
    with pytest.raises(OverBudget) as refused:
        await ledger(store, BudgetSettings(name="b", usd=1)).reserve(call(None))
    assert "providers.openai.prices.m" in refused.value.hint
    assert Reservation() != await ledger(store, BudgetSettings(name="t", tokens=1_000)).reserve(call(None))


async def test_more_for_this_period_only(store: Store) -> None:
    """An admin may add to a budget; tomorrow it is what the settings say."""
    clock = FakeClock()
    book = ledger(store, BudgetSettings(name="b", usd=0.1, at_limit=("ask",)), clock=clock)
    await book.reserve(call(10))
    with pytest.raises(OverBudget) as refused:
        await book.reserve(call(10))
    assert "/budget more b" in refused.value.hint
    standing = await book.top_up("b", person_id="p1", conversation_id="c1", microusd=10 * CENT)
    assert 20 * CENT == standing.limit_microusd
    await book.reserve(call(10))
    await clock.advance(86_400)
    (tomorrow,) = await book.standings(person_id="p1", conversation_id="c1")
    assert 10 * CENT == tomorrow.limit_microusd
    with pytest.raises(NotFound, match="no budget 'c'"):
        await book.top_up("c", person_id="p1", conversation_id="c1", microusd=1)


async def test_cheaper_is_asked_for_before_the_limit_is_passed(store: Store) -> None:
    """With `cheaper` a call that no longer fits is refused, so that a cheaper model takes it; free ones always fit."""
    book = ledger(store, BudgetSettings(name="b", usd=0.15, at_limit=("cheaper", "refuse")))
    await book.reserve(call(10))
    with pytest.raises(OverBudget) as refused:
        await book.reserve(call(10))
    assert ("cheaper", "refuse") == refused.value.at_limit
    await book.reserve(call(0))
    await book.reserve(call(2, is_cheaper=True))


async def test_without_budgets_nothing_is_written(store: Store) -> None:
    """Most installations have none."""
    assert Reservation() == await ledger(store).reserve(call())
