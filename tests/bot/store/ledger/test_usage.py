"""Prove that what models used is added up rightly, also where a vendor does not say."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from quarterdeck.core.model import UsageRow
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.ledger.usage import StoredUsage, StoredUsageLog, Total


def row(at_ms: int, model: str, tokens: tuple[int | None, int | None], *, person_id: str = "p1") -> UsageRow:
    return UsageRow(
        at_ms=at_ms,
        provider="openai",
        model=model,
        role="chat",
        person_id=person_id,
        conversation_id="c1",
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        took_ms=10,
        outcome="ok",
    )


async def test_calls_are_added_up_by_model(store: Store) -> None:
    """Whoever used most comes first; unknown tokens are counted as unknown, not as none."""
    usage = StoredUsage(store, Audit(store, SystemClock(), lambda text: text))
    for one in (row(1, "small", (5, 5)), row(2, "large", (100, 50)), row(3, "small", (None, None))):
        await usage.record(one)
    small = Total(
        name="openai/small", calls=2, calls_without_tokens=1, input_tokens=5, output_tokens=5, took_ms=20
    )
    large = Total(
        name="openai/large", calls=1, calls_without_tokens=0, input_tokens=100, output_tokens=50, took_ms=10
    )

    assert [large, small] == await usage.totals("model")


async def test_totals_begin_at_a_moment_and_may_be_one_persons(store: Store) -> None:
    """A budget is for one day and one person."""
    usage = StoredUsage(store, Audit(store, SystemClock(), lambda text: text))
    for at_ms in range(10):
        await usage.record(row(at_ms, "m", (1, 0), person_id=f"p{at_ms % 2}"))

    assert [("p0", 2), ("p1", 3)] == sorted(
        (t.name, t.calls) for t in await usage.totals("person", since_ms=5)
    )
    assert [("c1", 5)] == [(t.name, t.calls) for t in await usage.totals("conversation", person_id="p1")]
    assert [("ok", 10)] == [(t.name, t.calls) for t in await usage.totals("outcome")]


async def test_no_calls_no_totals(store: Store) -> None:
    """The first day shows an empty table, not a row of nothing."""
    assert [] == await StoredUsage(store, Audit(store, SystemClock(), lambda text: text)).totals("model")


async def test_use_is_summed_up_by_what_is_asked_for(store: Store) -> None:
    """By model, provider, person or conversation; with what came from the cache, what failed, and the time."""
    clock = SystemClock()
    usage = StoredUsage(store, Audit(store, clock, lambda text: text))
    now_ms = clock.now_ms()
    await usage.record(replace(row(now_ms, "m", (10, 5)), cached_tokens=8, microusd=3))
    await usage.record(replace(row(now_ms, "m", (None, None), person_id="p2"), outcome="Unavailable"))
    await usage.record(replace(row(now_ms, "d", (None, None)), role="image", images=2, microusd=40))
    seen = StoredUsageLog(usage, clock, ZoneInfo("UTC"))

    [drawn, written] = await seen.by_model(days=1)
    [provider] = await seen.by_model(days=1, by="provider")
    people = await seen.by_model(days=1, by="person")
    [place] = await seen.by_model(days=1, by="conversation")

    assert ("openai/d", 2, 40) == (drawn.name, drawn.images, drawn.microusd)
    assert ("openai/m", 15, 8, 1, 20) == (
        written.name,
        written.tokens,
        written.cached_tokens,
        written.failed,
        written.took_ms,
    )
    assert (["p1", "p2"], "openai", "c1", 3) == (
        [one.name for one in people],
        provider.name,
        place.name,
        place.calls,
    )
