"""Each stored event is taken to its answer, in order, and whatever breaks costs that event alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.event import Invoked, Pressed
from quarterdeck.core.message import Attachment
from quarterdeck.core.reply import Reply
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


async def test_every_decision_is_on_record_once(make_bot) -> None:
    """The audit says who wanted what and what decided."""

    async def change(call: Call) -> Reply:
        return Reply(text="Changed.")

    bot = make_bot([command("change", change, effect="write")])
    async with bot.live():
        await bot.say("/change")
        await bot.say("/ping")
        await bot.say("/ping", user="stranger")
    rows = [row["detail"] for row in await bot.audit.rows() if row["kind"] == "decision"]

    assert [
        ("command:change", "fake::U1", True),
        ("command:ping", "fake::U1", True),
        ("command:ping", "fake::stranger", False),
    ] == [(row["action"], row["identity"], row["allowed"]) for row in rows]


async def test_a_file_without_a_word_is_kept_and_said(bot) -> None:
    """It must not end as an error about a missing text."""
    event = bot.platform.posted("", event_id="f1")
    file = Attachment(name="notes.md", media_type="text/markdown", size_bytes=1234)
    await bot.inbox.accept(replace(event, message=replace(event.message, attachments=(file,))))
    await bot.settled()

    assert "`notes.md` (1,234 bytes)" in bot.platform.texts()[0]


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
