"""The line to Discord breaks, falls silent, is refused: nothing is lost, nothing comes twice, nobody storms."""

import copy
import logging

import pytest
from tests.adapters.discord.bench import Bench, bench, says

from quarterdeck.core.event import Event, Posted
from quarterdeck.core.reply import Reply
from quarterdeck.testing.simulator.discord import DiscordSimulator
from quarterdeck.testing.simulator.platform import Fault

NOTHING = says(None)


def texts(bot: Bench) -> list[str]:
    return [event.message.text for event in bot.events if isinstance(event, Posted)]


async def up(bot: Bench) -> None:
    """Wait until the adapter says that it receives."""
    await bot.clock.until(lambda: bot.adapter.link == "receiving")


async def saved(bot: Bench) -> None:
    """Wait until everything that came is below the number on disk."""
    await bot.clock.until(
        lambda: bot.memory.values.get("session", {}).get("number", 0) >= 2 + len(bot.events)
    )


async def test_a_broken_line_is_resumed(discord: DiscordSimulator) -> None:
    """F16: what was said meanwhile comes in order, once; no new session is begun for it."""
    async with bench(discord, NOTHING).running() as bot:
        await discord.ready()
        wanted = []
        for n in range(20):
            discord.fail(Fault(kind="disconnect", where="MESSAGE_CREATE"))
            wanted += [f"lost {n}", f"after {n}"]
            await discord.say("ann", f"lost {n}")
            await discord.say("ann", f"after {n}")
            await bot.until(lambda n=n: len(bot.events) == 2 * n + 2)

        assert wanted == texts(bot)
        assert (1, 20) == (len(discord.gateway.identifies), discord.gateway.resumes)


async def test_a_silent_line_is_noticed() -> None:
    """F16: connected but deaf is what a half-open connection looks like."""
    async with DiscordSimulator(heartbeat_s=0.1) as discord, bench(discord, NOTHING).running() as bot:
        await discord.ready()
        discord.gateway.make_zombies()
        await discord.say("ann", "anybody?")
        await bot.until(lambda: texts(bot) == ["anybody?"])

        assert (1, 1) == (len(discord.gateway.identifies), discord.gateway.resumes)


async def test_discord_may_ask_to_connect_anew(discord: DiscordSimulator) -> None:
    """Opcode 7 is routine."""
    async with bench(discord, NOTHING).running() as bot:
        await discord.ready()
        await discord.gateway.order_reconnect()
        await discord.say("ann", "hello")
        await bot.until(lambda: texts(bot) == ["hello"])

        assert (1, 1) == (len(discord.gateway.identifies), discord.gateway.resumes)


async def test_a_kill_before_the_commit_loses_nothing(discord: DiscordSimulator) -> None:
    """F1, F2: the number on disk stands before what is not on disk, so Discord sends that again."""
    first = bench(discord, NOTHING)
    async with first.running():
        await discord.ready()
        await discord.say("ann", "one")
        await first.until(lambda: len(first.events) == 1)
        await saved(first)
        await discord.say("ann", "two")
        await first.until(lambda: len(first.events) == 2)
        first.is_full = True
        await discord.say("ann", "three")
        pauses = first.clock.sleeps
        await first.clock.until(lambda: first.clock.sleeps >= pauses + 10)  # the number is written meanwhile
        memory = copy.deepcopy(
            first.memory
        )  # what is on disk at the kill: "two" is in the inbox, "three" is not
    second = bench(discord, NOTHING, memory=memory, seen=set(first.seen))
    async with second.running():
        await second.until(lambda: texts(second) == ["three"])
        await discord.say("ann", "four")
        await second.until(lambda: texts(second) == ["three", "four"])

        assert 1 == len(discord.gateway.identifies)
        assert [False, False] == [event.is_late for event in second.events]


async def test_what_finds_no_room_is_tried_again_in_order(discord: DiscordSimulator) -> None:
    """F22: a full conversation holds up itself."""
    async with bench(discord, NOTHING).running() as bot:
        await discord.ready()
        bot.is_full = True
        for n in range(5):
            await discord.say("ann", f"{n}")
        bot.is_full = False
        await bot.until(lambda: len(bot.events) == 5)

        assert [f"{n}" for n in range(5)] == texts(bot)


async def test_two_hundred_restarts_begin_one_session(discord: DiscordSimulator) -> None:
    """F17: a crash loop must not use up the sessions of the day, at whose end Discord resets the token."""
    memory, seen = None, set()
    for n in range(200):
        bot = bench(discord, NOTHING, **({"memory": memory} if memory else {}), seen=seen)
        async with bot.running():
            await up(bot)
            await discord.say("ann", f"{n}")
            await bot.until(lambda n=n, bot=bot: f"{n}" in texts(bot))
        memory, seen = bot.memory, bot.seen

    assert 1 == len(discord.gateway.identifies)
    assert [] == list(discord.refusals())


