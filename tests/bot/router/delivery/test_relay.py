"""An answer is shown while it is written: early, at the platform's pace, whole at the end, once, whatever breaks."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import pytest
from tests.bot.router.conftest import Limits

from quarterdeck.core.adapter import Ability, Pace
from quarterdeck.core.command import Call, Command
from quarterdeck.core.errors import RateLimited, Rejected, Unavailable
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.router.delivery.relay import TYPING_AFTER_S, TYPING_EVERY_S
from quarterdeck.store.engine import Store
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import FakePlatform

EDIT = {Ability.EDIT}


class Model:
    """Be a command whose answer a test writes: `say` a piece, `end` it."""

    def __init__(self, *, private_to: Identity | None = None) -> None:
        self._pieces: asyncio.Queue[str | Reply | Exception | None] = asyncio.Queue()
        self._private_to = private_to
        self.runs = 0
        self.command = Command(name="talk", summary="Talk", handler=self._handle, allow="viewer")

    async def _handle(self, call: Call) -> Reply:
        self.runs += 1
        return Reply(stream=self._stream(), private_to=self._private_to)

    async def _stream(self):
        while (item := await self._pieces.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    def say(self, *pieces: str | Reply | Exception | None) -> None:
        """Write further; None ends the answer."""
        for piece in pieces:
            self._pieces.put_nowait(piece)


async def until(condition) -> None:
    """Return once `condition()` is true."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def model() -> Model:
    """Return a model that says what the test says."""
    return Model()


async def test_the_first_words_are_there_at_once_and_the_rest_follows(make_bot, model: Model) -> None:
    """One message, changed at the pace, exact at the end."""
    clock = FakeClock()
    bot = make_bot([model.command], abilities=EDIT, clock=clock)
    bot.platform.pace = Pace(edit_s=2.0)
    async with bot.live():
        await bot.post("/talk")
        model.say("Hel", "lo **wor", "ld and")
        await until(lambda: bot.platform.sent and bot.outbox.lanes.waiting == 0)
        first = bot.platform.shown()
        model.say("**", *(f" {n}" for n in range(200)))
        await clock.wait_for_sleepers()
        await clock.advance(1.9)
        early = list(bot.platform.edits)
        await clock.advance(0.2)
        await until(lambda: bot.platform.edits)
        model.say(" end.", None)
        await bot.settled()

    assert (["Hello **world**"], []) == (first, early)
    assert 2 == len(bot.platform.edits)
    assert ["Hello **world and** " + " ".join(map(str, range(200))) + " end."] == bot.platform.shown()


