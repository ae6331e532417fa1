"""Break every wire format in every way that vendors do, and look at what comes out of the registry (F12 to F15)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.bot.models.wires import TOOL, WIRES, Wire

from quarterdeck.core.errors import RateLimited, Rejected, ServiceError, Unavailable
from quarterdeck.core.model import Delta, ModelMessage, Wanted
from quarterdeck.models.calling.fallback import ANSWER_LIMIT, ATTEMPTS
from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck.testing.clock import FakeClock

HELLO = (ModelMessage(speaker="user", text="How is the weather?"),)
NOTHING = Wanted()
TOLD_WITHIN_S = 5.0
ASKED = {"nothing": None, "now": "0", "soon": "1", "later": "60"}

Make = Callable[..., ModelRegistry]


class Instant(FakeClock):
    """Pass the time that anybody sleeps at once, and remember how long that was."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Note the sleep."""
        self.slept_s.append(seconds)
        await self.advance(seconds)


@pytest.fixture
def clock() -> Instant:
    """Return a clock on which sleeping takes no time."""
    return Instant()


@pytest.fixture
def recorder(kit: Any) -> Any:
    """Return what keeps usage rows."""
    return kit.recorder()


@pytest.fixture(params=list(WIRES))
def dialect(request: pytest.FixtureRequest) -> str:
    """Return each wire format in turn."""
    return str(request.param)


@pytest.fixture
def wire(dialect: str) -> Wire:
    """Return how it writes."""
    return WIRES[dialect]


@pytest.fixture
async def make(
    vendor: Any, other_vendor: Any, dialect: str, clock: Instant, recorder: Any
) -> AsyncIterator[Make]:
    """Return a maker of registries with one provider, `first`, and a further one, `second`, that nobody named."""
    made: list[ModelRegistry] = []

    def build(chain: tuple[str, ...] = ("first/m",), timeouts: Timeouts | None = None) -> ModelRegistry:
        providers = {
            name: {"dialect": dialect, "base_url": one.url, "key": "env:TEST_PASS"}
            for name, one in (("first", vendor), ("second", other_vendor))
        }
        made.append(
            ModelRegistry(
                settings=Settings.model_validate(
                    {"models": {"roles": {"chat": list(chain)}}, "providers": providers}
                ),
                catalog=Catalog.read(config_dir()),
                resolver=Resolver({"TEST_PASS": "sk-4711-very-long-and-random"}, Redactor()),
                clock=clock,
                record=recorder,
                timeouts=timeouts or Timeouts(connect_s=5.0, idle_s=20.0),
            )
        )
        return made[-1]

    yield build
    for registry in made:
        await registry.close()


async def outcome(
    registry: ModelRegistry, wanted: Wanted = NOTHING
) -> tuple[list[Delta], ServiceError | None]:
    """Return what came of a call, and how it failed."""
    deltas: list[Delta] = []
    try:
        async for delta in registry.complete(HELLO, wanted=wanted):
            deltas.append(delta)
    except ServiceError as error:
        return deltas, error
    return deltas, None


def text_of(deltas: list[Delta]) -> str:
    """Return the words."""
    return "".join(delta.text for delta in deltas)


def refusal(kit: Any, status: int, asked: str | None) -> Any:
    """Refuse as vendors do; `asked` is when to come back."""
    headers = {"Retry_After": asked} if asked is not None else {}
    return kit.json_answer(
        {"error": {"message": "overloaded", "type": "overloaded_error"}}, status, **headers
    )


