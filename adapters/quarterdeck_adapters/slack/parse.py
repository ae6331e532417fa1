"""Make events of what Slack's Events API sends; `reading/` has a file for each kind of thing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from quarterdeck.core.event import Event, Joined, Reacted
from quarterdeck_adapters.slack import ids
from quarterdeck_adapters.slack.ids import Account
from quarterdeck_adapters.slack.reading.emoji import sign
from quarterdeck_adapters.slack.reading.messages import deleted, edited, items, mapping, posted, text_of

Payload = Mapping[str, object]


def to_event(payload: Payload, account: Account, *, at: datetime) -> Event | None:
    """Return the event of an `event_callback`; None for what the bot has no use for."""
    event, team = mapping(payload, "event"), text_of(payload, "team_id") or account.team
    match text_of(event, "type"):
        case "message":
            return _message(event, account, team, at)
        case "app_mention":
            return posted(event, account, team=team, at=at)
        case "reaction_added" | "reaction_removed":
            return _reacted(event, account, team, at)
        case "member_joined_channel":
            return _joined(event, team, at)
        case _:
            return None


def account_of(payload: Payload, known: Account) -> Account:
    """Return who the bot is: as known, else as the event itself says."""
    if known.user:
        return known
    for one in items(payload, "authorizations"):
        if one.get("is_bot") and text_of(one, "user_id"):
            return Account(team=text_of(one, "team_id"), user=text_of(one, "user_id"))
    return known


def _message(event: Payload, account: Account, team: str, at: datetime) -> Event | None:
    match text_of(event, "subtype"):
        case "message_changed":
            return edited(event, account, team=team, at=at)
        case "message_deleted":
            return deleted(event, account, team=team, at=at)
        case _:
            return posted(event, account, team=team, at=at)


def _reacted(event: Payload, account: Account, team: str, at: datetime) -> Reacted | None:
    item, user, name = mapping(event, "item"), text_of(event, "user"), text_of(event, "reaction")
    channel, ts = text_of(item, "channel"), text_of(item, "ts")
    if text_of(item, "type") != "message" or not (channel and ts and user and name):
        return None
    is_added = event.get("type") == "reaction_added"
    return Reacted(
        id=f"{channel}:{ts}:{user}:{name}:{'+' if is_added else '-'}{text_of(event, 'event_ts')}",
        platform=ids.PLATFORM,
        workspace=team,
        received_at=at,
        conversation=ids.conversation(team, channel),
        actor=ids.identity(team, user),
        is_bot=user == account.user,
        message_id=ids.message_id(channel, ts),
        emoji=sign(name),
        added=is_added,
    )


def _joined(event: Payload, team: str, at: datetime) -> Joined | None:
    channel, user = text_of(event, "channel"), text_of(event, "user")
    if not channel or not user:
        return None
    return Joined(
        id=f"{channel}:{user}:joined:{text_of(event, 'event_ts')}",
        platform=ids.PLATFORM,
        workspace=team,
        received_at=at,
        conversation=ids.conversation(team, channel),
        actor=ids.identity(team, user),
    )
