"""Take messages from the bot: check them as Slack does, keep them, tell the app."""

from __future__ import annotations

import json
import re
from dataclasses import field
from typing import Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.slack.api.registry import Arguments, Refused, Site
from quarterdeck.testing.simulator.slack.delivery.events import (
    changed_event,
    mention_event,
    message_event,
    message_of,
)
from quarterdeck.testing.simulator.slack.markup.blocks import MARKDOWN_CHARACTERS, block_faults, is_too_long
from quarterdeck.testing.simulator.slack.markup.elements import units
from quarterdeck.testing.simulator.slack.markup.mrkdwn import Seen, read_blocks, read_markdown, read_mrkdwn
from quarterdeck.testing.simulator.slack.workspace import Channel, Payload, Post

POST_CHARACTERS: Final = 40_000  # chat.postMessage cuts there; here it is refused unless `truncates`
UPDATE_CHARACTERS: Final = 4_000  # chat.update, msg_too_long
ATTACHMENTS: Final = 100
METADATA_BYTES: Final = 16 * 1024
_TS: Final = re.compile(r"\d{1,12}\.\d{6}")


@dataclass(slots=True, kw_only=True)
class Content:
    """Hold what a call says; None is what it does not mention."""

    text: str | None = None
    blocks: list[Payload] | None = None
    attachments: list[Payload] | None = None
    metadata: Payload | None = None
    files: list[str] = field(default_factory=list)
    is_markdown: bool = False

    def is_empty(self) -> bool:
        """Tell whether nobody would see anything."""
        return not ((self.text or "").strip() or self.blocks or self.attachments or self.files)


def read_content(site: Site, arguments: Arguments, *, most: int = POST_CHARACTERS) -> Content:
    """Read and check the content of a message.

    Raises:
        Refused: with Slack's code, and what is wrong.
    """
    content = Content(blocks=read_blocks_of(arguments))
    if "markdown_text" in arguments:
        if arguments.text("text") or content.blocks:
            raise Refused("markdown_text_conflict")
        content.text, content.is_markdown = arguments.text("markdown_text"), True
        if units(content.text) > MARKDOWN_CHARACTERS:
            raise Refused("msg_too_long")
    elif "text" in arguments:
        content.text = arguments.text("text")
        if units(content.text) > most:
            if not site.truncates or most != POST_CHARACTERS:
                raise Refused("msg_too_long")
            content.text = content.text[:most]
    content.attachments = arguments.document("attachments", list, "invalid_attachments")
    if len(content.attachments or ()) > ATTACHMENTS:
        raise Refused("too_many_attachments")
    content.metadata = read_metadata(arguments)
    return content


def read_blocks_of(arguments: Arguments) -> list[Payload] | None:
    """Return checked blocks, each with its `block_id`; None when there are none.

    Raises:
        Refused: they are wrong.
    """
    blocks = arguments.document("blocks", list, "invalid_blocks_format")
    if blocks is None:
        return None
    faults = block_faults(blocks)
    if faults:
        raise Refused("invalid_blocks", *faults, errors=faults)
    if is_too_long(blocks):
        raise Refused("msg_blocks_too_long")
    return [{"block_id": f"b{number}", **block} for number, block in enumerate(blocks)]


def read_metadata(arguments: Arguments) -> Payload | None:
    """Return checked metadata.

    Raises:
        Refused: it has not Slack's form, or is too large.
    """
    metadata: Payload | None = arguments.document("metadata", dict, "invalid_metadata_format")
    if not metadata:
        return metadata
    payload = metadata.get("event_payload")
    has_payload = (
        isinstance(payload, dict) or payload is None
    )  # bolt 1.30 sends null in threads of direct messages
    has_form = isinstance(metadata.get("event_type"), str) and "event_payload" in metadata and has_payload
    if not has_form or not metadata["event_type"]:
        raise Refused("invalid_metadata_format", "event_type and event_payload are needed")
    if len(json.dumps(metadata)) > METADATA_BYTES:
        raise Refused("metadata_too_large")
    return metadata


