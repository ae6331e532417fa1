"""Serve chat.*: posting, editing, deleting, whispering, streaming."""

from __future__ import annotations

from typing import Final

from quarterdeck.testing.simulator.slack.api.posting import (
    UPDATE_CHARACTERS,
    Content,
    change,
    post_by_bot,
    read_content,
    read_thread,
    seen_of,
    whisper,
)
from quarterdeck.testing.simulator.slack.api.registry import Arguments, Refused, Site, channel_of, method
from quarterdeck.testing.simulator.slack.delivery.events import deleted_event, message_of
from quarterdeck.testing.simulator.slack.markup.blocks import MARKDOWN_CHARACTERS
from quarterdeck.testing.simulator.slack.markup.elements import units
from quarterdeck.testing.simulator.slack.workspace import Channel, Payload, Post

STREAM_S: Final = 300.0  # Slack ends a stream by itself: slackapi/python-slack-sdk#1859, read 2026-11-21


@method("chat.postMessage", scope="chat:write", required=("channel",))
def post_message(site: Site, arguments: Arguments) -> Payload:
    """Post; long text is refused where Slack would cut it in silence."""
    channel = channel_of(site, arguments, writes=True)
    content = read_content(site, arguments)
    if content.is_empty():
        raise Refused("no_text")
    post = post_by_bot(site, channel, content, read_thread(site, channel, arguments))
    post.has_links_named = arguments.flag("link_names") or arguments.text("parse") == "full"
    post.is_broadcast = bool(post.thread_ts) and arguments.flag("reply_broadcast")
    may_unfurl = arguments.flag("unfurl_links", default=True) or arguments.flag("unfurl_media", default=True)
    if may_unfurl:
        site.workspace.unfurled += seen_of(site, post).links
    return {
        "channel": channel.id,
        "ts": post.ts,
        "message": message_of(site.workspace, channel, post, has_metadata=False),
    }


@method("chat.postEphemeral", scope="chat:write", required=("channel", "user"), per_minute=100)
def post_ephemeral(site: Site, arguments: Arguments) -> Payload:
    """Show something to one person in a channel."""
    channel = channel_of(site, arguments, writes=True)
    user = arguments.text("user")
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    content = read_content(site, arguments)
    if content.is_empty():
        raise Refused("no_text")
    post = whisper(site, channel, user, content, read_thread(site, channel, arguments))
    return {"message_ts": post.ts}


def _own(site: Site, arguments: Arguments, refusal: str) -> tuple[Channel, Post]:
    """Return the bot's message that a call names.

    Raises:
        Refused: there is none, or it is somebody else's.
    """
    channel = channel_of(site, arguments)
    post = site.workspace.find_post(channel, arguments.text("ts"))
    if post is None:
        raise Refused("message_not_found")
    if post.user != site.workspace.bot.id:
        raise Refused(refusal)
    return channel, post


@method("chat.update", scope="chat:write", required=("channel", "ts"))
def update(site: Site, arguments: Arguments) -> Payload:
    """Edit a message of the bot."""
    channel, post = _own(site, arguments, "cant_update_message")
    if channel.is_archived:
        raise Refused("is_inactive")
    if _grows(site, post):
        raise Refused("streaming_state_conflict")
    content = read_content(site, arguments, most=UPDATE_CHARACTERS)
    if content == Content():
        raise Refused("no_text")
    change(site, channel, post, content)
    post.has_links_named = arguments.flag("link_names") or arguments.text("parse") == "full"
    message = message_of(site.workspace, channel, post, has_metadata=False)
    return {"channel": channel.id, "ts": post.ts, "text": post.text, "message": message}


@method("chat.delete", scope="chat:write", required=("channel", "ts"))
def delete(site: Site, arguments: Arguments) -> Payload:
    """Take a message of the bot away."""
    channel, post = _own(site, arguments, "cant_delete_message")
    previous = message_of(site.workspace, channel, post)
    post.is_deleted = True
    site.workspace.tell()
    site.publish(deleted_event(site.workspace, channel, post, previous))
    return {"channel": channel.id, "ts": post.ts}


@method("chat.getPermalink", required=("channel", "message_ts"), per_minute=300)
def permalink(site: Site, arguments: Arguments) -> Payload:
    """Return a message's address."""
    channel = channel_of(site, arguments)
    ts = arguments.text("message_ts")
    if site.workspace.find_post(channel, ts) is None:
        raise Refused("message_not_found")
    address = f"https://simulate.slack.com/archives/{channel.id}/p{ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": address}


@method("chat.startStream", scope="chat:write", required=("channel", "thread_ts"), per_minute=20)
def start_stream(site: Site, arguments: Arguments) -> Payload:
    """Begin a message that is written while people read it."""
    if not site.has_streams:
        raise Refused("feature_not_enabled")
    channel = channel_of(site, arguments, writes=True)
    if channel.kind != "im":
        for name in ("recipient_user_id", "recipient_team_id"):
            if not arguments.text(name):
                raise Refused(f"missing_{name}")
    thread_ts = read_thread(site, channel, arguments)
    if not thread_ts:
        raise Refused("invalid_thread_ts")
    text = _piece(arguments)
    post = post_by_bot(site, channel, Content(text=text, is_markdown=True), thread_ts)
    post.is_streaming = True
    return {"channel": channel.id, "ts": post.ts}


@method("chat.appendStream", scope="chat:write", required=("channel", "ts"), per_minute=100)
def append_stream(site: Site, arguments: Arguments) -> Payload:
    """Write on."""
    channel, post = _streaming(site, arguments)
    piece = _piece(arguments)
    if not piece:
        raise Refused("no_text")
    post.text += piece
    site.workspace.tell()
    return {"channel": channel.id, "ts": post.ts}


@method("chat.stopStream", scope="chat:write", required=("channel", "ts"), per_minute=20)
def stop_stream(site: Site, arguments: Arguments) -> Payload:
    """Write the end."""
    channel, post = _streaming(site, arguments)
    content = read_content(site, Arguments({**arguments.values, "markdown_text": None}))
    post.text += _piece(arguments)
    post.is_streaming = False
    post.metadata = content.metadata or post.metadata
    if content.blocks:
        post.attachments = [{"blocks": content.blocks}]
    site.workspace.tell()
    message = message_of(site.workspace, channel, post, has_metadata=False)
    return {"channel": channel.id, "ts": post.ts, "message": message}


def _streaming(site: Site, arguments: Arguments) -> tuple[Channel, Post]:
    channel, post = _own(site, arguments, "message_not_owned_by_app")
    if not _grows(site, post):
        raise Refused("message_not_in_streaming_state")
    return channel, post


def _grows(site: Site, post: Post) -> bool:
    """Tell whether a message is a stream still."""
    if site.workspace.clock.now_ms() / 1000 - float(post.ts) > STREAM_S:
        post.is_streaming = False
    return post.is_streaming


def _piece(arguments: Arguments) -> str:
    """Return the Markdown of one call, from `markdown_text` or `chunks`.

    Raises:
        Refused: it is too long, or of no known kind.
    """
    text = arguments.text("markdown_text")
    for chunk in arguments.document("chunks", list, "invalid_chunks") or ():
        kind = chunk.get("type") if isinstance(chunk, dict) else None
        if kind == "markdown_text":
            text += str(chunk.get("text", ""))
        elif kind not in ("task_update", "plan_update", "blocks"):
            raise Refused("invalid_chunks")
    if units(text) > MARKDOWN_CHARACTERS:
        raise Refused("msg_too_long")
    return text
