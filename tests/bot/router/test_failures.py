"""Whatever breaks costs the event that it breaks over, and is said."""

from __future__ import annotations

import asyncio
import logging

import pytest

from quarterdeck.core.command import Call, Command
from quarterdeck.core.errors import NotFound, ServiceError, Unavailable
from quarterdeck.core.reply import Reply
from quarterdeck.router import router as router_module
from quarterdeck.router.flow import running
from quarterdeck.testing.clock import FakeClock


def command(name: str, handler, **options) -> Command:
    """Declare a command that operators may run."""
    return Command(name=name, summary="For a test", handler=handler, **{"allow": "operator", **options})


async def test_an_unforeseen_error_is_tried_three_times_then_set_aside(make_bot, caplog) -> None:
    """F41: a poison event costs itself, not the conversation."""
    runs = 0

    async def broken(call: Call) -> Reply:
        nonlocal runs
        runs += 1
        raise KeyError("nobody thought of this")

    bot = make_bot([command("broken", broken)])
    with caplog.at_level(logging.INFO):
        async with bot.live():
            await bot.post("/broken")
            await bot.post("/ping")
            await bot.settled()

    assert 3 == runs
    assert [router_module.SET_ASIDE, "Pong."] == bot.platform.texts()
    assert {"quarantined": 1, "done": 1} == await bot.inbox_rows.counts()


async def test_an_event_that_kills_the_process_is_set_aside_after_three_starts(make_bot) -> None:
    """F41 over restarts: what stops the process each time must not stop it for ever."""
    runs = 0

    async def deadly(call: Call) -> Reply:
        nonlocal runs
        runs += 1
        raise asyncio.CancelledError  # the process ends here

    bot = make_bot([command("deadly", deadly)])
    await bot.post("/deadly", event_id="poison")
    await bot.post("/ping", event_id="next")
    for _ in range(6):
        again = make_bot([command("deadly", deadly)], platform=bot.platform)
        async with again.live():
            async with asyncio.timeout(10):
                while again.router.lanes._tasks:
                    await asyncio.sleep(0.001)
            if again.router.lanes.waiting == 0:
                await again.outbox.lanes.drained()

    assert 3 >= runs
    assert [router_module.SET_ASIDE, "Pong."] == bot.platform.texts()


async def test_our_errors_explain_themselves(make_bot) -> None:
    """A refusal names what to do next, and is an answer, not a failure."""

    async def missing(call: Call) -> Reply:
        raise NotFound("no run 7", hint="/runs lists them")

    async def down(call: Call) -> Reply:
        raise ServiceError("the registry is down", service="registry", retryable=True)

    bot = make_bot([command("missing", missing), command("down", down)])
    async with bot.live():
        texts = [await bot.ask("/missing"), await bot.ask("/down")]

    assert ["No run 7\n/runs lists them", "The registry is down"] == texts


