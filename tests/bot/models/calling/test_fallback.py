"""Hold retries and fallbacks to their bounds: soon told, never two halves of different answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from quarterdeck.core.errors import AuthFailed, KeyMissing, RateLimited, Rejected, ServiceError, Unavailable
from quarterdeck.core.model import Connected, Delta, ModelRequest, Usage
from quarterdeck.models.calling.breaker import FAILURES, REST_S
from quarterdeck.models.calling.fallback import ANSWER_LIMIT, Fallback, Link
from quarterdeck.models.calling.meter import Meter, Purpose
from quarterdeck.models.calling.prices import Prices
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.testing.clock import FakeClock

FREE = Meter(None, Prices({}), lambda _: None)
PURPOSE = Purpose(role="chat", person_id="p1", conversation_id="c1")
DOWN = Unavailable("down", service="a")


class Instant(FakeClock):
    """Pass the time that anybody sleeps at once, and remember how long that was."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Note the sleep."""
        self.slept_s.append(seconds)
        await self.advance(seconds)


class Scripted:
    """Be a dialect that does what its script says, call by call: items are yielded, exceptions raised."""

    def __init__(self, *script: Sequence[Delta | Exception]) -> None:
        self.script = list(script)
        self.requests: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """Play the next part of the script; the last again and again."""
        self.requests.append(request)
        items = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        for item in items:
            if isinstance(item, Exception):
                raise item
            yield item

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Have none."""
        return []

    async def models(self) -> list[str]:
        """Have none."""
        return []

    async def close(self) -> None:
        """Have nothing to close."""


WHOLE = (Delta(text="Hello"), Delta(finish="stop", usage=Usage(input_tokens=3, output_tokens=1)))


@pytest.fixture
def clock() -> Instant:
    """Return a clock on which sleeping takes no time."""
    return Instant()


@pytest.fixture
def recorder(kit: Any) -> Any:
    """Return what keeps usage rows."""
    return kit.recorder()


@pytest.fixture
def fallback(clock: Instant, recorder: Any) -> Fallback:
    """Return the thing under test."""
    return Fallback(clock=clock, meter=FREE, record=recorder)


def link(dialect: Scripted, name: str = "a") -> Link:
    """Put a dialect into a chain."""

    async def open_() -> Scripted:
        return dialect

    return Link(connected=Connected(provider=name, model=f"{name}-model"), open=open_)


async def text_of(kit: Any, fallback: Fallback, *chain: Link) -> str:
    """Return the text of the answer."""
    return "".join(delta.text for delta in await kit.heard(fallback.complete(chain, kit.ask(), PURPOSE)))


async def test_what_can_be_tried_again_is_tried_again(kit: Any, fallback: Fallback, clock: Instant) -> None:
    """A vendor's hiccup is not the user's problem."""
    dialect = Scripted([DOWN], [DOWN], WHOLE)

    text = await text_of(kit, fallback, link(dialect))

    assert ("Hello", 3, 2) == (text, len(dialect.requests), len(clock.slept_s))
    assert sum(clock.slept_s) < 4.0


async def test_three_attempts_are_the_most(kit: Any, fallback: Fallback) -> None:
    """A vendor that is down is not hammered."""
    dialect = Scripted([DOWN])

    with pytest.raises(Unavailable):
        await text_of(kit, fallback, link(dialect))

    assert 3 == len(dialect.requests)


async def test_retry_after_is_honoured(kit: Any, fallback: Fallback, clock: Instant) -> None:
    """Never earlier than asked, a little later by chance."""
    dialect = Scripted([RateLimited("slow", service="a", retry_after_s=2.0)], WHOLE)

    await text_of(kit, fallback, link(dialect))

    assert [True] == [2.0 <= slept_s <= 2.2 for slept_s in clock.slept_s]


async def test_a_long_retry_after_is_told_at_once(kit: Any, fallback: Fallback, clock: Instant) -> None:
    """Whoever asked hears within five seconds, and how long it will take."""
    dialect = Scripted([RateLimited("slow", service="a", retry_after_s=60.0)])

    with pytest.raises(RateLimited) as caught:
        await text_of(kit, fallback, link(dialect))

    assert (60.0, [], 1) == (caught.value.retry_after_s, clock.slept_s, len(dialect.requests))


async def test_pauses_grow_and_differ(kit: Any, fallback: Fallback) -> None:
    """A thousand callers must not come back in the same instant."""
    firsts: set[float] = set()
    for _ in range(20):
        clock = Instant()
        one = Fallback(clock=clock, meter=FREE, record=kit.recorder())
        await text_of(kit, one, link(Scripted([DOWN], [DOWN], WHOLE)))
        assert clock.slept_s[0] * 0.6 < clock.slept_s[1]
        firsts.add(clock.slept_s[0])

    assert len(firsts) > 15


@pytest.mark.parametrize(
    "error",
    [
        AuthFailed("no", service="a"),
        Rejected("no", service="a", status=400),
        KeyMissing("no", env_name="A_KEY"),
    ],
)
async def test_what_cannot_get_better_is_not_tried_again(
    kit: Any, fallback: Fallback, error: Exception
) -> None:
    """A wrong key stays wrong."""
    dialect = Scripted([error])

    with pytest.raises(type(error)):
        await text_of(kit, fallback, link(dialect))

    assert 1 == len(dialect.requests)


async def test_the_next_model_takes_over(kit: Any, fallback: Fallback) -> None:
    """The settings list it for this."""
    first, second = Scripted([AuthFailed("no", service="a")]), Scripted(WHOLE)

    deltas = await kit.heard(fallback.complete([link(first), link(second, "b")], kit.ask(), PURPOSE))

    assert "Hello" == deltas[0].text
    assert Connected(provider="b", model="b-model") == deltas[-1].answered_by
    assert ["b-model"] == [request.model for request in second.requests]


async def test_after_the_first_word_nobody_takes_over(kit: Any, fallback: Fallback) -> None:
    """Two halves of different answers are worse than none."""
    first, second = Scripted([Delta(text="Hel"), DOWN]), Scripted(WHOLE)
    deltas = fallback.complete([link(first), link(second, "b")], kit.ask(), PURPOSE)

    assert Delta(text="Hel") == await anext(deltas)
    with pytest.raises(Unavailable):
        await anext(deltas)

    assert (1, []) == (len(first.requests), second.requests)


async def test_the_first_models_failure_is_told_when_all_fail(kit: Any, fallback: Fallback) -> None:
    """It is the one that people expect to answer."""
    first, second = (
        Scripted([AuthFailed("wrong key", service="a")]),
        Scripted([Unavailable("down", service="b")]),
    )

    with pytest.raises(AuthFailed, match="wrong key"):
        await text_of(kit, fallback, link(first), link(second, "b"))


async def test_a_provider_that_keeps_failing_is_left_alone(
    kit: Any, fallback: Fallback, clock: Instant
) -> None:
    """Nobody waits for what is down, and it gets time to recover; then one call tries."""
    dialect = Scripted([DOWN])
    for _ in range(2):
        with pytest.raises(Unavailable, match="down"):
            await text_of(kit, fallback, link(dialect))
    asked = len(dialect.requests)

    with pytest.raises(Unavailable, match="left alone") as caught:
        await text_of(kit, fallback, link(dialect))
    await clock.advance(REST_S + 1)
    dialect.script = [WHOLE]

    assert asked >= FAILURES
    assert asked == len(dialect.requests)
    assert 0 < (caught.value.retry_after_s or 0) <= REST_S + 0.001
    assert "Hello" == await text_of(kit, fallback, link(dialect))


async def test_every_call_is_recorded(kit: Any, fallback: Fallback, recorder: Any) -> None:
    """Also those that failed: they cost time, and sometimes money."""
    await text_of(kit, fallback, link(Scripted([DOWN], WHOLE)))

    rows = recorder.rows
    assert ["Unavailable", "ok"] == [row.outcome for row in rows]
    assert ("a", "a-model", "chat", "p1", "c1", 3, 1) == (
        rows[1].provider,
        rows[1].model,
        rows[1].role,
        rows[1].person_id,
        rows[1].conversation_id,
        rows[1].input_tokens,
        rows[1].output_tokens,
    )


async def test_leaving_early_is_recorded_as_cancelled(kit: Any, fallback: Fallback, recorder: Any) -> None:
    """The vendor bills what it had written."""
    async with aclosing(fallback.complete([link(Scripted(WHOLE))], kit.ask(), PURPOSE)) as deltas:
        await anext(deltas)

    assert ["cancelled"] == [row.outcome for row in recorder.rows]


async def test_an_answer_without_end_is_stopped(kit: Any, fallback: Fallback) -> None:
    """Five megabytes are no answer."""
    dialect = Scripted([Delta(text="x" * 50_000)] * 100)
    heard = 0

    with pytest.raises(Rejected, match=f"more than {ANSWER_LIMIT}"):  # noqa: PT012  the loop is what counts
        async for delta in fallback.complete([link(dialect)], kit.ask(), PURPOSE):
            heard += len(delta.text)

    assert heard <= ANSWER_LIMIT


class Dripping(Scripted):
    """Write a letter now and then, for ever."""

    async def complete(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """Drip."""
        while True:
            yield Delta(text="x")
            await asyncio.sleep(0.01)


async def test_a_slow_drip_ends_with_the_total_time(kit: Any, clock: Instant, recorder: Any) -> None:
    """A byte now and then beats every idle time."""
    fallback = Fallback(clock=clock, meter=FREE, record=recorder, timeouts=Timeouts(total_s=0.2))

    with pytest.raises(Unavailable, match=r"did not finish its answer in 0\.2 s"):
        await text_of(kit, fallback, link(Dripping([])))

    assert ["Unavailable"] == [row.outcome for row in recorder.rows]


async def test_a_chain_of_errors_keeps_their_kind(kit: Any, fallback: Fallback) -> None:
    """The router words them by kind."""
    for error in (AuthFailed("x", service="a"), RateLimited("x", service="a", retry_after_s=99.0)):
        with pytest.raises(ServiceError) as caught:
            await text_of(kit, fallback, link(Scripted([error])))
        assert error is caught.value
