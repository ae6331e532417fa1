"""What goes out goes out once, into the right place, within Discord's limits, or says why not."""

from pathlib import Path
from typing import Any

import pytest
from tests.adapters.discord.bench import Bench, bench, command, says

from quarterdeck.core.adapter import Rendered
from quarterdeck.core.errors import Gone, RateLimited, Rejected, Unavailable, Unknown
from quarterdeck.core.event import Event, Invoked, Posted
from quarterdeck.core.reply import File, Reply
from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck.testing.simulator.platform import Fault

COMMANDS = (command("ping"), command("slow", lane="heavy"))
NOTHING = says(None)


async def asked(bot: Bench, discord: DiscordSimulator, name: str = "") -> Event:
    """Let Ann say something, or use a command, that is not answered yet."""
    await discord.ready()
    before = len(bot.events)
    if name:
        await bot.adapter.declare(COMMANDS)
        await discord.command("ann", name, {})
    else:
        await discord.say("ann", "question")
    await bot.until(lambda: len(bot.events) > before)
    return bot.events[-1]


def part(bot: Bench, text: str) -> Rendered:
    return bot.adapter.render(Reply(text=text))[0]


async def said(discord: DiscordSimulator) -> list[str]:
    return [one.text for one in await discord.seen("ann") if one.author == "bot" and not one.is_deleted]


@pytest.mark.parametrize("name", ["", "ping", "slow"])
async def test_a_lost_answer_is_asked_for_again_and_posts_nothing_twice(
    discord: DiscordSimulator, name: str
) -> None:
    """F4: by Discord's own key in a channel, by the one place of a command's answer."""
    async with bench(discord, NOTHING, commands=COMMANDS).running() as bot:
        event = await asked(bot, discord, name)
        for where in ("POST messages", "PATCH webhook message", "POST callback"):
            discord.fail(Fault(kind="lost_answer", where=where))
        ids = []
        for _ in range(3):
            try:
                ids.append(await bot.adapter.send(event.conversation, part(bot, "Done."), f"{event.key}#1"))
            except (Unknown, Unavailable):
                continue

        assert ids
        assert ["Done."] == await said(discord)


@pytest.mark.parametrize("name", ["", "ping", "slow"])
async def test_a_kill_after_discord_took_it_posts_nothing_twice(discord: DiscordSimulator, name: str) -> None:
    """F4: the next process sends the same row, long after Discord has forgotten the key."""
    first = bench(discord, NOTHING, commands=COMMANDS)
    async with first.running():
        event = await asked(first, discord, name)
        await first.adapter.send(event.conversation, part(first, "Done."), f"{event.key}#1")
    for message in discord.world.messages.values():
        message.nonce = None  # Discord remembers keys for minutes
    second = bench(discord, NOTHING, commands=COMMANDS, memory=first.memory, seen=first.seen)
    async with second.running():
        await discord.ready()
        await second.adapter.send(event.conversation, part(second, "Done."), f"{event.key}#1")

        assert ["Done."] == await said(discord)


async def test_answers_that_say_the_same_are_told_apart_after_a_kill(discord: DiscordSimulator) -> None:
    """Two people asked the same; one was answered before the kill: so is the other one, and nobody twice."""
    first = bench(discord, NOTHING)
    async with first.running():
        one, two = await asked(first, discord), await asked(first, discord)
        await first.adapter.send(two.conversation, part(first, "Pong."), f"{two.key}#1")
    for message in discord.world.messages.values():
        message.nonce = None
    second = bench(discord, NOTHING, memory=first.memory, seen=first.seen)
    async with second.running():
        await discord.ready()
        for event in (one, two):
            await second.adapter.send(event.conversation, part(second, "Pong."), f"{event.key}#1")

        assert ["Pong."] * 2 == await said(discord)


