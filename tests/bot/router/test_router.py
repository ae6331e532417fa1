"""Each stored event is taken to its answer, in order, and whatever breaks costs that event alone."""

from __future__ import annotations

import asyncio
import logging

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import NotFound, ServiceError, Unavailable
from quarterdeck.core.event import Invoked, Pressed
from quarterdeck.core.reply import Reply
from quarterdeck.router import router as router_module
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import START


def command(name: str, handler, **options) -> Command:
    """Declare a command that operators may run."""
    return Command(name=name, summary="For a test", handler=handler, **{"allow": "operator", **options})


def invoked(bot, name: str, event_id: str = "i1", **options) -> Invoked:
    """Return the event of a native command."""
    return Invoked(
        id=event_id,
        platform="fake",
        received_at=START,
        conversation=bot.platform.conversation(),
        actor=bot.platform.posted("", event_id="x").actor,
        command=name,
        options=options,
    )


def pressed(bot, value: str, user: str = "U1") -> Pressed:
    """Return the event of a button."""
    return Pressed(
        id=f"press-{value}-{user}",
        platform="fake",
        received_at=START,
        conversation=bot.platform.conversation(),
        actor=bot.platform.posted("", event_id="x", user=user).actor,
        button_id="go",
        value=value,
    )


async def test_a_command_is_answered(bot) -> None:
    """The shortest way through everything."""
    assert "Pong." == await bot.ask("/ping")


async def test_echo_is_byte_for_byte(bot) -> None:
    """A diagnosis that changes what it looks at is worth nothing."""
    text = "  a\tb  \\n \"x' --y=1 /z *b* `c` \u202e \u200d é e\u0301 😀 \x07 "

    assert text == await bot.ask(f"/echo {text}")


async def test_plain_text_to_the_bot_is_a_conversation(bot) -> None:
    """A direct message needs no command."""
    assert "chat: hello there" == await bot.ask("hello there")


async def test_a_conversation_is_answered_in_order(make_bot) -> None:
    """Two hundred messages, some slow, come back in the order in which they were written."""

    async def slow(call: Call) -> Reply:
        await asyncio.sleep(0)
        return Reply(text="slow")

    bot = make_bot([command("slow", slow)], limits=None)
    bot.router.lanes._lane_limit = 1_000
    async with bot.live():
        for number in range(200):
            await bot.post("/slow" if number % 7 == 0 else f"/echo {number}")
        await bot.settled()

    assert ["slow" if n % 7 == 0 else str(n) for n in range(200)] == bot.platform.texts()


async def test_light_commands_pass_heavy_ones_of_other_conversations(make_bot) -> None:
    """A ping must not wait for somebody else's model."""
    gate = asyncio.Event()

    async def heavy(call: Call) -> Reply:
        await gate.wait()
        return Reply(text="done")

    bot = make_bot([command("heavy", heavy)])
    async with bot.live():
        for number in range(30):
            await bot.post("/heavy", conversation=bot.platform.conversation(f"busy{number}"))
        await bot.post("/ping")
        async with asyncio.timeout(10):
            while not bot.platform.sent:
                await asyncio.sleep(0.001)
        first = bot.platform.texts()
        gate.set()
        await bot.settled()

    assert ["Pong."] == first
    assert 31 == len(bot.platform.sent)


async def test_heavy_commands_run_only_so_many_at_once(make_bot) -> None:
    """The machine has bounds; the queue is where the rest waits."""
    running = most = 0
    gate = asyncio.Event()

    async def heavy(call: Call) -> Reply:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1
        return Reply(text="done")

    bot = make_bot([command("heavy", heavy)])
    async with bot.live():
        for number in range(40):
            await bot.post("/heavy", conversation=bot.platform.conversation(f"c{number}"))
        async with asyncio.timeout(10):
            while running < 8:
                await asyncio.sleep(0.001)
        gate.set()
        await bot.settled()

    assert (8, 40) == (most, len(bot.platform.sent))


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
    monkeypatch.setattr(router_module, "HEAVY_LIMIT_S", 0.01)

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
    assert not bot.router._stopped


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


async def test_every_decision_is_on_record_once(make_bot) -> None:
    """The audit says who wanted what and what decided."""

    async def change(call: Call) -> Reply:
        return Reply(text="Changed.")

    bot = make_bot([command("change", change, effect="write")])
    async with bot.live():
        await bot.say("/change")
        await bot.say("/ping")
        await bot.say("/ping", user="stranger")
    rows = [row["detail"] for row in await bot.audit.rows()]

    assert [
        ("command:change", "fake::U1", True),
        ("command:ping", "fake::U1", True),
        ("command:ping", "fake::stranger", False),
    ] == [(row["action"], row["identity"], row["allowed"]) for row in rows]


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