async def test_the_first_words_wait_for_two_commits_and_no_third(
    make_bot, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is on disk, and that its answer is being sent: each flush of the disk is milliseconds."""
    bot = make_bot([model.command], abilities=EDIT)
    points: list[str] = []
    submit = Store.submit

    def noted(self: Store, point: str, job):
        points.append(point)
        return submit(self, point, job)

    async with bot.live():
        monkeypatch.setattr(Store, "submit", noted)
        await bot.post("/talk")
        model.say("Hello ")
        await until(lambda: bot.platform.sent)
        before = points[:2]
        model.say(None)
        await bot.settled()

    assert ["inbox.accepted", "outbox.queued"] == before
    assert "outbox.sending" not in points


async def test_a_view_that_was_left_out_does_not_hold_up_the_whole_answer(make_bot, model: Model) -> None:
    """It was not shown since the conversation's pause was not over: it does not begin that pause anew."""
    clock = FakeClock()
    bot = make_bot([model.command], abilities=EDIT, clock=clock)
    bot.platform.pace = Pace(conversation_s=1.5, per_second=30, edit_s=1.0)
    async with bot.live():
        await bot.post("/talk")
        model.say("One ")
        await until(lambda: bot.platform.sent and bot.outbox.lanes.waiting == 0)
        model.say("two ")
        await clock.wait_for_sleepers()
        await clock.advance(1.0)
        left_out = list(bot.platform.edits)
        model.say("three.", None)
        await bot.router.lanes.drained()
        await clock.wait_for_sleepers()
        await clock.advance(0.5)
        await bot.settled()

    assert ([], ["One two three."]) == (left_out, bot.platform.shown())


async def test_long_answers_end_in_the_same_parts_as_without_streaming(make_bot, model: Model) -> None:
    """The first part takes the place of the view, the others follow."""
    text = "one two three four five six seven eight"
    bot = make_bot([model.command], platform=FakePlatform(abilities=EDIT, part_length=10))
    async with bot.live():
        await bot.post("/talk")
        model.say("one two three four ")
        await until(lambda: bot.platform.sent)
        model.say(Reply(text=text))
        await bot.settled()
    plain = [part.text for part in FakePlatform(part_length=10).render(Reply(text=text))]

    assert plain == bot.platform.shown()
    assert [f"fake::{key}" for key in ("#0", "#2", "#3", "#4")] == [
        one.key.replace(bot.platform.sent[0].key.split("#")[0], "fake::") for one in bot.platform.sent
    ]


async def test_no_half_of_a_secret_is_shown(make_bot, model: Model) -> None:
    """What is not cleaned yet is held back to the end of the word."""
    bot = make_bot([model.command], abilities=EDIT, clean=lambda text: text.replace("hunter2", "****"))
    async with bot.live():
        await bot.post("/talk")
        model.say("It is hun")
        await until(lambda: bot.platform.sent)
        shown = bot.platform.shown()
        model.say("ter2 then", None)
        await bot.settled()

    assert (["It is"], ["It is **** then"]) == (shown, bot.platform.shown())


@pytest.mark.parametrize(
    ("cut", "end"),
    [
        (Unavailable("the model's answer broke off", service="model"), "The model's answer broke off"),
        (None, "Stopped."),
    ],
)
async def test_an_answer_that_is_cut_off_says_so_in_place(make_bot, model: Model, cut, end: str) -> None:
    """Whether the model failed or somebody stopped it."""
    bot = make_bot([model.command], abilities=EDIT)
    async with bot.live():
        await bot.post("/talk", event_id="e1")
        model.say("```\nhalf a program ")
        await until(lambda: bot.platform.sent)
        if cut is None:
            bot.router.cancel("fake::e1")
        else:
            model.say(cut)
        await bot.settled()

    assert [f"```\nhalf a program\n```\n\n{end}"] == bot.platform.shown()


async def test_an_answer_that_is_finished_before_its_turn_is_one_message(make_bot, model: Model) -> None:
    """When the platform is slow, the view is left out: first and final form only, or the final one alone."""
    bot = make_bot([model.command], abilities=EDIT)
    gate, send = asyncio.Event(), bot.platform.send

    async def slow(to, part, key):
        await gate.wait()
        return await send(to, part, key)

    bot.platform.send = slow
    async with bot.live():
        await bot.post("/echo before")
        await bot.post("/talk")
        model.say("One two ")
        await until(lambda: bot.outbox.lanes.waiting == 2)
        model.say("three.", None)
        await bot.router.lanes.drained()
        gate.set()
        await bot.settled()

    assert (["before", "One two three."], []) == (bot.platform.texts(), bot.platform.edits)
    assert {"sent"} == set(await bot.states())


async def test_after_a_crash_the_answer_goes_on_in_the_same_message(make_bot, model: Model) -> None:
    """F4: the event is handled again; nobody sees two answers."""
    bot = make_bot([model.command], abilities=EDIT)
    try:
        async with bot.live():
            await bot.post("/talk")
            model.say("Half of ")
            await until(lambda: bot.platform.sent)
            await bot.outbox.lanes.drained()
            raise KeyError  # the process dies here
    except* KeyError:
        pass
    again = make_bot([model.command], platform=bot.platform)
    async with again.live():
        await until(lambda: model.runs == 2)
        model.say("A whole ", "answer.", None)
        await again.settled()

    assert ["A whole answer."] == bot.platform.shown()
    assert {"sent"} == set(await again.states())


@pytest.mark.parametrize(
    "lost",
    [Rejected("message not found", service="fake", status=404), Rejected("no", service="fake", status=400)],
)
async def test_a_view_that_cannot_be_shown_costs_nothing(make_bot, model: Model, caplog, lost) -> None:
    """The final answer comes as a message of its own."""
    bot = make_bot([model.command], abilities=EDIT)
    bot.platform.failures.append(lost)
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.post("/talk")
            model.say("One ")
            await until(lambda: bot.platform.tries and bot.outbox.lanes.waiting == 0)
            model.say("two.", None)
            await bot.settled()

    assert ["One two."] == bot.platform.shown()


async def test_a_private_answer_is_not_shown_before_it_is_whole(make_bot) -> None:
    """What one person may see cannot be changed on every platform."""
    model = Model(private_to=Identity(platform="fake", user_id="U1"))
    bot = make_bot([model.command], abilities={*EDIT, Ability.PRIVATE})
    async with bot.live():
        await bot.post("/talk")
        await until(lambda: model.runs)
        model.say("One two ", "three.", None)
        await bot.settled()

    assert (["One two three."], []) == (bot.platform.texts(), bot.platform.edits)


async def test_somebody_who_waits_sees_that_an_answer_is_on_its_way(make_bot, model: Model) -> None:
    """Again and again while the model thinks, and not once after it has begun to write."""
    clock = FakeClock()
    bot = make_bot([model.command], abilities={*EDIT, Ability.TYPING}, clock=clock)
    async with bot.live():
        await bot.post("/talk")
        await clock.wait_for_sleepers()
        await clock.advance(TYPING_AFTER_S - 0.1)
        soon = len(bot.platform.typed)
        await clock.advance(0.1 + 2 * TYPING_EVERY_S)
        later = len(bot.platform.typed)
        model.say("Here ")
        await until(lambda: bot.platform.sent)
        model.say("it is.", None)
        await bot.settled()
        await clock.advance(10 * TYPING_EVERY_S)

    assert (0, 3, 3) == (soon, later, len(bot.platform.typed))


class Telegram(FakePlatform):
    """Refuse more than one call a second to a chat and thirty in all, sends and edits alike."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(abilities=EDIT)
        self.pace = Pace(conversation_s=1.0, per_second=30, edit_s=1.0)
        self._clock, self._calls = clock, list[tuple[float, str]]()
        self.refused = 0

    async def send(self, to, part, key):
        """Post, unless too much is said."""
        self._count(to.id)
        return await super().send(to, part, key)

    async def edit(self, to, message_id, part):
        """Change, unless too much is said."""
        self._count(to.id)
        await super().edit(to, message_id, part)

    def _count(self, place: str) -> None:
        now_s = self._clock.monotonic()
        self._calls = [call for call in self._calls if call[0] > now_s - 1.0]
        if len(self._calls) >= 30 or any(where == place for _, where in self._calls):
            self.refused += 1
            raise RateLimited("Too Many Requests", service="fake", retry_after_s=1.0)
        self._calls.append((now_s, place))


@pytest.mark.slow
async def test_five_hundred_chats_at_once_all_get_their_whole_answer(make_bot) -> None:
    """W5, strict: the platform refuses what is too fast; every answer is complete, in not much more than the time."""
    chats, pieces = 500, 20
    clock = FakeClock()
    ticks = [asyncio.Event() for _ in range(pieces)]

    async def stream(number: str):
        for n, tick in enumerate(ticks):
            await tick.wait()
            yield f"{number}.{n} "

    async def talk(call: Call) -> Reply:
        return Reply(stream=stream(call.conversation.id.rpartition("c")[2]))

    platform = Telegram(clock)
    command = Command(name="talk", summary="Talk", handler=talk, allow="viewer")
    limits = Limits(queue_limit=chats, heavy_concurrency=chats)  # it is one person who asks in all of them
    bot = make_bot([command], platform=platform, clock=clock, limits=limits)
    async with bot.live():
        for n in range(chats):
            await bot.post("/talk", conversation=platform.conversation(f"c{n}"))
        for tick in ticks:
            tick.set()
            await asyncio.sleep(0.002)
            await clock.advance(0.05)
        while bot.router.lanes._lanes or bot.outbox.lanes._lanes:
            await asyncio.sleep(0.001)
            await clock.advance(0.05)
        took_s = clock.monotonic()
        await bot.settled()

    expected = {" ".join(f"{n}.{m}" for m in range(pieces)) for n in range(chats)}
    calls = len(platform.sent) + len(platform.edits)
    assert expected == {text.strip() for text in platform.shown()}
    assert chats == len(platform.sent)
    assert Counter({"sent"}) == Counter(set(await bot.states()))
    assert took_s <= 1.2 * (calls + platform.refused) / 30 + 2.0
