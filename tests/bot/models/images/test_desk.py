"""Prove what an order may cost, what is tried again, what is kept, and what is said when it fails."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quarterdeck.core.budget import OverBudget, PlannedCall, Reservation
from quarterdeck.core.errors import AuthFailed, Rejected, SetupError, Unavailable, Unknown, UsageError
from quarterdeck.core.model import Enclosed
from quarterdeck.models.calling.breaker import FAILURES

KEYS = {"model", "prompt", "n", "size"}


class Ledger:
    """Keep what was set aside and settled."""

    keeps_answers = False

    def __init__(self, limit_microusd: int = 10**9) -> None:
        self.limit = limit_microusd
        self.planned: list[PlannedCall] = []
        self.settled: list[tuple[int, int]] = []

    async def reserve(self, call: PlannedCall) -> Reservation:
        """Set aside."""
        if call.microusd is None or call.microusd > self.limit:
            raise OverBudget("the budget 'day' is used up")
        self.planned.append(call)
        return Reservation(id="r1")

    async def settle(self, reservation: Reservation, *, microusd: int, tokens: int) -> None:
        """Settle."""
        self.settled.append((microusd, tokens))


async def _openai(open_studio: Any, make: Any, kit: Any, *answers: Any, **more: Any) -> tuple[Any, Any]:
    """Return a studio that answers by script, the last answer again and again, and a desk that draws there."""
    left = list(answers)

    async def play(request: web.Request, body: Mapping[str, Any]) -> web.StreamResponse:
        answer = left.pop(0) if len(left) > 1 else left[0]
        made: web.StreamResponse = await answer(request) if callable(answer) else answer
        return made

    async def good(request: web.Request) -> web.Response:
        return kit.coded({"size": "64x64"}, usage={"input_tokens": 10, "output_tokens": 1000})

    left = [good if one == "good" else one for one in left]
    studio = await open_studio(play)
    setting = {"base_url": f"{studio.url}/v1", "key": "env:STUDIO_KEY", **more.pop("setting", {})}
    return studio, make({"openai": setting}, ["openai/gpt-image-2.5-flare"], **more)


async def test_the_price_is_set_aside_before_and_settled_after(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """A list price at the most before, the vendor's count of tokens after."""
    ledger = Ledger()
    _, made = await _openai(open_studio, make, studio_kit, "good", ledger=ledger)

    drawing = await made.desk.generate("A lighthouse", person_id="p1", conversation_id="c1")

    assert [(250_000, "p1", "c1")] == [
        (one.microusd, one.person_id, one.conversation_id) for one in ledger.planned
    ]
    assert ([(30_050, 1010)], 30_050) == (ledger.settled, drawing.microusd)


