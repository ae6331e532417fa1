"""What Telegram takes, changes and refuses of what a bot sends."""

from datetime import timedelta

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputMediaDocument, MessageEntity
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter
from tests.bot.testing.simulator.telegram.conftest import connect

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.telegram.simulator import TelegramSimulator


async def chat_of(telegram: TelegramSimulator, user: str = "alice") -> int:
    """Let somebody write to the bot, and return the number of their chat."""
    await telegram.say(user, "hello", where="direct")
    return telegram.world.user(user).id


async def test_entities_lie_in_the_text_in_utf_16_units(telegram: TelegramSimulator, bot: Bot) -> None:
    """An emoji counts as two; whoever counts characters marks the wrong words."""
    chat = await chat_of(telegram)
    text = "🎉 done"

    sent = await bot.send_message(chat, text, entities=[MessageEntity("bold", 3, 4)])
    with pytest.raises(BadRequest) as beyond:
        await bot.send_message(chat, text, entities=[MessageEntity("bold", 3, 5)])
    with pytest.raises(BadRequest) as inside:
        await bot.send_message(chat, text, entities=[MessageEntity("bold", 1, 2)])

    assert "done" == sent.parse_entity(sent.entities[0])
    assert (
        "Entity beginning at utf-16 offset 3 ends after the end of the text at utf-16 offset 8".lower()
        == (beyond.value.message.lower())
    )
    assert "entity begins in a middle of a utf-16 symbol at byte offset 4" == inside.value.message.lower()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Message text is empty"),
        (" \n\u200b", "Text must be non-empty"),
        ("x" * 4097, "Message is too long"),
        ("🎉" * 2049, "Message is too long"),
    ],
)
async def test_a_text_that_nobody_could_read_is_refused(
    telegram: TelegramSimulator, bot: Bot, text: str, reason: str
) -> None:
    """Empty, invisible, or longer than 4,096 UTF-16 units."""
    chat = await chat_of(telegram)

    with pytest.raises(BadRequest) as refused:
        await bot.send_message(chat, text)

    assert reason == refused.value.message
    assert [f"sendMessage: Bad Request: {reason[0].lower()}{reason[1:]}"] == list(telegram.refusals())


async def test_the_longest_text_stays_whole(telegram: TelegramSimulator, bot: Bot) -> None:
    """4,096 units are allowed."""
    chat = await chat_of(telegram)

    sent = await bot.send_message(chat, "🎉" * 2048)

    assert "🎉" * 2048 == sent.text


async def test_people_see_links_and_pings(telegram: TelegramSimulator, bot: Bot) -> None:
    """Also those that the bot did not mark: Telegram finds addresses and names by itself, but not in code."""
    await telegram.say("alice", "hi", where="general")
    chat = telegram.world.group("general").id
    text = "@alice see evil.example.com and here, not `@alice` http://code.example"
    at = text.index("@alice` http")

    await bot.send_message(
        chat,
        text,
        entities=[
            MessageEntity("text_link", text.index("here"), 4, url="https://linked.example/"),
            MessageEntity("code", at, len(text) - at),
        ],
    )

    seen = (await telegram.seen("alice"))[-1]
    assert {"evil.example.com", "https://linked.example/"} == set(seen.links)
    assert ("alice",) == seen.pings
    assert ["evil.example.com"] == telegram.world.previewed


async def test_a_parse_mode_is_read_as_strictly_as_telegram_does(
    telegram: TelegramSimulator, bot: Bot
) -> None:
    """MarkdownV2 wants its reserved signs escaped; HTML knows few tags."""
    chat = await chat_of(telegram)

    html = await bot.send_message(
        chat, "<b>bold</b> &amp; <a href='https://x.example'>link</a>", parse_mode="HTML"
    )
    mark = await bot.send_message(chat, r"*bold* `a.b` done\.", parse_mode="MarkdownV2")
    with pytest.raises(BadRequest, match="is reserved and must be escaped"):
        await bot.send_message(chat, "done.", parse_mode="MarkdownV2")
    with pytest.raises(BadRequest, match="unsupported start tag"):
        await bot.send_message(chat, "<div>x</div>", parse_mode="HTML")

    assert ("bold & link", ["bold", "text_link"]) == (html.text, [entity.type for entity in html.entities])
    assert ("bold a.b done.", ["bold", "code"]) == (mark.text, [entity.type for entity in mark.entities])


async def test_a_button_carries_64_bytes(telegram: TelegramSimulator, bot: Bot) -> None:
    """Bytes, not characters."""
    chat = await chat_of(telegram)

    def keyboard(data: str) -> InlineKeyboardMarkup:
        return InlineKeyboardMarkup([[InlineKeyboardButton("Go", callback_data=data)]])

    await bot.send_message(chat, "choose", reply_markup=keyboard("x" * 64))
    with pytest.raises(BadRequest) as refused:
        await bot.send_message(chat, "choose", reply_markup=keyboard("é" * 33))

    assert "Button_data_invalid" == refused.value.message.capitalize()
    assert ["Go"] == [button.label for button in (await telegram.seen("alice", where="direct"))[-1].buttons]


