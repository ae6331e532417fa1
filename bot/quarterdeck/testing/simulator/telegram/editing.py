"""Change what was sent: edits, deletions, reactions, the answers to pressed buttons."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.telegram.bodies import message_body
from quarterdeck.testing.simulator.telegram.compose import compose
from quarterdeck.testing.simulator.telegram.markup import Markup, read_markup
from quarterdeck.testing.simulator.telegram.parameters import Call
from quarterdeck.testing.simulator.telegram.refusal import bad
from quarterdeck.testing.simulator.telegram.sending import caption_of
from quarterdeck.testing.simulator.telegram.text import TEXT_LIMIT, Entity
from quarterdeck.testing.simulator.telegram.world import BOT, Message, World

DELETE_WITHIN_S: Final = 48 * 3600  # Bot API, deleteMessage, 2026-11-21
ANSWER_WITHIN_S: Final = 15.0  # QUERY_ID_INVALID comes about this long after the press
NOTICE_LIMIT: Final = 200
UNCHANGED: Final = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
# Bot API 10.1, ReactionTypeEmoji, read 2026-11-21.
EMOJI_LIST: Final = """
❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓
🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾
🤷‍♂ 🤷 🤷‍♀ 😡
"""
EMOJI: Final = frozenset(EMOJI_LIST.split())


@dataclass
class Query:
    """Be one pressed button that waits for an answer."""

    id: str
    handle: str
    at: float
    is_answered: bool = False
    notice: str = ""
    is_alert: bool = False


class Queries:
    """Keep the pressed buttons."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = itertools.count(4_000_000_001)
        self.known: dict[str, Query] = {}

    def press(self, handle: str) -> Query:
        """Return the query of a button that somebody pressed now."""
        query = Query(str(next(self._numbers)), handle, self._world.clock.monotonic())
        self.known[query.id] = query
        return query

    def answer(self, call: Call) -> bool:
        """Answer answerCallbackQuery.

        Raises:
            Refused: it came too late, twice, or for none.
        """
        query = self.known.get(call.text("callback_query_id"))
        late = query is not None and self._world.clock.monotonic() - query.at > ANSWER_WITHIN_S
        if query is None or late or query.is_answered:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if len(call.text("text")) > NOTICE_LIMIT:
            raise bad("MESSAGE_TOO_LONG")
        query.is_answered, query.notice, query.is_alert = True, call.text("text"), call.flag("show_alert")
        return True


def own_message(world: World, call: Call, what: str) -> Message:
    """Return the bot's message that a call is about.

    Raises:
        Refused: there is none, or it is not the bot's.
    """
    if call.text("inline_message_id"):
        raise bad("MESSAGE_ID_INVALID")
    chat = world.chat_for(call.json("chat_id"))
    if not call.number("message_id"):
        raise bad("message identifier is not specified")
    message = world.message(chat, call.number("message_id"))
    if message is None:
        raise bad(f"{what} not found")
    return message


def editable(world: World, call: Call) -> Message:
    """Return the message to edit.

    Raises:
        Refused: it is not there, or not the bot's.
    """
    message = own_message(world, call, "message to edit")
    if message.sender != BOT or message.service:
        raise bad("message can't be edited")
    return message


def change(
    world: World, message: Message, text: str, entities: list[Entity], markup: Markup | None
) -> dict[str, Any]:
    """Give a message other content.

    Raises:
        Refused: it has that already.
    """
    if (text, entities, markup) == (message.text, message.entities, message.markup):
        raise bad(UNCHANGED)
    message.text, message.entities, message.markup = text, entities, markup
    # Who is named in an edit gets no notice; who was named before has had it.
    message.edits += 1
    message.edited = world.now()
    return message_body(world, message)


def edit_text(world: World, call: Call) -> dict[str, Any]:
    """Answer editMessageText."""
    message = editable(world, call)
    if message.file is not None:
        raise bad("there is no text in the message to edit")
    if not call.text("text"):
        raise bad("message text is empty")
    text, entities = compose(
        world,
        call.text("text"),
        call.text("parse_mode"),
        call.json("entities"),
        limit=TEXT_LIMIT,
        long="message is too long",
    )
    return change(world, message, text, entities, read_markup(call.json("reply_markup"), inline_only=True))


def edit_caption(world: World, call: Call) -> dict[str, Any]:
    """Answer editMessageCaption."""
    message = editable(world, call)
    if message.file is None:
        raise bad("there is no caption in the message to edit")
    markup = read_markup(call.json("reply_markup"), inline_only=True)
    return change(world, message, *caption_of(world, call.given), markup)


def edit_markup(world: World, call: Call) -> dict[str, Any]:
    """Answer editMessageReplyMarkup."""
    message = editable(world, call)
    markup = read_markup(call.json("reply_markup"), inline_only=True)
    return change(world, message, message.text, message.entities, markup)


def delete_message(world: World, call: Call) -> bool:
    """Answer deleteMessage."""
    message = own_message(world, call, "message to delete")
    is_admin = message.chat.bot_status == "administrator" and message.chat.type != "private"
    may = message.sender == BOT or message.chat.type == "private" or is_admin
    if not may or world.now() - message.date > DELETE_WITHIN_S:
        raise bad("message can't be deleted")
    message.is_deleted = True
    return True


def delete_messages(world: World, call: Call) -> bool:
    """Answer deleteMessages: those that can be found and deleted go, the others are passed over."""
    chat = world.chat_for(call.json("chat_id"))
    numbers = call.json("message_ids")
    if not isinstance(numbers, Sequence) or isinstance(numbers, str):
        raise bad("expected an Array of message identifiers")
    if not 1 <= len(numbers) <= 100:
        raise bad(
            "too many message identifiers specified" if numbers else "message identifiers are not specified"
        )
    for number in numbers:
        message = world.message(chat, int(number))
        if message is not None and (message.sender == BOT or chat.type == "private"):
            message.is_deleted = True
    return True


def set_reaction(world: World, call: Call) -> bool:
    """Answer setMessageReaction."""
    message = own_message(world, call, "message to react")
    reactions = call.json("reaction") or []
    if not isinstance(reactions, Sequence) or isinstance(reactions, str):
        raise bad("expected an Array of ReactionType")
    if len(reactions) > 1:
        raise bad("REACTIONS_TOO_MANY")
    message.reactions.pop(BOT, None)
    for reaction in reactions:
        emoji = reaction.get("emoji") if isinstance(reaction, Mapping) else None
        if not isinstance(reaction, Mapping) or reaction.get("type") != "emoji" or emoji not in EMOJI:
            raise bad("REACTION_INVALID")
        message.reactions[BOT] = str(emoji)
    return True
