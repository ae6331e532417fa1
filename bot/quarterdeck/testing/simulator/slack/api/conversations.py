"""Serve conversations.* and reactions.*."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

from quarterdeck.testing.simulator.slack.api.registry import Arguments, Refused, Site, channel_of, method
from quarterdeck.testing.simulator.slack.delivery.events import joined_event, message_of, reaction_event
from quarterdeck.testing.simulator.slack.workspace import Channel, Payload, Post, Workspace

T = TypeVar("T")

_KINDS = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}


def channel_info(workspace: Workspace, channel: Channel) -> Payload:
    """Return a channel as Slack describes it."""
    is_im = channel.kind == "im"
    info: Payload = {
        "id": channel.id,
        "created": 0,
        "is_archived": channel.is_archived,
        "is_im": is_im,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_mpim": False,
        "is_private": channel.kind != "channel",
        "context_team_id": workspace.team_id,
    }
    if is_im:
        return info | {"user": channel.with_user, "is_open": True}
    is_member = workspace.bot.id in channel.members
    return info | {"name": channel.name, "is_member": is_member, "num_members": len(channel.members)}


def page(
    arguments: Arguments, items: Sequence[T], *, most: int = 1000, default: int = 100
) -> tuple[list[T], str]:
    """Return one page of `items` and the cursor of the next, empty at the end.

    Raises:
        Refused: the cursor is none of ours, or the limit is out of range.
    """
    limit = arguments.number("limit", default) or default
    if not 1 <= limit <= most:
        raise Refused("invalid_limit")
    start = 0
    if cursor := arguments.text("cursor"):
        try:
            start = int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
        except ValueError:
            raise Refused("invalid_cursor") from None
    end = start + limit
    following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
    return list(items[start:end]), following


@method("conversations.list", scope="channels:read", per_minute=20)
def list_channels(site: Site, arguments: Arguments) -> Payload:
    """List the channels that the bot can know of."""
    return _channels(site, arguments, list(site.workspace.channels.values()))


@method("users.conversations", scope="channels:read")
def own_channels(site: Site, arguments: Arguments) -> Payload:
    """List the channels that somebody, the bot unless it is said, is in."""
    user = arguments.text("user") or site.workspace.bot.id
    channels = [one for one in site.workspace.channels.values() if user in one.members]
    return _channels(site, arguments, channels)


def _channels(site: Site, arguments: Arguments, channels: list[Channel]) -> Payload:
    types = [one.strip() for one in (arguments.text("types") or "public_channel").split(",")]
    if any(one not in _KINDS for one in types):
        raise Refused("invalid_types")
    kinds = {_KINDS[one] for one in types}
    bot = site.workspace.bot.id
    found = [
        one
        for one in channels
        if one.kind in kinds
        and not (one.is_archived and arguments.flag("exclude_archived"))
        and (one.kind == "channel" or bot in one.members)
    ]
    shown, cursor = page(arguments, found)
    return {
        "channels": [channel_info(site.workspace, one) for one in shown],
        "response_metadata": {"next_cursor": cursor},
    }


@method("conversations.info", scope="channels:read", required=("channel",), is_form_only=True)
def info(site: Site, arguments: Arguments) -> Payload:
    """Describe a channel."""
    return {"channel": channel_info(site.workspace, channel_of(site, arguments))}


@method("conversations.members", scope="channels:read", required=("channel",), per_minute=100)
def members(site: Site, arguments: Arguments) -> Payload:
    """List who is in a channel."""
    shown, cursor = page(arguments, channel_of(site, arguments).members)
    return {"members": shown, "response_metadata": {"next_cursor": cursor}}


def _read(site: Site, arguments: Arguments, channel: Channel, posts: list[Post]) -> Payload:
    oldest, latest = arguments.text("oldest"), arguments.text("latest")
    is_inclusive = arguments.flag("inclusive")
    bounds = {}
    for name, value in (("oldest", oldest), ("latest", latest)):
        try:
            bounds[name] = float(value) if value else None
        except ValueError:
            raise Refused(f"invalid_ts_{name}") from None
    low, high = bounds["oldest"], bounds["latest"]
    found = [
        post
        for post in posts
        if (low is None or _micros(post.ts) > _micros(oldest) or (is_inclusive and post.ts == oldest))
        and (high is None or _micros(post.ts) < _micros(latest) or (is_inclusive and post.ts == latest))
    ]
    shown, cursor = page(arguments, found, most=999)
    has_metadata = arguments.flag("include_all_metadata")
    answer: Payload = {
        "messages": [message_of(site.workspace, channel, one, has_metadata=has_metadata) for one in shown],
        "has_more": bool(cursor),
    }
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def _micros(ts: str) -> int:
    seconds, _, fraction = ts.partition(".")
    return int(seconds or 0) * 1_000_000 + int(fraction.ljust(6, "0")[:6] or 0)


@method("conversations.history", scope="channels:history", required=("channel",))
def history(site: Site, arguments: Arguments) -> Payload:
    """Read a channel, newest first, without the replies in threads."""
    channel = channel_of(site, arguments)
    if site.workspace.bot.id not in channel.members:
        raise Refused("not_in_channel")
    posts = [
        post
        for post in channel.posts.values()
        if not post.is_deleted and (not post.thread_ts or post.thread_ts == post.ts or post.is_broadcast)
    ]
    return _read(site, arguments, channel, sorted(posts, key=lambda one: one.ts, reverse=True))


@method("conversations.replies", scope="channels:history", required=("channel", "ts"), is_form_only=True)
def replies(site: Site, arguments: Arguments) -> Payload:
    """Read a thread, oldest first, its first message included."""
    channel = channel_of(site, arguments)
    if site.workspace.bot.id not in channel.members:
        raise Refused("not_in_channel")
    parent = site.workspace.find_post(channel, arguments.text("ts"))
    if parent is None:
        raise Refused("thread_not_found")
    found = _read(site, arguments, channel, site.workspace.replies(channel, parent.ts))
    first = message_of(site.workspace, channel, parent, has_metadata=arguments.flag("include_all_metadata"))
    return found | {"messages": [first, *found["messages"]]}


@method("conversations.open", scope="im:write")
def open_direct(site: Site, arguments: Arguments) -> Payload:
    """Open direct messages with somebody."""
    users = [one for one in arguments.text("users").split(",") if one]
    if arguments.text("channel"):
        return {"channel": channel_info(site.workspace, channel_of(site, arguments))}
    if not users:
        raise Refused("users_list_not_supplied")
    if len(users) > 1:
        raise Refused("not_enough_users", "this simulator has no direct messages among several people")
    if users[0] not in site.workspace.people:
        raise Refused("user_not_found")
    known = {one.id for one in site.workspace.channels.values()}
    channel = site.workspace.direct(users[0])
    return {
        "no_op": channel.id in known,
        "already_open": channel.id in known,
        "channel": channel_info(site.workspace, channel)
        if arguments.flag("return_im")
        else {"id": channel.id},
    }


@method("conversations.join", scope="channels:join", required=("channel",))
def join(site: Site, arguments: Arguments) -> Payload:
    """Join a public channel."""
    workspace = site.workspace
    channel = workspace.channels.get(arguments.text("channel"))
    if channel is None or (channel.kind == "group" and workspace.bot.id not in channel.members):
        raise Refused("channel_not_found")
    if channel.kind != "channel":
        raise Refused("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise Refused("is_archived")
    if workspace.bot.id not in channel.members:
        channel.members.append(workspace.bot.id)
        site.publish(joined_event(workspace, channel, workspace.bot.id))
    return {"channel": channel_info(workspace, channel)}


def _reacted(site: Site, arguments: Arguments) -> tuple[Channel, Post, str]:
    channel = channel_of(site, arguments)
    if channel.is_archived:
        raise Refused("is_archived")
    post = site.workspace.find_post(channel, arguments.text("timestamp"))
    if post is None:
        raise Refused("message_not_found")
    name = arguments.text("name")
    if not name or not all(letter.isalnum() or letter in "_+-':" for letter in name) or not name.isascii():
        raise Refused("invalid_name")
    return channel, post, name


@method("reactions.add", scope="reactions:write", required=("channel", "timestamp", "name"))
def add_reaction(site: Site, arguments: Arguments) -> Payload:
    """Put an emoji under a message."""
    channel, post, name = _reacted(site, arguments)
    users = post.reactions.setdefault(name, [])
    bot = site.workspace.bot.id
    if bot in users:
        raise Refused("already_reacted")
    users.append(bot)
    site.workspace.tell()
    site.publish(reaction_event(site.workspace, channel, post, bot, name, added=True))
    return {}


@method("reactions.remove", scope="reactions:write", required=("channel", "timestamp", "name"))
def remove_reaction(site: Site, arguments: Arguments) -> Payload:
    """Take the bot's emoji away."""
    channel, post, name = _reacted(site, arguments)
    bot = site.workspace.bot.id
    if bot not in post.reactions.get(name, []):
        raise Refused("no_reaction")
    post.reactions[name].remove(bot)
    site.workspace.tell()
    site.publish(reaction_event(site.workspace, channel, post, bot, name, added=False))
    return {}