async def test_what_answers_nothing_may_be_said_again_after_a_restart(discord: DiscordSimulator) -> None:
    """A reminder says the same each time."""
    first = bench(discord, NOTHING)
    async with first.running():
        event = await asked(first, discord)
        await first.adapter.send(event.conversation, part(first, "Stand-up!"), "schedule:1:monday#1")
    second = bench(discord, NOTHING, memory=first.memory, seen=first.seen)
    async with second.running():
        await discord.ready()
        await second.adapter.send(event.conversation, part(second, "Stand-up!"), "schedule:1:tuesday#1")
        await second.adapter.send(event.conversation, part(second, "Stand-up!"), "schedule:1:tuesday#1")

        assert ["Stand-up!"] * 2 == await said(discord)


async def test_a_restart_answers_where_the_command_was_given(discord: DiscordSimulator) -> None:
    """The token is on disk for its fifteen minutes: "thinking" does not stand there for ever."""
    first = bench(discord, NOTHING, commands=COMMANDS)
    async with first.running():
        event = await asked(first, discord, "slow")
    second = bench(discord, NOTHING, commands=COMMANDS, memory=first.memory, seen=first.seen)
    async with second.running():
        await discord.ready()
        await second.adapter.send(event.conversation, part(second, "Done."), f"{event.key}#1")

        assert ["Done."] == await said(discord)
        assert [] == list(discord.refusals())


async def test_after_fourteen_minutes_the_channel_is_used(discord: DiscordSimulator) -> None:
    """Discord takes no follow-up after fifteen."""
    async with bench(discord, NOTHING, commands=COMMANDS).running() as bot:
        event = await asked(bot, discord, "slow")
        bot.clock.ahead_s += 14 * 60
        await bot.adapter.send(event.conversation, part(bot, "Done."), f"{event.key}#1")

        assert "Done." in await said(discord)
        assert [] == list(discord.refusals())


async def test_rows_of_the_core_do_not_take_each_others_place(discord: DiscordSimulator) -> None:
    """ "Working on it" was the first answer; the answer itself stands behind it, and each may be changed."""
    async with bench(discord, NOTHING, commands=COMMANDS).running() as bot:
        event = await asked(bot, discord, "slow")
        first = await bot.adapter.send(event.conversation, part(bot, "Working"), f"{event.key}~progress#1")
        await bot.adapter.send(event.conversation, part(bot, "Done."), f"{event.key}#1")
        await bot.adapter.edit(event.conversation, first, part(bot, "Worked"))

        assert ["Worked", "Done."] == await said(discord)


async def test_a_private_part_that_may_have_been_shown_is_not_repeated(discord: DiscordSimulator) -> None:
    """Discord takes no key for it: it ends undelivered, for a person to look at."""
    async with bench(discord, NOTHING, commands=COMMANDS).running() as bot:
        event = await asked(bot, discord, "slow")
        one, two = bot.adapter.render(Reply(text="word " * 700, private_to=event.actor))
        await bot.adapter.send(event.conversation, one, f"{event.key}#1")
        discord.fail(Fault(kind="lost_answer", where="POST webhook"))

        with pytest.raises(Unknown):
            await bot.adapter.send(event.conversation, two, f"{event.key}#2")
        with pytest.raises(Rejected, match="not repeated"):
            await bot.adapter.send(event.conversation, two, f"{event.key}#2")


@pytest.mark.parametrize("what", ["view", "send", "gone"])
async def test_a_closed_place_is_told_and_not_tried_again(discord: DiscordSimulator, what: str) -> None:
    """F26: the outbox keeps it with the reason."""
    async with bench(discord, NOTHING).running() as bot:
        event = await asked(bot, discord)
        if what == "gone":
            await discord.remove_channel("general")
        else:
            await discord.forbid(what)

        with pytest.raises(Gone) as caught:
            await bot.adapter.send(event.conversation, part(bot, "Done."), f"{event.key}#1")
        assert not caught.value.retryable
        assert 1 == len(discord.refusals())