async def test_files_go_out_one_by_one_and_as_an_album(telegram: TelegramSimulator, bot: Bot) -> None:
    """Their bytes come back by getFile."""
    chat = await chat_of(telegram)

    one = await bot.send_document(chat, b"first", filename="a.txt", caption="a file")
    await bot.send_media_group(chat, [InputMediaDocument(b"x", filename=name) for name in ("b.txt", "c.txt")])
    fetched = await (await bot.get_file(one.document)).download_as_bytearray()

    seen = await telegram.seen("alice", where="direct")
    assert [("a.txt",), ("b.txt",), ("c.txt",)] == [message.files for message in seen[1:]]
    assert b"first" == bytes(fetched)
    with pytest.raises(BadRequest, match="non-empty"):
        await bot.send_document(chat, b"", filename="empty.txt")


async def test_edits_change_what_is_there(telegram: TelegramSimulator, bot: Bot) -> None:
    """The same again is refused, as is a message that is not there."""
    chat = await chat_of(telegram)
    sent = await bot.send_message(chat, "one")

    await bot.edit_message_text("two", chat, sent.message_id)
    with pytest.raises(BadRequest, match="Message is not modified"):
        await bot.edit_message_text("two", chat, sent.message_id)
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("two", chat, 999)
    await bot.delete_message(chat, sent.message_id)
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await bot.delete_message(chat, sent.message_id)

    seen = (await telegram.seen("alice", where="direct"))[-1]
    assert (1, True) == (seen.edits, seen.is_deleted)


async def test_a_bot_reacts_with_one_of_telegrams_emoji(telegram: TelegramSimulator, bot: Bot) -> None:
    """Others are not there to react with."""
    number = int(await telegram.say("alice", "hello", where="direct"))
    chat = telegram.world.user("alice").id

    await bot.set_message_reaction(chat, number, "👀")
    with pytest.raises(BadRequest, match=r"(?i)REACTION_INVALID"):
        await bot.set_message_reaction(chat, number, "🧮")

    assert () == (await telegram.seen("alice", where="direct"))[0].reactions


async def test_places_that_are_closed_say_so(telegram: TelegramSimulator, bot: Bot) -> None:
    """Unknown, never written, blocked, thrown out, moved: each has words of its own."""
    await telegram.say("alice", "hi", where="direct")
    await telegram.block("alice")
    telegram.world.direct("bob")
    await telegram.say("alice", "hi", where="general")
    await telegram.kick("alice", "general")
    telegram.world.group("old", "group")
    old, new = await telegram.migrate("alice", "old")

    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(1, "x")
    with pytest.raises(Forbidden, match="bot can't initiate conversation"):
        await bot.send_message(telegram.world.user("bob").id, "x")
    with pytest.raises(Forbidden, match="blocked by the user"):
        await bot.send_message(telegram.world.user("alice").id, "x")
    with pytest.raises(Forbidden, match="kicked from the supergroup"):
        await bot.send_message(telegram.world.group("general").id, "x")
    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(old, "x")

    assert new == moved.value.new_chat_id


async def test_topics_are_written_to_by_their_number(telegram: TelegramSimulator, bot: Bot) -> None:
    """A number that is no topic is refused."""
    await telegram.say("alice", "@bot hi", where="plans", thread="roadmap")
    chat = telegram.world.group("plans")
    topic = next(iter(chat.topics))

    await bot.send_message(chat.id, "in the topic", message_thread_id=topic)
    with pytest.raises(BadRequest, match="Message thread not found"):
        await bot.send_message(chat.id, "nowhere", message_thread_id=topic + 900)

    assert "roadmap" == (await telegram.seen("alice", where="plans"))[-1].thread


async def test_the_pace_is_enforced_on_order(clock: FakeClock) -> None:
    """One message a second in one chat, by a clock that the test owns."""
    async with TelegramSimulator(clock=clock, enforce_limits=True) as telegram, connect(telegram) as bot:
        chat = await chat_of(telegram)

        await bot.send_message(chat, "one")
        with pytest.raises(RetryAfter) as refused:
            await bot.send_message(chat, "two")
        await clock.advance(1.0)
        await bot.send_message(chat, "three")

        assert timedelta(seconds=1) == refused.value.retry_after
        assert ["hello", "one", "three"] == [one.text for one in await telegram.seen("alice", where="direct")]


async def test_a_token_that_was_revoked_is_not_taken(telegram: TelegramSimulator, bot: Bot) -> None:
    """401, and nothing is done."""
    chat = await chat_of(telegram)
    telegram.revoke_token()

    with pytest.raises(InvalidToken):
        await bot.send_message(chat, "x")

    assert ["hello"] == [message.text for message in await telegram.seen("alice", where="direct")]


async def test_a_lost_answer_leaves_the_message_there(telegram: TelegramSimulator, bot: Bot) -> None:
    """The bot cannot know; a person can."""
    chat = await chat_of(telegram)
    telegram.fail(Fault(kind="lost_answer", where="sendMessage"))

    with pytest.raises(Exception, match=r"(?i)disconnect|ReadError|RemoteProtocol"):
        await bot.send_message(chat, "once")

    assert ["hello", "once"] == [message.text for message in await telegram.seen("alice", where="direct")]


async def test_a_parameter_that_telegram_does_not_have_is_noted(
    telegram: TelegramSimulator, bot: Bot
) -> None:
    """Telegram passes over it in silence; a bot that means something by it is wrong."""
    chat = await chat_of(telegram)

    await bot.send_message(chat, "x", api_kwargs={"parse_mod": "HTML"})

    assert ["sendMessage: there is no parameter parse_mod"] == list(telegram.refusals())
