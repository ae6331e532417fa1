"""What the bot says, as people in the simulated workspace see it, and by which way it goes."""

from pathlib import Path

from tests.adapters.slack.conftest import Bot, running

from quarterdeck.core.event import Event, Invoked, Posted, Pressed
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Button, Card, Citation, Field, File, Reply
from quarterdeck.testing.simulator.slack.simulator import SlackSimulator


async def conversation(bot: Bot, where: str = "general") -> Conversation:
    """Let somebody speak, and return where."""
    count = len(bot.of(Posted))
    await bot.simulator.say("anna", "hello", where=where)
    await bot.until(lambda: len(bot.of(Posted)) > count)
    return bot.of(Posted)[-1].conversation


def reply_to_all(text: str) -> object:
    """Answer every command."""
    return lambda event: Reply(text=text) if isinstance(event, Invoked) else None


async def test_a_light_command_is_answered_in_its_acknowledgement(bot: Bot) -> None:
    """One request for all of it: the answer stands in the channel, and nothing was posted."""
    bot.answer = reply_to_all("Pong.")
    await bot.simulator.command("anna", "ping", "")

    seen = await bot.simulator.wait_for("ben", "Pong.")
    await bot.until(lambda: bot.sent)
    assert "bot" == seen.author
    assert ["ack"] == [sent.partition(":")[0] for sent in bot.sent]


async def test_a_heavy_command_is_answered_by_a_post(bot: Bot) -> None:
    """Its acknowledgement goes out at once."""
    bot.answer = reply_to_all("Deployed.")
    await bot.simulator.command("anna", "deploy", "api")

    seen = await bot.simulator.wait_for("ben", "Deployed.")
    await bot.until(lambda: bot.sent)
    assert [seen.id] == [sent.rpartition(":")[2] for sent in bot.sent]


async def test_where_the_bot_is_no_member_a_command_is_answered_all_the_same(bot: Bot) -> None:
    """By its response URL."""
    bot.simulator.workspace.place("secret", "anna")
    bot.simulator.remove_bot("secret")
    bot.answer = reply_to_all("Deployed.")
    await bot.simulator.command("anna", "deploy", "api", where="secret")

    assert "Deployed." == (await bot.simulator.wait_for("anna", "Deployed.", where="secret")).text


async def test_an_answer_for_one_person_is_shown_to_them_alone(bot: Bot) -> None:
    """In the acknowledgement, by the response URL and as a whisper."""
    bot.answer = lambda event: (
        Reply(text="psst", private_to=event.actor) if isinstance(event, Invoked) else None
    )
    for command in ("ping", "deploy"):
        await bot.simulator.command("anna", command, "")
        seen = await bot.simulator.wait_for("anna", "psst")
        assert bot.simulator.workspace.person("anna").id == seen.to
    where = await conversation(bot)
    await bot.send(Reply(text="psst again", private_to=bot.of(Posted)[-1].actor), where, "other")

    assert "psst again" == (await bot.simulator.wait_for("anna", "psst again")).text
    assert [] == [one.text for one in await bot.simulator.seen("ben") if "psst" in one.text]


async def test_in_a_thread_the_answer_stays_in_the_thread(bot: Bot) -> None:
    """The conversation's id says which."""
    ts = await bot.simulator.say("anna", "top")
    await bot.simulator.say("anna", "below", thread=ts)
    await bot.until(lambda: len(bot.of(Posted)) == 2)
    where = next(one.conversation for one in bot.of(Posted) if one.message.text == "below")
    await bot.send(Reply(text="here"), where, "k")

    assert ts == (await bot.simulator.wait_for("ben", "here")).thread


async def test_nothing_that_is_written_pings_or_hides_an_address(bot: Bot) -> None:
    """T18, T19: no name reaches anybody, and Slack's own signs are shown as they are."""
    hostile = "<!channel> <!here> <@U0SIMULATE> <#C1|x> @everyone @channel <https://evil.example|good> &lt;!here&gt;"
    where = await conversation(bot)
    await bot.send(Reply(text=hostile, is_literal=True), where, "literal")
    await bot.send(Reply(text=f"{hostile} [docs](https://docs.example/a?b=1&c=2)"), where, "markdown")

    first, second = await bot.simulator.wait_for("ben", "evil"), await bot.simulator.wait_for("ben", "docs")
    assert [(), ()] == [first.pings, second.pings]
    assert "<https://evil.example|good>" in first.text  # shown as it is: no words stand in for an address
    assert ("https://docs.example/a?b=1&c=2",) == tuple(one for one in second.links if "docs" in one)
    assert () == bot.simulator.refusals()