async def test_a_lost_session_is_read_up(discord: DiscordSimulator) -> None:
    """What was said between the sessions is read from the channels, marked as late, before what comes live."""
    async with bench(discord, NOTHING).running() as bot:
        await discord.ready()
        await discord.say("ann", "before")
        await discord.say("ann", "direct", where="direct")
        await bot.until(lambda: len(bot.events) == 2)
        await saved(bot)
    memory = bot.memory
    for session in discord.gateway._sessions.values():
        session.is_over = True
    wanted = [f"missed {n}" for n in range(130)]
    for text in wanted:
        await discord.say("ann", text)
    await discord.say("ann", "missed direct", where="direct")
    discord.fail(Fault(kind="delay", where="GET messages", count=4, after_s=0.1))
    second = bench(discord, NOTHING, memory=memory, seen=bot.seen)
    async with second.running():
        await up(second)
        await discord.say("ann", "live")  # while the past is being read
        await second.until(lambda: "live" in texts(second) and "missed direct" in texts(second))

        assert [*wanted, "live"] == [text for text in texts(second) if text != "missed direct"]
        assert {"live"} == {
            event.message.text for event in second.events if isinstance(event, Posted) and not event.is_late
        }
        await second.until(lambda: "gap" not in memory.values)


async def test_an_invalid_session_is_given_up(discord: DiscordSimulator) -> None:
    """In the same process, and nothing comes twice."""
    async with bench(discord, NOTHING).running() as bot:
        await discord.ready()
        await discord.say("ann", "one")
        await bot.until(lambda: len(bot.events) == 1)
        await saved(bot)
        await discord.gateway.invalidate()
        await discord.say("ann", "two")
        await bot.until(lambda: texts(bot) == ["one", "two"])

        assert 2 == len(discord.gateway.identifies)


async def test_what_comes_ten_times_counts_once(discord: DiscordSimulator) -> None:
    """F18: the id is Discord's own, whatever way it comes."""
    async with bench(discord, says(Reply(text="Pong."))).running() as bot:
        await discord.ready()
        for n in range(10):
            discord.fail(Fault(kind="duplicate", where="MESSAGE_CREATE"))
            await discord.say("ann", f"{n}")
        await bot.until(lambda: len(bot.sent) == 10)

        assert [f"{n}" for n in range(10)] == texts(bot)


async def test_a_refused_token_is_said_once(
    discord: DiscordSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """F25: no storm of 401, which would get the address banned; a new token is taken up."""
    clock_of = bench(discord, NOTHING)
    good = clock_of.token
    async with clock_of.running() as bot:
        await discord.ready()
        discord.reset_token()
        await discord.gateway.close_all(4004)
        await bot.clock.until(lambda: bot.adapter.link == "needs_auth")
        looks = bot.clock.sleeps
        await bot.clock.until(lambda: bot.clock.sleeps >= looks + 30)  # at the token: is there another one?
        refused = [line for line in discord.refusals() if "401" in line or "4004" in line]

        assert len(refused) <= 2
        assert 1 == [record.message for record in caplog.records].count("Discord refuses our token")
        discord.gateway.token = bot.token = f"{good}.new"
        await up(bot)
        await discord.say("ann", "again")
        await bot.until(lambda: texts(bot) == ["again"])


async def test_without_the_intents_the_bot_still_answers(caplog: pytest.LogCaptureFixture) -> None:
    """The portal's switches are off at first: say which, and do what goes without."""
    caplog.set_level(logging.ERROR)
    async with (
        DiscordSimulator(privileged=0) as discord,
        bench(discord, says(Reply(text="Pong."))).running() as bot,
    ):
        await up(bot)
        await discord.say("ann", "hello", where="direct")
        await discord.wait_for("ann", "Pong.", where="direct")

        (said,) = [record for record in caplog.records if "privileged" in record.message]
        assert "Message Content Intent" in said.hint  # type: ignore[attr-defined]
        assert [4014] == discord.gateway.closes


async def test_hostile_text_makes_the_way_there_and_back(discord: DiscordSimulator) -> None:
    """F24: half characters, marks of direction, families of emoji."""
    hostile = ["👩‍👩‍👧‍👦" * 50, "\u202eabc", "a\u200db", "e\u0301" * 300, "@everyone <@1> `x", "x" * 1_900]

    async def echo(event: Event) -> Reply | None:
        return Reply(text=event.message.text, is_literal=True) if isinstance(event, Posted) else None

    async with bench(discord, echo).running() as bot:
        await discord.ready()
        for text in hostile:
            await discord.say("ann", text)
        await bot.until(lambda: len(bot.sent) >= len(hostile))

        assert [] == [*bot.errors, *discord.refusals()]
        answers = [one for one in await discord.seen("ann") if one.author == "bot"]
        assert [()] * len(answers) == [one.pings for one in answers]
