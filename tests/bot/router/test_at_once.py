"""An instant command is answered in the commit that takes its event; whatever cannot be goes the ordinary way."""

from __future__ import annotations

import asyncio
import logging

import pytest

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.reply import Reply
from quarterdeck.store.database.errors import StorageFull

TEXT = Option(name="text", summary="Anything", kind="text", positional=True, rest=True)


def instant(name: str, handler, **options) -> Command:
    """Declare an instant command."""
    command = {"allow": "viewer", "lane": "light", "is_instant": True, "options": (TEXT,), **options}
    return Command(name=name, summary="For a test", handler=handler, **command)


async def _say(call: Call) -> Reply:
    return Reply(text=call.text("text"))


SAY = instant("say", _say)


@pytest.fixture
async def bot(make_bot):
    """Return a live bot that knows `/say`; what is read once from the disk is read."""
    bot = make_bot([SAY])
    async with bot.live():
        await bot.say("/say warm")
        yield bot


def points(bot) -> list[str]:
    """Return the list that the names of all writes from now on are added to."""
    names: list[str] = []
    submit = bot.store.submit

    def noted(point, job):
        names.append(point)
        return submit(point, job)

    bot.store.submit = noted
    return names


async def test_event_decision_and_answer_are_one_commit(bot) -> None:
    """And what became of the answer is written behind."""
    written = points(bot)
    await bot.say("/say hello")

    assert (["warm", "hello"], ["outbox.answered", "outbox.sent"]) == (bot.platform.texts(), written)
    assert {"done": 2} == await bot.inbox_rows.counts()
    assert ["sent", "sent"] == await bot.states()
    assert ["hello"] == [one.text for one in await bot.history.recent("fake:general", 1)]
    record = await bot.audit.rows()
    assert ["command:say"] * 2 == [row["detail"]["action"] for row in record if row["kind"] == "decision"]
    assert (await bot.audit.verify()).is_whole


async def test_a_repeated_event_is_answered_once(bot) -> None:
    """F18: ten deliveries at the same moment, and one after a restart."""
    news = await asyncio.gather(*(bot.post("/say hello", event_id="e1") for _ in range(10)))
    await bot.settled()
    news.append(await bot.post("/say hello", event_id="e1"))
    await bot.settled()

    assert (["warm", "hello"], 1) == (bot.platform.texts(), news.count(True))


async def test_order_holds_among_instant_and_other_commands(bot) -> None:
    """One that could be answered at once waits for what came before it."""
    words = [f"/say {n}" if n % 3 else f"/chat {n}" for n in range(60)]
    await asyncio.gather(*(bot.post(word) for word in words))
    await bot.settled()

    assert [str(n) for n in range(60)] == [text.removeprefix("chat: ") for text in bot.platform.texts()[1:]]


async def test_one_that_waits_is_answered_the_ordinary_way(make_bot) -> None:
    """Once, however far it had come; and it is not tried each time."""
    runs = 0

    async def slow(call: Call) -> Reply:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0)
        return Reply(text="slow")

    bot = make_bot([instant("slow", slow)])
    async with bot.live():
        for _ in range(30):
            await bot.say("/slow")

    assert (["slow"] * 30, True) == (bot.platform.texts(), runs < 40)


async def test_one_that_breaks_is_counted_like_any_other(make_bot, caplog) -> None:
    """F41: three tries over restarts, then it is set aside: it is on disk before the first that counts."""

    async def broken(call: Call) -> Reply:
        raise KeyError("nobody thought of this")

    bot = make_bot([instant("broken", broken)])
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.say("/broken")

    assert {"quarantined": 1} == await bot.inbox_rows.counts()
    assert 1 == len(bot.platform.texts())


async def test_a_refusal_is_on_record(bot) -> None:
    """A stranger's instant command is decided on like any other."""
    await bot.say("/say secret", user="U9")
    record = await bot.audit.rows()

    assert "secret" not in "".join(bot.platform.texts())
    assert record[-1]["detail"].get("allowed", record[-2]["detail"].get("allowed")) is False


async def test_half_a_character_harms_nothing(bot) -> None:
    """No file can hold it: the event is mended first."""
    await bot.say("/say a\ud83db", event_id="e\ud83d")

    assert "a?b" == bot.platform.texts()[-1]


async def test_what_could_not_be_stored_is_neither_acknowledged_nor_sent(bot) -> None:
    """F7: the platform brings it again, and it is answered then."""
    answered, is_full = bot.outbox_rows.answered, True

    async def full(*values, **named):
        if is_full:
            raise StorageFull("no space", service="database")
        return await answered(*values, **named)

    bot.outbox_rows.answered = full
    with pytest.raises(StorageFull):
        await bot.post("/say hello", event_id="e1")
    before = bot.platform.texts()
    is_full = False
    await bot.say("/say hello", event_id="e1")

    assert (["warm"], ["warm", "hello"]) == (before, bot.platform.texts())


async def test_what_an_unfinished_start_left_is_sent_by_the_next(make_bot) -> None:
    """The answer is on disk when the event is."""
    bot = make_bot([SAY])
    async with bot.live():
        await bot.say("/say warm")
    await bot.post("/say hello", event_id="e1")
    again = make_bot([SAY], platform=bot.platform)
    rows = [row.state for row in await bot.outbox_rows.deliveries(limit=1)]

    assert (["sending"], {"done": 2}) == (rows, await again.inbox_rows.counts())
