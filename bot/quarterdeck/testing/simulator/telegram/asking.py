"""Answer questions: who the bot is, what a chat is, who is in it, where a file lies."""

from __future__ import annotations

from typing import Any, Final

from quarterdeck.testing.simulator.telegram.parameters import Call
from quarterdeck.testing.simulator.telegram.refusal import bad
from quarterdeck.testing.simulator.telegram.world import BOT, BOT_ID, Chat, Message, World

DOWNLOAD_LIMIT_BYTES: Final = 20 * 1024 * 1024  # Bot API, getFile, 2026-11-21
TOPIC_NAME_LIMIT: Final = 128
RIGHTS: Final = (
    "can_be_edited",
    "is_anonymous",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)


def get_me(world: World, call: Call) -> dict[str, Any]:
    """Answer getMe."""
    return world.bot() | {
        "can_join_groups": True,
        "can_read_all_group_messages": not world.privacy,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def get_chat(world: World, call: Call) -> dict[str, Any]:
    """Answer getChat."""
    chat = world.chat_for(call.json("chat_id"), write=False)
    return world.chat_body(chat) | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(
            (
                "unlimited_gifts",
                "limited_gifts",
                "unique_gifts",
                "premium_subscription",
                "gifts_from_channels",
            ),
            False,
        ),
    }


def member_body(world: World, chat: Chat, number: int) -> dict[str, Any]:
    """Return what somebody is in a chat, as a ChatMember.

    Raises:
        Refused: nobody has this id.
    """
    if number == BOT_ID:
        status, who = chat.bot_status, world.bot()
    else:
        user = world.user_of(number)
        if user is None:
            raise bad("PARTICIPANT_ID_INVALID" if chat.type != "private" else "user not found")
        who = user.body()
        status = "administrator" if user.handle in chat.admins else "member"
        if user.handle not in chat.members:
            status = "left"
    body: dict[str, Any] = {"status": status, "user": who}
    if status == "administrator":
        body |= dict.fromkeys(RIGHTS, False) | {"can_manage_chat": True, "can_delete_messages": True}
    if status == "kicked":
        body["until_date"] = 0
    return body


def get_member(world: World, call: Call) -> dict[str, Any]:
    """Answer getChatMember."""
    chat = world.chat_for(call.json("chat_id"), write=False)
    return member_body(world, chat, call.number("user_id"))


def get_administrators(world: World, call: Call) -> list[dict[str, Any]]:
    """Answer getChatAdministrators."""
    chat = world.chat_for(call.json("chat_id"), write=False)
    if chat.type == "private":
        raise bad("there are no administrators in the private chat")
    numbers = [world.user(handle).id for handle in sorted(chat.admins)]
    if chat.bot_status == "administrator" and call.flag("return_bots"):
        numbers.append(BOT_ID)
    return [member_body(world, chat, number) for number in numbers]


def get_member_count(world: World, call: Call) -> int:
    """Answer getChatMemberCount; the bot is one of them."""
    return len(world.chat_for(call.json("chat_id"), write=False).members) + 1


def get_file(world: World, call: Call) -> dict[str, Any]:
    """Answer getFile."""
    if not call.text("file_id"):
        raise bad("file_id not specified")
    file = world.files.get(call.text("file_id"))
    if file is None:
        raise bad("wrong file_id or the file is temporarily unavailable")
    if len(file.content) > DOWNLOAD_LIMIT_BYTES:
        raise bad("file is too big")
    body = file.body()
    kept = {name: body[name] for name in ("file_id", "file_unique_id", "file_size")}
    return kept | {"file_path": file.path}


def leave_chat(world: World, call: Call) -> bool:
    """Answer leaveChat."""
    chat = world.chat_for(call.json("chat_id"))
    if chat.type == "private":
        raise bad("chat not found")
    chat.bot_status = "left"
    return True


def forum_of(world: World, call: Call) -> Chat:
    """Return the forum whose topics the bot may manage.

    Raises:
        Refused: it is none, or the bot is no administrator of it.
    """
    chat = world.chat_for(call.json("chat_id"))
    if not chat.is_forum:
        raise bad("the chat is not a forum")
    if chat.bot_status != "administrator":
        raise bad("not enough rights to create a topic")
    return chat


def add_topic(world: World, chat: Chat, name: str, sender: str) -> int:
    """Open a topic; its id is that of the message that says so."""
    service = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
    message = Message(world.next_id(chat), chat, sender, world.now(), service=service)
    message.topic = message.id
    chat.topics[message.id] = name
    world.keep(message)
    return message.id


def create_topic(world: World, call: Call) -> dict[str, Any]:
    """Answer createForumTopic."""
    chat = forum_of(world, call)
    name = call.text("name").strip()
    if not 1 <= len(name) <= TOPIC_NAME_LIMIT:
        raise bad("TOPIC_TITLE_EMPTY" if not name else "TOPIC_TITLE_INVALID")
    return {"message_thread_id": add_topic(world, chat, name, BOT), "name": name, "icon_color": 7322096}


def close_topic(world: World, call: Call, *, is_closed: bool) -> bool:
    """Answer closeForumTopic and reopenForumTopic."""
    chat = forum_of(world, call)
    topic = call.number("message_thread_id")
    if topic not in chat.topics:
        raise bad("message thread not found")
    if (topic in chat.closed_topics) == is_closed:
        raise bad("TOPIC_NOT_MODIFIED")
    if is_closed:
        chat.closed_topics.add(topic)
    else:
        chat.closed_topics.discard(topic)
    return True
