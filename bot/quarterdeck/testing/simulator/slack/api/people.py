"""Serve auth.*, users.*, usergroups.*, bots.*, team.*, apps.* and assistant.*."""

from __future__ import annotations

from typing import Final

from quarterdeck.testing.simulator.slack.api.conversations import page
from quarterdeck.testing.simulator.slack.api.registry import Arguments, Refused, Site, channel_of, method
from quarterdeck.testing.simulator.slack.delivery.events import bot_of
from quarterdeck.testing.simulator.slack.workspace import Group, Payload, Person, Workspace

MARKS: Final = (
    *("is_email_confirmed", "is_invited_user"),
    *("is_restricted", "is_ultra_restricted", "is_stranger"),
)


def person_info(site: Site, person: Person) -> Payload:
    """Return somebody as Slack describes them; with their address, where the app may know it."""
    address = {"email": person.email} if "users:read.email" in site.scopes and person.email else {}
    return {
        "id": person.id,
        "team_id": person.team or site.workspace.team_id,
        "name": person.name,
        "real_name": person.shown_name,
        "deleted": person.is_deleted,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "tz": "Etc/UTC",
        "updated": 0,
        **{mark: mark in person.marks for mark in MARKS},
        "profile": {"real_name": person.shown_name, "display_name": person.shown_name, **address},
    }


@method("auth.test", per_minute=300)
def auth_test(site: Site, arguments: Arguments) -> Payload:
    """Say who the token is."""
    workspace = site.workspace
    return {
        "url": "https://simulate.slack.com/",
        "team": "Simulate",
        "user": workspace.bot.name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot.id,
        "bot_id": workspace.bot_id,
        "app_id": workspace.app_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", token="xapp")  # noqa: S106  # the kind of token
def open_connection(site: Site, arguments: Arguments) -> Payload:
    """Give out the address of a new socket, good for one connection."""
    return {"url": site.socket_ticket()}


@method("users.info", scope="users:read", required=("user",), per_minute=100, is_form_only=True)
def user_info(site: Site, arguments: Arguments) -> Payload:
    """Describe somebody."""
    person = site.workspace.people.get(arguments.text("user"))
    if person is None:
        raise Refused("user_not_found")
    return {"user": person_info(site, person)}


@method("users.list", scope="users:read", per_minute=20)
def list_users(site: Site, arguments: Arguments) -> Payload:
    """List everybody."""
    shown, cursor = page(arguments, list(site.workspace.people.values()))
    people = [person_info(site, one) for one in shown]
    return {"members": people, "response_metadata": {"next_cursor": cursor}}


def _group_info(workspace: Workspace, group: Group) -> Payload:
    return {
        "id": group.id,
        "team_id": workspace.team_id,
        "is_usergroup": True,
        "name": group.handle,
        "handle": group.handle,
        "user_count": len(group.members),
        "date_delete": 0,
    }


@method("usergroups.list", scope="usergroups:read", per_minute=20)
def list_groups(site: Site, arguments: Arguments) -> Payload:
    """List the user groups."""
    has_users = arguments.flag("include_users")
    groups = [
        _group_info(site.workspace, one) | ({"users": one.members} if has_users else {})
        for one in site.workspace.groups.values()
    ]
    return {"usergroups": groups}


@method("usergroups.users.list", scope="usergroups:read", required=("usergroup",), per_minute=20)
def group_users(site: Site, arguments: Arguments) -> Payload:
    """List who is in a user group."""
    group = site.workspace.groups.get(arguments.text("usergroup"))
    if group is None:
        raise Refused("no_such_subteam")
    return {"users": list(group.members)}


@method("bots.info", scope="users:read")
def bot_info(site: Site, arguments: Arguments) -> Payload:
    """Describe the bot."""
    if arguments.text("bot") not in ("", site.workspace.bot_id):
        raise Refused("bot_not_found")
    return {"bot": bot_of(site.workspace)}


@method("team.info", scope="team:read")
def team_info(site: Site, arguments: Arguments) -> Payload:
    """Describe the workspace."""
    team = {"id": site.workspace.team_id, "name": "Simulate", "domain": "simulate"}
    return {"team": team}


@method(
    "assistant.threads.setStatus",
    scope="chat:write",
    required=("channel_id", "thread_ts", "status"),
    per_minute=600,
)
def set_status(site: Site, arguments: Arguments) -> Payload:
    """Show that the bot is at work; its next message in the thread takes that away."""
    channel = channel_of(site, arguments, "channel_id", writes=True)
    thread_ts = arguments.text("thread_ts")
    if site.workspace.find_post(channel, thread_ts) is None:
        raise Refused("invalid_thread_ts")
    channel.statuses[thread_ts] = arguments.text("status")
    site.workspace.tell()
    return {}