async def test_a_long_answer_arrives_in_numbered_parts_in_order(bot: Bot) -> None:
    """Nothing is cut, and Slack refuses none of them."""
    where = await conversation(bot)
    text = " ".join(f"word{n}" for n in range(6_000))
    ids = await bot.send(Reply(text=text), where, "long")

    shown = {one.id: one.text for one in await bot.simulator.seen("ben") if one.author == "bot"}
    parts = [shown[one.rpartition(":")[2]] for one in ids]
    assert [f"{n}/{len(parts)}" for n in range(1, len(parts) + 1)] == [part.split()[-1] for part in parts]
    assert text.split() == [word for part in parts for word in part.split()[:-1]]
    assert () == bot.simulator.refusals()


async def test_cards_show_their_parts_and_buttons_bring_back_their_values(bot: Bot) -> None:
    """Also a value that is too long to travel: then a reference does."""
    where, long = await conversation(bot), "/approve " + "x" * 5_000
    card = Card(
        title="Deploy",
        body="**api** goes out",
        fields=(Field(label="env", value="prod"),),
        buttons=(
            Button(id="yes", label="Yes", value=long),
            Button(id="no", label="No", value="/no", danger=True),
        ),
    )
    await bot.send(Reply(card=card, citations=(Citation(n=1, document="runbook.md"),)), where, "card")
    seen = await bot.simulator.wait_for("ben", "Deploy")
    await bot.simulator.press("ben", "Yes")
    await bot.simulator.press("ben", "No")
    await bot.until(lambda: len(bot.of(Pressed)) == 2)

    assert [("Yes", False), ("No", True)] == [(one.label, one.danger) for one in seen.buttons]
    assert all(word in seen.text for word in ("api goes out", "env", "prod", "[1] runbook.md"))
    assert {("yes", long), ("no", "/no")} == {(one.button_id, one.value) for one in bot.of(Pressed)}
    assert seen.id == bot.of(Pressed)[0].message_id.rpartition(":")[2]
    assert () == bot.simulator.refusals()


async def test_files_are_uploaded_and_stand_in_the_conversation(bot: Bot, tmp_path: Path) -> None:
    """By the external upload, several in one message; asking again uploads nothing."""
    for name in ("a.txt", "b.csv"):
        (tmp_path / name).write_text(name * 400_000)
    files = tuple(File(name=name, path=str(tmp_path / name)) for name in ("a.txt", "b.csv"))
    where = await conversation(bot)
    for _ in range(2):
        await bot.send(Reply(text="the reports", files=files), where, "files")

    found = [one.files for one in await bot.simulator.seen("ben") if one.files]
    assert [("a.txt", "b.csv")] == found


async def test_messages_are_changed_and_reacted_to(bot: Bot) -> None:
    """A reaction that is there already is fine; an edit has the new text whole."""
    where = await conversation(bot)
    (message,) = await bot.send(Reply(text="working"), where, "edit")
    await bot.adapter.edit(where, message, bot.adapter.render(Reply(text="**done**"))[0])
    for _ in range(2):
        await bot.adapter.react(where, bot.of(Posted)[0].message.id, "👀")

    seen = await bot.simulator.wait_for("ben", "done")
    assert ("done", 1) == (seen.text, seen.edits)
    assert ("👀",) == (await bot.simulator.seen("ben"))[0].reactions


async def test_members_groups_and_direct_conversations_are_asked_for(bot: Bot) -> None:
    """Each in ids, the bot itself left out."""
    where = await conversation(bot)
    anna = bot.of(Posted)[0].actor
    direct = await bot.adapter.direct(anna)
    bot.simulator.workspace.add_group("ops", ["anna"]) if hasattr(
        bot.simulator.workspace, "add_group"
    ) else None

    assert anna in (await bot.adapter.members(where) or ())
    assert "direct" == (direct.kind if direct else None)
    await bot.send(Reply(text="only you"), direct, "direct")
    assert "only you" == (await bot.simulator.wait_for("anna", "only you", where="direct")).text


async def test_an_answer_that_comes_too_late_for_the_acknowledgement_is_posted(slack: SlackSimulator) -> None:
    """The acknowledgement is not held beyond its time; here it takes none at all."""

    def answer(event: Event) -> Reply | None:
        return Reply(text="Pong.") if isinstance(event, Invoked) else None

    async with running(slack, reply_in_ack=False) as bot:
        bot.answer = answer
        await slack.command("anna", "ping", "")
        await slack.wait_for("ben", "Pong.")
        await bot.until(lambda: bot.sent)

        assert ["ack"] != [sent.partition(":")[0] for sent in bot.sent]