@pytest.mark.parametrize("asked", list(ASKED))
@pytest.mark.parametrize("status", [429, 529, 500, 503])
async def test_f12_an_overloaded_vendor_is_asked_again_when_it_says(
    kit: Any, vendor: Any, wire: Wire, make: Make, clock: Instant, status: int, asked: str
) -> None:
    """Once more, not before the time that it names, and not at all where that is too long to wait."""
    vendor.answers = [refusal(kit, status, ASKED[asked]), kit.stream_answer(wire.saying(kit, ["Hello"]))]

    deltas, failure = await outcome(make())

    if asked == "later":
        assert (1, True) == (len(vendor.seen), isinstance(failure, RateLimited | Unavailable))
        return
    assert ("Hello", None, 2) == (text_of(deltas), failure, len(vendor.seen))
    assert float(ASKED[asked] or 0.1) <= sum(clock.slept_s) <= TOLD_WITHIN_S


@pytest.mark.parametrize("status", [429, 529, 500, 503])
async def test_f12_who_waits_is_told_within_five_seconds(
    kit: Any, vendor: Any, other_vendor: Any, make: Make, clock: Instant, status: int
) -> None:
    """Few attempts, a share of calls at most; and nobody is asked whom the settings do not name."""
    vendor.answers = [refusal(kit, status, None)]
    registry = make()

    _, failure = await outcome(registry)

    assert isinstance(failure, RateLimited | Unavailable)
    assert (True, True) == (len(vendor.seen) <= ATTEMPTS, sum(clock.slept_s) < TOLD_WITHIN_S)
    assert [] == other_vendor.seen


async def test_f12_the_next_model_takes_over_where_one_is_named(
    kit: Any, vendor: Any, other_vendor: Any, wire: Wire, make: Make
) -> None:
    """People see an answer instead of an error."""
    vendor.answers = [refusal(kit, 529, None)]
    other_vendor.answers = [kit.stream_answer(wire.saying(kit, ["Hello"]))]

    deltas, failure = await outcome(make(("first/m", "second/m")))

    assert ("Hello", None, "second") == (text_of(deltas), failure, deltas[-1].answered_by.provider)  # type: ignore[union-attr]