def read_thread(site: Site, channel: Channel, arguments: Arguments) -> str:
    """Return the thread that a call answers in, empty for none.

    Raises:
        Refused: there is no such message.
    """
    thread_ts = arguments.text("thread_ts")
    if not thread_ts:
        return ""
    if not _TS.fullmatch(thread_ts):
        raise Refused("invalid_thread_ts")
    parent = site.workspace.find_post(channel, thread_ts)
    if parent is None:
        raise Refused("thread_not_found")
    if parent.thread_ts and parent.thread_ts != parent.ts:
        raise Refused("cannot_reply_to_message", "thread_ts names a reply, not the first message")
    return thread_ts


def post_by_bot(site: Site, channel: Channel, content: Content, thread_ts: str = "") -> Post:
    """Put a message of the bot into a channel and tell the app, which gets the events of its own messages too."""
    workspace = site.workspace
    post = Post(
        ts=workspace.next_ts(),
        user=workspace.bot.id,
        text=content.text or "",
        blocks=content.blocks or [],
        attachments=content.attachments or [],
        thread_ts=thread_ts,
        metadata=content.metadata or None,
        files=content.files,
        is_bot=True,
        is_markdown=content.is_markdown,
    )
    keep(site, channel, post)
    return post


def keep(site: Site, channel: Channel, post: Post) -> None:
    """Put a message into a channel, wake who waits, and tell the app where it listens."""
    workspace = site.workspace
    channel.posts[post.ts] = post
    channel.statuses.pop(post.thread_ts or post.ts, None)
    workspace.tell()
    if workspace.bot.id not in channel.members:
        return
    site.publish(message_event(workspace, channel, post))
    mentions = f"<@{workspace.bot.id}>" in post.text or f"<@{workspace.bot.id}|" in post.text
    if mentions and channel.kind != "im" and not post.is_bot:
        site.publish(mention_event(workspace, channel, post))


def whisper(site: Site, channel: Channel, user: str, content: Content, thread_ts: str = "") -> Post:
    """Show a message to one person only; the app gets no event."""
    workspace = site.workspace
    post = Post(
        ts=workspace.next_ts(),
        user=workspace.bot.id,
        text=content.text or "",
        blocks=content.blocks or [],
        attachments=content.attachments or [],
        thread_ts=thread_ts,
        to=user,
        is_bot=True,
        is_markdown=content.is_markdown,
    )
    channel.whispers.append(post)
    workspace.tell()
    return post


def change(site: Site, channel: Channel, post: Post, content: Content) -> None:
    """Edit a message: text without blocks removes the blocks, as Slack says; the app is told."""
    workspace = site.workspace
    previous = message_of(workspace, channel, post)
    if content.blocks is not None:
        post.blocks = content.blocks
        post.text = content.text if content.text is not None else post.text
    elif content.text is not None:
        post.text, post.blocks = content.text, []
    if content.attachments is not None:
        post.attachments = content.attachments
    if content.metadata is not None:
        post.metadata = content.metadata or None
    post.is_markdown = content.is_markdown
    post.edits += 1
    post.edited_by, post.edited_ts = post.user, workspace.next_ts()
    workspace.tell()
    if not post.to:
        site.publish(changed_event(workspace, channel, post, previous))


def seen_of(site: Site, post: Post) -> Seen:
    """Return what a person sees of a message: its blocks, or its text where it has none.

    Mentions in the text beside blocks are taken to notify too: it is what the notification shows.
    """
    seen, workspace = Seen(), site.workspace
    if post.is_markdown:
        seen.lines.append(read_markdown(post.text, seen, workspace))
    elif post.blocks and post.is_bot:
        read_mrkdwn(post.text, Seen(pings=seen.pings), workspace, names_links=post.has_links_named)
        read_blocks(post.blocks, seen, workspace)
    else:
        seen.lines.append(read_mrkdwn(post.text, seen, workspace, names_links=post.has_links_named))
    for attachment in post.attachments:
        text = str(attachment.get("text") or attachment.get("fallback") or "")
        seen.lines.append(read_mrkdwn(text, seen, workspace))
        read_blocks(attachment.get("blocks") or (), seen, workspace)
    return seen