async def test_a_handler_that_hangs_is_stopped(make_bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its conversation must go on."""
    monkeypatch.setattr(running, "HEAVY_LIMIT_S", 0.01)

    async def hang(call: Call) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    bot = make_bot([command("hang", hang)])
    async with bot.live():
        texts = [await bot.ask("/hang"), await bot.ask("/ping")]

    assert ["/hang took too long and was stopped.", "Pong."] == texts


async def test_an_answer_can_be_stopped_by_its_key(make_bot) -> None:
    """Ctrl-C in the console stops the answer, not the program."""
    begun = asyncio.Event()

    async def long(call: Call) -> Reply:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    bot = make_bot([command("long", long)])
    async with bot.live():
        await bot.post("/long", event_id="e1")
        await bot.post("/long", event_id="e2")
        await begun.wait()
        stopped = [bot.router.cancel(key) for key in ("fake::e2", "fake::e1", "fake::e3")]
        await bot.settled()

    assert [True, True, False] == stopped
    assert ["Stopped.", "Stopped."] == bot.platform.texts()
    assert not bot.router._runner._stopped


async def test_effects_are_on_record_before_they_happen(make_bot, armed, caplog) -> None:
    """F40: what changes something is refused while the record cannot be written; what reads goes on."""
    effects: list[str] = []

    async def change(call: Call) -> Reply:
        effects.append("changed")
        return Reply(text="Changed.")

    bot = make_bot([command("change", change, effect="write")])

    async def full(entry) -> None:
        raise Unavailable("the disk is full", service="database", hint="free some space")

    with caplog.at_level(logging.INFO):
        async with bot.live():
            record, bot.outbox.record = bot.outbox.record, full
            refused, read = await bot.ask("/change"), await bot.ask("/ping")
            bot.outbox.record = record
            allowed = await bot.ask("/change")

    assert "on record first" in refused
    assert ("Pong.", "Changed.", ["changed"]) == (read, allowed, effects)


async def test_an_answer_waits_for_the_disk(make_bot, caplog) -> None:
    """F7: nothing is lost while the disk is full, and it goes on by itself."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    queue, failures = bot.outbox_rows.queue, 3

    async def full(*rows, **options):
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable("the disk is full", service="database")
        return await queue(*rows, **options)

    bot.outbox_rows.queue = full
    with caplog.at_level(logging.INFO):
        async with bot.live():
            await bot.post("/ping")
            for _ in range(3):
                await clock.wait_for_sleepers()
                await clock.advance(2)
            await bot.settled()

    assert ["Pong."] == bot.platform.texts()


async def test_a_database_that_is_down_costs_no_attempt(make_bot, caplog) -> None:
    """An outage of ours must not set honest events aside."""
    clock = FakeClock()
    bot = make_bot(clock=clock)
    person_of, failures = bot.people.person_of, 10

    async def down(*values):
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable("the disk does not answer", service="database")
        return await person_of(*values)

    bot.people.person_of = down
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            await bot.post("/ping")
            for _ in range(10):
                await clock.wait_for_sleepers()
                await clock.advance(router_module.STORE_PAUSE_S)
            await bot.settled()

    assert ["Pong."] == bot.platform.texts()
    assert {"done": 1} == await bot.inbox_rows.counts()


async def test_a_reply_that_cannot_be_rendered_is_said_and_set_aside(make_bot, caplog) -> None:
    """The conversation goes on."""

    async def strange(call: Call) -> Reply:
        return Reply(text="boom")

    bot = make_bot([command("strange", strange)])
    render = bot.platform.render
    bot.platform.render = lambda reply: render(reply) if reply.text != "boom" else 1 / 0
    with caplog.at_level(logging.CRITICAL):
        async with bot.live():
            texts = [await bot.ask("/strange"), await bot.ask("/ping")]

    assert [router_module.SET_ASIDE, "Pong."] == texts
    assert {"quarantined": 1, "done": 1} == await bot.inbox_rows.counts()


async def test_a_stream_that_breaks_says_so(make_bot) -> None:
    """A truncated answer must not look like a whole one."""

    async def stream():
        yield "Half an "
        raise Unavailable("the model's answer broke off", service="model")

    async def talk(call: Call) -> Reply:
        return Reply(stream=stream())

    bot = make_bot([command("talk", talk)])
    async with bot.live():
        text = await bot.ask("/talk")

    assert "Half an\n\nThe model's answer broke off" == text


async def test_a_cancelled_router_leaves_the_event_for_the_next_start(make_bot) -> None:
    """F5: what SIGTERM cuts off is done after the restart."""
    gate = asyncio.Event()

    async def slow(call: Call) -> Reply:
        await gate.wait()
        return Reply(text="done")

    bot = make_bot([command("slow", slow)])
    async with bot.live():
        await bot.post("/slow")
        await bot.post("/ping")
        await asyncio.sleep(0.01)
        have_ended = await bot.router.finish(0.01)
    gate.set()
    again = make_bot([command("slow", slow)], platform=bot.platform)
    async with again.live():
        await again.settled()

    assert have_ended is False
    assert ["done", "Pong."] == bot.platform.texts()