async def test_without_the_history_answers_refer_to_nothing(discord: DiscordSimulator) -> None:
    """Discord refuses a reference there (160002); the answer comes all the same, and the next ones at once."""
    async with bench(discord, NOTHING).running() as bot:
        events = [await asked(bot, discord), await asked(bot, discord)]
        rest = (await bot.adapter._connected()).rest
        call, refused = rest.call, []

        async def without_history(method: str, path: str, **named: Any) -> Any:
            if "message_reference" in (named.get("body") or {}):
                refused.append(path)
                raise Rejected("no history", service="discord", status=403, detail="160002")
            return await call(method, path, **named)

        rest.call = without_history  # type: ignore[method-assign]
        for event in events:
            await bot.adapter.send(event.conversation, part(bot, "Pong."), f"{event.key}#1")

        assert ["Pong."] * 2 == await said(discord)
        assert 1 == len(refused)


async def test_a_channel_where_typing_is_refused_is_left_alone(discord: DiscordSimulator) -> None:
    """Each refusal counts towards a ban."""
    async with bench(discord, NOTHING).running() as bot:
        event = await asked(bot, discord)
        await discord.forbid("send")
        for _ in range(3):
            await bot.adapter.typing(event.conversation)

        assert len(discord.refusals()) <= 1


async def test_a_long_pause_is_the_cores_to_wait(discord: DiscordSimulator) -> None:
    """A short one discord.py waits itself; a long one would hold up everything behind it."""
    async with bench(discord, NOTHING).running() as bot:
        event = await asked(bot, discord)
        discord.fail(Fault(kind="rate_limit", where="POST messages", after_s=60.0))

        with pytest.raises(RateLimited) as caught:
            await bot.adapter.send(event.conversation, part(bot, "Done."), f"{event.key}#1")
        assert 60.0 == caught.value.retry_after_s


async def test_a_file_that_is_too_large_is_named(discord: DiscordSimulator, tmp_path: Path) -> None:
    """F23: what Discord does not take is said, and the rest is sent."""
    (tmp_path / "large.bin").write_bytes(bytes(11 * 1024 * 1024))
    (tmp_path / "small.txt").write_text("small")
    files = tuple(File(name=name, path=str(tmp_path / name)) for name in ("large.bin", "small.txt"))
    async with bench(discord, says(Reply(text="Here", files=files))).running() as bot:
        await asked(bot, discord)
        message = await discord.wait_for("ann", "Here")

        assert ("small.txt",) == message.files
        assert "large.bin is larger than the 10 MiB" in message.text
        assert [] == [*bot.errors, *discord.refusals()]


async def test_forty_thousand_characters_arrive_in_order(discord: DiscordSimulator) -> None:
    """F23: numbered, none refused, none missing."""
    words = " ".join(f"w{n}" for n in range(6_000))
    async with bench(discord, says(Reply(text=words))).running() as bot:
        await asked(bot, discord)
        await bot.until(lambda: len(bot.sent) > 15)
        parts = [text.rpartition("\n\n")[0] for text in await said(discord)]

        assert words.split() == " ".join(parts).split()
        assert [] == list(discord.refusals())


async def test_the_limits_are_kept_without_one_refusal() -> None:
    """Discord says how much a channel takes; nobody needs to be refused to learn it."""
    async with DiscordSimulator(enforce_limits=True) as discord, bench(discord, NOTHING).running() as bot:
        event = await asked(bot, discord)
        for n in range(8):
            await bot.adapter.send(event.conversation, part(bot, f"{n}"), f"{event.key}#{n + 1}")

        assert [f"{n}" for n in range(8)] == await said(discord)
        assert [] == list(discord.refusals())


async def test_events_are_typed(discord: DiscordSimulator) -> None:
    """A message and a command are told apart by what they are, with ids of the same kind."""
    async with bench(discord, NOTHING, commands=COMMANDS).running() as bot:
        kinds = [type(await asked(bot, discord)), type(await asked(bot, discord, "ping"))]

        assert [Posted, Invoked] == kinds