async def test_a_streamed_answer_is_shown_while_it_is_written_and_sent_whole(make_bot) -> None:
    """What is kept and sent is the final form."""

    async def stream():
        for piece in ("The pass", "word is ", "hunter2-hunter2", " and more", " to come"):
            yield piece

    async def talk(call: Call) -> Reply:
        return Reply(stream=stream())

    def clean(text: str) -> str:
        return text.replace("hunter2-hunter2", "[redacted]")

    bot = make_bot([command("talk", talk)], abilities={Ability.STREAM}, clean=clean)
    async with bot.live():
        text = await bot.ask("/talk", event_id="e9")
    shown = "".join(piece for key, piece in bot.platform.pieces if key == "fake::e9")

    assert "The password is [redacted] and more to come" == text
    assert "The password is [redacted] and more to " == shown


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

    assert "Half an \n\nThe model's answer broke off" == text


async def test_a_final_form_replaces_the_pieces(make_bot) -> None:
    """Citations are known only at the end."""
    closed = []

    async def stream():
        try:
            yield "draft "
            yield Reply(text="final")
            yield "never"
        finally:
            closed.append(True)

    async def talk(call: Call) -> Reply:
        return Reply(stream=stream())

    bot = make_bot([command("talk", talk)])
    async with bot.live():
        text = await bot.ask("/talk")

    assert ("final", [True]) == (text, closed)


async def test_native_commands_go_the_same_way(make_bot) -> None:
    """One declaration, one check of values, whatever the way in."""

    async def scale(call: Call) -> Reply:
        return Reply(text=f"{call.options['replicas']!r}")

    replicas = Option(name="replicas", summary="How many", kind="integer", default=1, maximum=5)
    bot = make_bot([command("scale", scale, options=(replicas,))])
    async with bot.live():
        for number, given in enumerate(({"replicas": 3}, {}, {"replicas": 9}, {"nope": 1})):
            await bot.inbox.accept(invoked(bot, "scale", f"i{number}", **given))
        await bot.settled()

    three, default, too_many, unknown = bot.platform.texts()
    assert ("3", "1") == (three, default)
    assert "up to 5" in too_many
    assert "no option 'nope'" in unknown


async def test_a_button_runs_with_the_rights_of_who_presses_it(bot) -> None:
    """T13: a button is a command line that its presser typed."""
    for user in ("U1", "U2"):
        await bot.inbox.accept(pressed(bot, "/echo pressed", user))
    await bot.settled()

    first, second = bot.platform.texts()
    assert "pressed" == first
    assert "do not know you" in second


@pytest.mark.parametrize("value", ["", "nonsense", "//", "/"])
async def test_a_button_that_means_nothing_is_answered(bot, value: str) -> None:
    """Silence would look like a bot that hangs."""
    await bot.inbox.accept(pressed(bot, value))
    await bot.settled()

    assert "no command" in bot.platform.texts()[0]


async def test_in_a_group_only_what_is_meant_for_the_bot_is_answered(bot) -> None:
    """People talk to each other there, and to other bots."""
    group = bot.platform.conversation("team", "group")
    for text in ("hello all", "/unknown thing", "/usr/bin is full", "//", "ping"):
        await bot.say(text, conversation=group)
    silent = bot.platform.texts()
    await bot.say("/ping", conversation=group)
    await bot.say("ping", conversation=group, mentions_bot=True)
    await bot.say("what is up", conversation=group, mentions_bot=True)

    assert ([], ["Pong.", "Pong.", "chat: what is up"]) == (silent, bot.platform.texts())


async def test_help_is_one_flag_away(make_bot) -> None:
    """`--help` explains instead of running, except where text is taken as it is."""

    async def deploy(call: Call) -> Reply:
        raise AssertionError("it must not run")

    where = Option(name="env", summary="Where to", kind="choice", choices=("staging", "prod"))
    bot = make_bot([command("deploy", deploy, options=(where,), effect="destructive")])
    async with bot.live():
        explained, echoed = await bot.ask("/deploy --help"), await bot.ask("/echo --help")

    assert "staging | prod" in explained
    assert "--help" == echoed


async def test_a_typo_gets_the_nearest_command(bot) -> None:
    """And never one that the person may not run."""
    await bot.people_rows.grant(bot.platform.posted("", event_id="x", user="V").actor, "viewer", now_ms=0)

    assert "/ping" in await bot.ask("/pnig")
    assert "/chat" not in await bot.ask("/chta", user="V")


async def test_unknown_people_get_one_fixed_sentence(bot) -> None:
    """They learn nothing of what there is, and no handler runs."""
    lines = ("/ping", "/echo x", "/nope", "/help", "hello", "/chat x", "/echo")

    answers = [await bot.ask(line, user="stranger") for line in lines]

    assert 1 == len(set(answers))
    assert "do not know you" in answers[0]


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
