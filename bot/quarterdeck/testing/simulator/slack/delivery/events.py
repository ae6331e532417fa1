"""Write what Slack sends to an app: events, slash commands, interactions."""

from __future__ import annotations

import uuid
from typing import Any, Final

from quarterdeck.testing.simulator.slack.workspace import Channel, Payload, Post, StoredFile, Workspace

CHANNEL_TYPES: Final = {"channel": "channel", "group": "group", "im": "im"}
VERIFICATION_TOKEN: Final = "not-a-secret-any-more"  # noqa: S105  # the old field; apps check the signature


def message_of(workspace: Workspace, channel: Channel, post: Post, *, has_metadata: bool = True) -> Payload:
    """Return a message as history and events show it."""
    message: Payload = {"type": "message", "user": post.user, "ts": post.ts, "text": post.text}
    message["team"] = workspace.team_id
    if post.client_msg_id:
        message["client_msg_id"] = post.client_msg_id
    if post.is_bot:
        message |= {"bot_id": workspace.bot_id, "app_id": workspace.app_id, "bot_profile": bot_of(workspace)}
    if post.blocks:
        message["blocks"] = post.blocks
    if post.attachments:
        message["attachments"] = post.attachments
    if post.files:
        message |= {
            "files": [file_of(workspace, workspace.files[one]) for one in post.files],
            "upload": False,
        }
    if post.edited_ts:
        message["edited"] = {"user": post.edited_by, "ts": post.edited_ts}
    if post.metadata and has_metadata:
        message["metadata"] = post.metadata
    if post.is_streaming:
        message["streaming_state"] = "in_progress"
    return message | _thread_of(workspace, channel, post) | _reactions_of(post)


def _thread_of(workspace: Workspace, channel: Channel, post: Post) -> Payload:
    if post.thread_ts and post.thread_ts != post.ts:
        parent = channel.posts.get(post.thread_ts)
        return {"thread_ts": post.thread_ts, "parent_user_id": parent.user if parent else ""}
    replies = workspace.replies(channel, post.ts)
    if not replies:
        return {}
    people = sorted({reply.user for reply in replies})
    return {
        "thread_ts": post.ts,
        "reply_count": len(replies),
        "reply_users_count": len(people),
        "reply_users": people,
        "latest_reply": replies[-1].ts,
    }


def _reactions_of(post: Post) -> Payload:
    shown = [
        {"name": name, "users": users, "count": len(users)} for name, users in post.reactions.items() if users
    ]
    return {"reactions": shown} if shown else {}


def bot_of(workspace: Workspace) -> Payload:
    """Return the bot as `bots.info` and messages show it."""
    return {
        "id": workspace.bot_id,
        "deleted": False,
        "name": workspace.bot.name,
        "updated": 0,
        "app_id": workspace.app_id,
        "user_id": workspace.bot.id,
        "team_id": workspace.team_id,
    }