async def test_a_budget_stops_an_order_before_it_goes_out(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """Money has a limit."""
    studio, made = await _openai(open_studio, make, studio_kit, "good", ledger=Ledger(100_000))

    with pytest.raises(OverBudget):
        await made.desk.generate("A lighthouse")

    assert [] == studio.seen


async def test_an_unknown_price_is_stated_in_the_settings(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """Where a budget counts money, the hint says how to state a price, and a stated price is believed."""
    ledger = Ledger()
    studio = await open_studio(
        studio_kit.strict(path="/v1/images/generations", keys=KEYS, answer=studio_kit.coded)
    )
    own = {"base_url": f"{studio.url}/v1", "key": "env:STUDIO_KEY"}
    unknown = make({"mine": own}, ["mine/stable"], ledger=ledger)
    stated = make({"mine": {**own, "prices": {"*": {"image": 0.04}}}}, ["mine/stable"], ledger=ledger)

    with pytest.raises(OverBudget) as caught:
        await unknown.desk.generate("A lighthouse")
    drawing = await stated.desk.generate("A lighthouse", count=2)

    assert "providers.mine.prices.stable: {image: 0.04}" in caught.value.hint
    assert 80_000 == drawing.microusd


async def test_a_busy_vendor_is_asked_again(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """A refusal for speed made nothing and cost nothing."""
    busy = studio_kit.no(429, {"error": {"message": "slow down"}}, **{"Retry-After": "1"})
    studio, made = await _openai(open_studio, make, studio_kit, busy, "good")

    drawing = await made.desk.generate("A lighthouse")

    assert (1, 2) == (len(drawing.files), len(studio.seen))
    assert ["RateLimited", "ok"] == [one.outcome for one in made.recorder.rows]


async def test_an_order_whose_answer_was_lost_is_not_made_again(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """The picture may have been made and paid for: what was set aside counts as spent."""
    ledger = Ledger()

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    studio, made = await _openai(open_studio, make, studio_kit, hang_up, ledger=ledger)

    with pytest.raises(Unknown, match="may have been made"):
        await made.desk.generate("A lighthouse")

    assert (1, [(250_000, 0)]) == (len(studio.seen), ledger.settled)


async def test_no_credit_left_moves_on_to_the_next_model(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """Roles are chains; the caption names who drew."""
    empty = studio_kit.no(402, {"error": {"message": "insufficient credits", "code": 402}})
    poor, _ = await _openai(open_studio, make, studio_kit, empty)
    rich, _ = await _openai(open_studio, make, studio_kit, "good")
    own = {"key": "env:STUDIO_KEY"}
    made = make(
        {"openai": {"base_url": f"{poor.url}/v1", **own}, "mine": {"base_url": f"{rich.url}/v1", **own}},
        ["openai/gpt-image-2.5-flare", "mine/stable"],
    )

    drawing = await made.desk.generate("A lighthouse")

    assert ("mine/stable", None) == (str(drawing.model), drawing.microusd)


async def test_a_quota_is_said_as_the_vendor_says_it(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """Nobody has to guess why there is no picture."""
    empty = studio_kit.no(
        429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    )
    studio, made = await _openai(open_studio, make, studio_kit, empty)

    with pytest.raises(Rejected) as caught:
        await made.desk.generate("A lighthouse")

    assert (402, 1) == (caught.value.status, len(studio.seen))
    assert "You exceeded your quota" in caught.value.message


async def test_a_provider_that_fails_again_and_again_is_left_alone(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """The breaker is the one of text."""

    async def fail(request: web.Request) -> web.Response:
        return web.Response(status=503)

    studio, made = await _openai(open_studio, make, studio_kit, fail)
    for _ in range(FAILURES):
        with pytest.raises(Unavailable):
            await made.desk.generate("A lighthouse")
    before = len(studio.seen)

    with pytest.raises(Unavailable, match="left alone"):
        await made.desk.generate("A lighthouse")

    assert before == len(studio.seen)


async def test_the_next_key_is_tried_where_one_is_refused(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """Several keys take turns, as for text."""
    play = studio_kit.strict(path="/v1/images/generations", keys=KEYS, answer=studio_kit.coded)
    studio = await open_studio(play)
    setting = {"base_url": f"{studio.url}/v1", "key": "env:OLD_KEY", "keys": ["env:STUDIO_KEY"]}
    environ = {"OLD_KEY": "sk-old", "STUDIO_KEY": studio_kit.key}
    made = make({"openai": setting}, ["openai/gpt-image-2.5-flare"], environ=environ)

    drawing = await made.desk.generate("A lighthouse")

    assert (1, 2) == (len(drawing.files), len(studio.seen))


@pytest.mark.parametrize("content", [b"", b"<html>no</html>", b"\x89PNG\r\n\x1a\n broken", b"<svg/>"])
async def test_what_is_no_picture_is_not_kept(
    content: bytes, open_studio: Any, make: Any, studio_kit: Any, tmp_path: Path
) -> None:
    """The bytes decide, never what they are called; what was paid for is on record."""
    coded = base64.b64encode(content).decode()
    answer = web.json_response({"data": [{"b64_json": coded or "="}]})
    _, made = await _openai(open_studio, make, studio_kit, answer)

    with pytest.raises(Rejected, match="no picture for us"):
        await made.desk.generate("A lighthouse")

    assert ("broken", 250_000) == (made.recorder.rows[0].outcome, made.recorder.rows[0].microusd)
    assert [] == list((tmp_path / "files").rglob("*.*"))


async def test_an_address_inside_is_not_fetched(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """A vendor's answer names addresses: the guarded client does not reach into this network for anybody."""
    hidden = await open_studio(lambda request, body: None)
    answer = web.json_response({"data": [{"url": f"{hidden.url}/metadata"}]})
    _, made = await _openai(open_studio, make, studio_kit, answer)

    with pytest.raises(Rejected, match="cannot be fetched"):
        await made.desk.generate("A lighthouse")

    assert [] == hidden.seen


async def test_what_some_calls_made_is_kept_when_others_fail(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """It was paid for."""
    good = studio_kit.coded({})
    bad = studio_kit.no(400, {"error": {"message": "too busy for this model"}})
    left = [good, bad]

    async def play(request: web.Request, body: Mapping[str, Any]) -> web.Response:
        answer: web.Response = left.pop(0)
        return answer

    studio = await open_studio(play)
    made = make({"pollinations": {"base_url": studio.url, "key": "env:STUDIO_KEY"}}, ["pollinations/flux"])

    drawing = await made.desk.generate("A lighthouse", count=2)

    assert (1, True) == (len(drawing.files), drawing.notes[-1].startswith("1 of 2 pictures were made"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"size": "large"}, "no size"),
        ({"size": "9x9"}, "out of range"),
        ({"size": "0:1"}, "no shape"),
        ({"count": 11}, "11 pictures"),
        ({"prompt": "  "}, "needs words"),
        ({"prompt": "a" * 4001}, "too many"),
        (
            {"edit": Enclosed(media_type="image/png", content=b"%PDF", name="cat.png")},
            "cat.png cannot be changed",
        ),
    ],
)
async def test_a_wrong_order_is_refused_here(
    more: Mapping[str, Any], says: str, open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """Nothing goes out, and the hint says what is right."""
    studio, made = await _openai(open_studio, make, studio_kit, "good")

    with pytest.raises(UsageError, match=says) as caught:
        await made.desk.generate(**{"prompt": "A lighthouse", **more})

    assert (True, []) == (bool(caught.value.hint), studio.seen)


async def test_without_a_model_that_draws_people_are_told_how_to_connect_one(make: Any) -> None:
    """The first minute has no key; a chat model draws nothing."""
    made = make({}, [], environ={})
    text = make({"groq": {"key": "env:STUDIO_KEY"}}, ["groq/openai/gpt-oss-120b"])

    assert await made.desk.connected() is None
    assert "OPENAI_API_KEY" in made.desk.how_to_connect()
    with pytest.raises(SetupError, match="no model that draws"):
        await made.desk.generate("A lighthouse")
    with pytest.raises(Rejected, match="Groq draws no pictures"):
        await text.desk.generate("A lighthouse")


async def test_a_key_alone_connects_a_model_that_draws(make: Any) -> None:
    """As with text: nothing else needs to be set."""
    made = make({}, [], environ={"XAI_API_KEY": "xai-1"})

    assert "xai/grok-imagine-image-2.0" == str(await made.desk.connected())


async def test_a_refused_key_ends_the_search_where_there_is_no_other(
    open_studio: Any, make: Any, studio_kit: Any
) -> None:
    """A single key that is refused is said at once."""
    studio, made = await _openai(
        open_studio, make, studio_kit, studio_kit.openai_error(401, "no", "invalid_api_key")
    )

    with pytest.raises(AuthFailed):
        await made.desk.generate("A lighthouse")

    assert 1 == len(studio.seen)


async def test_a_cancelled_order_is_settled_as_if_made(open_studio: Any, make: Any, studio_kit: Any) -> None:
    """Closing the connection stops nobody who draws already."""
    ledger, arrived = Ledger(), asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.Event().wait()
        return web.Response()

    _, made = await _openai(open_studio, make, studio_kit, wait, ledger=ledger)
    work = asyncio.create_task(made.desk.generate("A lighthouse"))
    await arrived.wait()

    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert [(250_000, 0)] == ledger.settled
    assert "cancelled" == made.recorder.rows[0].outcome