@pytest.mark.parametrize("way", ["before the head", "in mid-answer", "byte by byte"])
async def test_f13_silence_ends_in_time_and_holds_up_nobody(
    kit: Any, vendor: Any, other_vendor: Any, wire: Wire, make: Make, way: str
) -> None:
    """One that hangs costs its own answer; others are answered meanwhile."""
    body = wire.saying(kit, ["Hel", "lo"])
    slow = {
        "before the head": kit.answer(is_silent=True),
        "in mid-answer": kit.stream_answer(body, cut=len(body) // 2, hangs=True),
        "byte by byte": kit.stream_answer(body, pause_s=0.2),
    }
    vendor.answers = [slow[way]]
    other_vendor.answers = [kit.stream_answer(wire.saying(kit, ["Hello"]))]
    hanging = make(timeouts=Timeouts(connect_s=1.0, idle_s=0.5, total_s=1.5))
    quick = make(("second/m",))
    begun = asyncio.get_running_loop().time()

    stuck = asyncio.create_task(outcome(hanging))
    others = [await outcome(quick) for _ in range(5)]
    is_stuck_still = not stuck.done()
    deltas, failure = await stuck

    assert [("Hello", None)] * 5 == [(text_of(said), error) for said, error in others]
    assert isinstance(failure, Unavailable)
    assert "did not finish" in failure.message or "gave no answer" in failure.message
    assert (True, ()) == (is_stuck_still, tuple(call for delta in deltas for call in delta.tool_calls))
    assert asyncio.get_running_loop().time() - begun < 3 * ATTEMPTS


@pytest.mark.slow
async def test_f14_of_a_cut_stream_no_tool_runs_and_the_person_is_told(
    kit: Any, vendor: Any, wire: Wire, make: Make, recorder: Any
) -> None:
    """At every byte up to the end of the answer; the registry passes no call on and says what happened."""
    body = wire.stream(kit)
    whole_from = body.index(wire.whole_from)
    wrong: list[tuple[int, str]] = []
    registry = make()

    for cut in range(whole_from):
        vendor.answers = [kit.stream_answer(body, cut=cut)]
        deltas, failure = await outcome(registry, Wanted(tools=(TOOL,)))
        registry._fallback._breakers.clear()  # each cut is a case of its own
        if failure is None or any(delta.tool_calls or delta.finish for delta in deltas):
            wrong.append((cut, "passed for whole"))
        elif "cut off" not in failure.message:
            wrong.append((cut, failure.message))

    assert ([], True) == (wrong, whole_from >= 300)
    assert {"Unavailable"} == {row.outcome for row in recorder.rows}


def unknown_tool(body: bytes) -> bytes:
    """Name a tool that nobody offered."""
    return body.replace(b'"weather"', b'"launch"')


def wrong_arguments(body: bytes) -> bytes:
    """Leave the second call as it is: it lacks its city."""
    return body


@pytest.mark.parametrize("spoilt", [unknown_tool, wrong_arguments])
async def test_f14_calls_that_fit_no_tool_are_sent_back_twice_at_most(
    kit: Any, vendor: Any, wire: Wire, make: Make, spoilt: Callable[[bytes], bytes]
) -> None:
    """Two repairs, then the truth; nothing to run comes out."""
    vendor.answers = [kit.stream_answer(spoilt(wire.stream(kit)))]

    deltas, failure = await outcome(make(), Wanted(tools=(TOOL,)))

    assert isinstance(failure, Rejected)
    assert ("not what was asked for" in failure.message, 3) == (True, len(vendor.seen))
    assert () == tuple(itertools.chain.from_iterable(delta.tool_calls for delta in deltas))


async def test_f14_json_that_fits_no_schema_is_sent_back_twice_at_most(
    kit: Any, vendor: Any, wire: Wire, make: Make
) -> None:
    """Prose in place of JSON is never passed on as JSON."""
    vendor.answers = [kit.stream_answer(wire.saying(kit, ["Sunny, ", "I guess"]))]

    deltas, failure = await outcome(make(), Wanted(json_schema=TOOL.schema))

    assert isinstance(failure, Rejected)
    assert (3, "") == (len(vendor.seen), text_of(deltas))


async def test_f14_rubbish_in_mid_stream_is_an_honest_error(
    kit: Any, vendor: Any, wire: Wire, make: Make
) -> None:
    """What came before it stays, what comes after it is not believed."""
    whole = wire.stream(kit)
    first = whole.index(b"\n\n") + 2
    vendor.answers = [kit.stream_answer(whole[:first] + b"data: {oops\n\n" + whole[first:])]

    deltas, failure = await outcome(make(), Wanted(tools=(TOOL,)))

    assert isinstance(failure, Unavailable)
    assert not any(delta.tool_calls for delta in deltas)


async def test_f15_an_answer_of_five_megabytes_is_stopped_and_charged_once(
    kit: Any, vendor: Any, wire: Wire, make: Make, recorder: Any
) -> None:
    """Nobody reads it, and a repetition would cost the same again."""
    vendor.answers = [kit.stream_answer(wire.saying(kit, ["x" * 65_536] * 80))]

    deltas, failure = await outcome(make())

    assert isinstance(failure, Rejected)
    assert f"more than {ANSWER_LIMIT} characters" in failure.message
    assert (1, 1) == (len(vendor.seen), len(recorder.rows))
    assert len(text_of(deltas)) <= ANSWER_LIMIT


async def test_f15_ten_thousand_calls_are_refused_and_charged_once(
    kit: Any, vendor: Any, wire: Wire, make: Make, recorder: Any
) -> None:
    """No person wants ten thousand things done by one sentence."""
    vendor.answers = [kit.stream_answer(wire.asking(kit, 10_000))]

    deltas, failure = await outcome(make(), Wanted(tools=(TOOL,)))

    assert isinstance(failure, Rejected)
    assert "more than 64 tools" in failure.message
    assert (1, 1) == (len(vendor.seen), len(recorder.rows))
    assert not any(delta.tool_calls for delta in deltas)