def file_of(workspace: Workspace, stored: StoredFile) -> Payload:
    """Return a file; its addresses hold `{url}` until the server puts its own there."""
    kind = stored.name.rpartition(".")[2] if "." in stored.name else "text"
    address = f"{{url}}/files-pri/{workspace.team_id}-{stored.id}"
    return {
        "id": stored.id,
        "created": int(workspace.clock.now_ms() // 1000),
        "name": stored.name,
        "title": stored.title or stored.name,
        "mimetype": _MIME.get(kind, "application/octet-stream"),
        "filetype": kind,
        "user": stored.user,
        "size": stored.length,
        "mode": "hosted",
        "is_external": False,
        "file_access": "visible",
        "url_private": f"{address}/{stored.name}",
        "url_private_download": f"{address}/download/{stored.name}",
        "shares": _shares_of(stored),
    }


def _shares_of(stored: StoredFile) -> Payload:
    shares: dict[str, dict[str, list[Payload]]] = {}
    for channel, ts in stored.shares:
        side = "private" if channel.startswith("D") else "public"
        shares.setdefault(side, {}).setdefault(channel, []).append({"ts": ts})
    return dict(shares)


_MIME: Final = {
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "json": "application/json",
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "zip": "application/zip",
}


def message_event(workspace: Workspace, channel: Channel, post: Post) -> Payload:
    """Return the event of a new message."""
    event = message_of(workspace, channel, post)
    if post.files:
        event["subtype"] = "file_share"
    return event | _placed(channel, post.ts)


def mention_event(workspace: Workspace, channel: Channel, post: Post) -> Payload:
    """Return the event that comes in addition where a message mentions the bot."""
    event = message_of(workspace, channel, post) | {"type": "app_mention", "channel": channel.id}
    return event | {"event_ts": post.ts}


def changed_event(workspace: Workspace, channel: Channel, post: Post, previous: Payload) -> Payload:
    """Return the event of a message that was edited."""
    return {
        "type": "message",
        "subtype": "message_changed",
        "message": message_of(workspace, channel, post),
        "previous_message": previous,
        "hidden": True,
        "ts": post.edited_ts or workspace.next_ts(),
    } | _placed(channel, workspace.next_ts())


def deleted_event(workspace: Workspace, channel: Channel, post: Post, previous: Payload) -> Payload:
    """Return the event of a message that was taken away."""
    ts = workspace.next_ts()
    return {
        "type": "message",
        "subtype": "message_deleted",
        "previous_message": previous,
        "deleted_ts": post.ts,
        "hidden": True,
        "ts": ts,
    } | _placed(channel, ts)


def reaction_event(
    workspace: Workspace, channel: Channel, post: Post, user: str, name: str, *, added: bool
) -> Payload:
    """Return the event of an emoji under a message."""
    return {
        "type": "reaction_added" if added else "reaction_removed",
        "user": user,
        "reaction": name,
        "item": {"type": "message", "channel": channel.id, "ts": post.ts},
        "item_user": post.user,
        "event_ts": workspace.next_ts(),
    }


def joined_event(workspace: Workspace, channel: Channel, user: str) -> Payload:
    """Return the event of somebody in a channel who was not there before."""
    return {
        "type": "member_joined_channel",
        "user": user,
        "channel": channel.id,
        "channel_type": "G" if channel.kind == "group" else "C",
        "team": workspace.team_id,
        "event_ts": workspace.next_ts(),
    }


def _placed(channel: Channel, ts: str) -> Payload:
    return {"channel": channel.id, "channel_type": CHANNEL_TYPES[channel.kind], "event_ts": ts}


def event_callback(workspace: Workspace, event: Payload) -> Payload:
    """Wrap an event as the Events API does."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": workspace.next_id("Ev"),
        "event_time": workspace.clock.now_ms() // 1000,
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot.id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{uuid.uuid4().hex}",
    }


def slash_command(
    workspace: Workspace, channel: Channel, user: str, name: str, text: str, *, trigger: str, url: str
) -> Payload:
    """Return a slash command as its form fields."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "team_domain": "simulate",
        "channel_id": channel.id,
        "channel_name": channel.name or "directmessage",
        "user_id": user,
        "user_name": workspace.people[user].name,
        "command": f"/{name}",
        "text": text,
        "api_app_id": workspace.app_id,
        "is_enterprise_install": "false",
        "response_url": url,
        "trigger_id": trigger,
    }


def _interaction(workspace: Workspace, kind: str, user: str, trigger: str) -> Payload:
    person = workspace.people[user]
    return {
        "type": kind,
        "user": {
            "id": user,
            "username": person.name,
            "name": person.name,
            "team_id": workspace.team_id,
        },
        "api_app_id": workspace.app_id,
        "token": VERIFICATION_TOKEN,
        "trigger_id": trigger,
        "team": {"id": workspace.team_id, "domain": "simulate"},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def block_actions(
    workspace: Workspace,
    channel: Channel,
    post: Post,
    user: str,
    action: Payload,
    *,
    trigger: str,
    url: str,
) -> Payload:
    """Return the press of a button under a message."""
    container: Payload = {
        "type": "message",
        "message_ts": post.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(post.to),
    }
    if post.thread_ts:
        container["thread_ts"] = post.thread_ts
    payload = _interaction(workspace, "block_actions", user, trigger) | {
        "container": container,
        "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        "state": {"values": {}},
        "response_url": url,
        "actions": [action | {"action_ts": workspace.next_ts()}],
    }
    if not post.to:  # what only one person sees is not repeated
        payload["message"] = message_of(workspace, channel, post, has_metadata=False)
    return payload


def view_submission(workspace: Workspace, user: str, view: Payload, *, trigger: str) -> Payload:
    """Return a form that was sent."""
    return _interaction(workspace, "view_submission", user, trigger) | {"view": view, "response_urls": []}


def view_closed(workspace: Workspace, user: str, view: Payload) -> Payload:
    """Return a form that was closed unsent."""
    closed = _interaction(workspace, "view_closed", user, "") | {"view": view, "is_cleared": False}
    del closed["trigger_id"]
    return closed


def with_addresses(value: Any, url: str) -> Any:
    """Return a payload in which every address of a file is the server's own."""
    if isinstance(value, dict):
        return {name: with_addresses(one, url) for name, one in value.items()}
    if isinstance(value, list):
        return [with_addresses(one, url) for one in value]
    if isinstance(value, str) and value.startswith("{url}/files-pri/"):
        return url + value.removeprefix("{url}")
    return value
