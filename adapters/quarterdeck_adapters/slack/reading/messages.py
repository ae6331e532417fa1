"""Make events of messages: written, changed, taken away, however they arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from quarterdeck.core.event import Deleted, Edited, Posted
from quarterdeck.core.message import Attachment, Message
from quarterdeck_adapters.slack import ids
from quarterdeck_adapters.slack.ids import Account
from quarterdeck_adapters.slack.reading.text import is_mentioned, plain, without_mention

Payload = Mapping[str, object]

SAID: Final = (
    "",
    "file_share",
    "thread_broadcast",
    "me_message",
    "bot_message",
)  # others report, such as joins
NOT_OURS_TO_FETCH: Final = (
    "external",
    "hidden_by_limit",
    "tombstone",
)  # a file's mode: it is not kept in Slack


def posted(
    event: Payload, account: Account, *, team: str, at: datetime, is_late: bool = False
) -> Posted | None:
    """Return the event of a message; None for what nobody said.

    `event` is an event's inner part, or a message of the history with its `channel` put in.
    """
    channel, ts = text_of(event, "channel"), text_of(event, "ts")
    message = message_of(event, account, team=team, channel=channel)
    if message is None or text_of(event, "subtype") not in SAID:
        return None
    return Posted(
        id=ids.message_id(channel, ts),
        platform=ids.PLATFORM,
        workspace=team,
        received_at=at,
        conversation=message.conversation,
        actor=message.author,
        is_bot=is_bot(event, account),
        is_late=is_late,
        message=message,
    )


def edited(event: Payload, account: Account, *, team: str, at: datetime) -> Edited | Deleted | None:
    """Return the event of a `message_changed`; None where its words are what they were."""
    new, old = mapping(event, "message"), mapping(event, "previous_message")
    if text_of(new, "subtype") == "tombstone":
        return deleted({**event, "deleted_ts": text_of(new, "ts")}, account, team=team, at=at)
    channel = text_of(event, "channel")
    message = message_of(new, account, team=team, channel=channel)
    if message is None or (old and text_of(old, "text") == text_of(new, "text")):
        return None  # a preview of a link was added, a thread began, a file got its picture
    changed = text_of(mapping(new, "edited"), "ts") or text_of(event, "ts")
    return Edited(
        id=f"{message.id}:{changed}",
        platform=ids.PLATFORM,
        workspace=team,
        received_at=at,
        conversation=message.conversation,
        actor=message.author,
        is_bot=is_bot(new, account),
        message=message,
    )


def deleted(event: Payload, account: Account, *, team: str, at: datetime) -> Deleted | None:
    """Return the event of a message that was taken away; its author stands for whoever did it."""
    old = mapping(event, "previous_message")
    channel, ts = text_of(event, "channel"), text_of(event, "deleted_ts") or text_of(old, "ts")
    user = text_of(old, "user")
    if not channel or not ts:
        return None
    name = ids.message_id(channel, ts)
    return Deleted(
        id=f"{name}:deleted",
        platform=ids.PLATFORM,
        workspace=team,
        received_at=at,
        conversation=ids.conversation(team, channel, thread_of(old)),
        actor=ids.identity(team_of(old, team), user or "unknown"),
        is_bot=is_bot(old, account),
        message_id=name,
    )


def message_of(event: Payload, account: Account, *, team: str, channel: str) -> Message | None:
    """Read a message; None where it has no author or no time."""
    ts, user = text_of(event, "ts"), text_of(event, "user") or text_of(event, "bot_id")
    if not channel or not user or moment(ts) is None:
        return None
    thread, written = thread_of(event), text_of(event, "text")
    text = without_mention(written, account.user)
    return Message(
        id=ids.message_id(channel, ts),
        conversation=ids.conversation(team, channel, thread),
        author=ids.identity(team_of(event, team), user),
        text=plain(text, team) if "<" in text or "&" in text else text,
        sent_at=moment(ts) or datetime.now(UTC),
        mentions_bot=is_mentioned(written, account.user) or event.get("type") == "app_mention",
        attachments=tuple(attachment(one) for one in items(event, "files")),
        reply_to=ids.message_id(channel, thread) if thread else None,
    )


def attachment(file: Payload) -> Attachment:
    """Describe a file; its handle is its id and the address it is read from, the latter where Slack keeps it."""
    url = text_of(file, "url_private_download") or text_of(file, "url_private")
    if text_of(file, "mode") in NOT_OURS_TO_FETCH:
        url = ""
    name = text_of(file, "id")
    size = file.get("size")
    return Attachment(
        name=text_of(file, "name") or text_of(file, "title") or name or "file",
        media_type=text_of(file, "mimetype") or "application/octet-stream",
        size_bytes=size if isinstance(size, int) else 0,
        url=f"{name} {url}".strip(),
    )


def is_bot(event: Payload, account: Account) -> bool:
    """Tell whether a program wrote it, ourselves included."""
    if event.get("bot_id") or event.get("bot_profile") or event.get("subtype") == "bot_message":
        return True
    user = text_of(event, "user")
    return user == "USLACKBOT" or bool(account.user and user == account.user)


def thread_of(event: Payload) -> str:
    """Return the ts of the thread that a message is a reply in; empty for the message that begins one."""
    thread = text_of(event, "thread_ts")
    return "" if thread == text_of(event, "ts") else thread


def team_of(event: Payload, team: str) -> str:
    """Return the sender's own workspace; in a channel shared with others it is not ours."""
    theirs = text_of(event, "user_team") or text_of(event, "team")
    return theirs if theirs.startswith("T") else team


def moment(ts: str) -> datetime | None:
    """Read a ts, which is both a message's name and its time."""
    whole, _, micro = ts.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 11):
        return None
    fraction = int(micro[:6].ljust(6, "0")) if micro.isascii() and micro.isdigit() else 0
    return datetime.fromtimestamp(int(whole), UTC).replace(microsecond=fraction)


def text_of(payload: Payload, name: str) -> str:
    """Return a text of the payload, empty where there is none."""
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def mapping(payload: Payload, name: str) -> Payload:
    """Return an object of the payload, empty where there is none."""
    value = payload.get(name)
    return value if isinstance(value, Mapping) else {}


def items(payload: Payload, name: str) -> Sequence[Payload]:
    """Return a list of objects of the payload, empty where there is none."""
    value = payload.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
