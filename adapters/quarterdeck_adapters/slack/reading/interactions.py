"""Make events of pressed buttons and submitted forms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from quarterdeck.core.event import Pressed, Submitted
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck_adapters.slack import ids
from quarterdeck_adapters.slack.reading.messages import Payload, attachment, items, mapping, text_of
from quarterdeck_adapters.slack.writing.views import INPUT_PREFIX, kind_of, name_of


def interaction_id(payload: Payload) -> str:
    """Name a press or a submission: it is the same however often it is delivered."""
    trigger = text_of(payload, "trigger_id")
    if trigger:
        return trigger
    said = json.dumps(payload, sort_keys=True, default=str)
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32]


def team_of(payload: Payload) -> str:
    """Return the workspace in which it happened."""
    return text_of(mapping(payload, "team"), "id") or text_of(mapping(payload, "user"), "team_id")


def pressed(payload: Payload, *, at: datetime) -> Pressed | None:
    """Return the event of the first action of a `block_actions`; None where it happened in no conversation."""
    action = next(iter(items(payload, "actions")), {})
    user, container = mapping(payload, "user"), mapping(payload, "container")
    channel = text_of(mapping(payload, "channel"), "id") or text_of(container, "channel_id")
    name = text_of(action, "action_id")
    if not (name and channel and text_of(user, "id")):
        return None
    team, message = team_of(payload), mapping(payload, "message")
    ts = text_of(container, "message_ts") or text_of(message, "ts")
    thread = text_of(message, "thread_ts") or text_of(container, "thread_ts")
    return Pressed(
        id=interaction_id(payload),
        platform=ids.PLATFORM,
        workspace=team,
        received_at=at,
        conversation=ids.conversation(team, channel, "" if thread == ts else thread),
        actor=ids.identity(text_of(user, "team_id") or team, text_of(user, "id")),
        actor_name=text_of(user, "username") or text_of(user, "name"),
        button_id=name,
        value=text_of(action, "value") or text_of(mapping(action, "selected_option"), "value"),
        message_id=ids.message_id(channel, ts) if ts else "",
    )


def submitted(payload: Payload, *, at: datetime) -> Submitted | None:
    """Return the event of a `view_submission` of a form of ours."""
    view, user = mapping(payload, "view"), mapping(payload, "user")
    where = notes(view)
    conversation = where.get("conversation")
    if not isinstance(conversation, str) or not text_of(user, "id"):
        return None
    team = team_of(payload)
    values, attachments = _values(view, team)
    channel = ids.place(Conversation(id=conversation, platform=ids.PLATFORM))
    return Submitted(
        id=interaction_id(payload),
        platform=ids.PLATFORM,
        workspace=team,
        received_at=at,
        conversation=ids.conversation(channel.team, channel.channel, channel.thread),
        actor=ids.identity(text_of(user, "team_id") or team, text_of(user, "id")),
        actor_name=text_of(user, "username") or text_of(user, "name"),
        form_id=text_of(view, "callback_id"),
        values=values,
        attachments=attachments,
    )


def notes(view: Payload) -> Mapping[str, object]:
    """Return what we wrote on a form for ourselves."""
    try:
        found = json.loads(text_of(view, "private_metadata") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) and str(found.get("conversation", "")).count(":") >= 2 else {}


def _values(view: Payload, team: str) -> tuple[dict[str, object], tuple[Attachment, ...]]:
    values: dict[str, object] = {}
    attachments: list[Attachment] = []
    for block, element in _elements(view):
        files = items(element, "files")
        if files:
            attachments += [attachment(file) for file in files]
            values[name_of(block)] = attachments[-1].name
            continue
        value = _value(element, kind_of(block), team)
        if value is not None:
            values[name_of(block)] = value
    return values, tuple(attachments)


def _elements(view: Payload) -> Iterator[tuple[str, Payload]]:
    for block, actions in mapping(mapping(view, "state"), "values").items():
        if block.startswith(INPUT_PREFIX) and isinstance(actions, Mapping):
            for element in actions.values():
                if isinstance(element, Mapping):
                    yield block, element


def _value(element: Payload, kind: str, team: str) -> object:
    """Return what was filled in, in the option's type; None where nothing was."""
    chosen = text_of(mapping(element, "selected_option"), "value")
    match text_of(element, "type"):
        case "number_input":
            return _number(text_of(element, "value"), kind)
        case "datetimepicker":
            at = element.get("selected_date_time")
            return datetime.fromtimestamp(at, UTC).isoformat() if isinstance(at, int) else None
        case "datepicker":
            return text_of(element, "selected_date") or None
        case "users_select":
            user = text_of(element, "selected_user")
            return str(ids.identity(team, user)) if user else None
        case "conversations_select" | "channels_select":
            channel = text_of(element, "selected_conversation") or text_of(element, "selected_channel")
            return ids.conversation(team, channel).id if channel else None
        case "checkboxes":
            return bool(items(element, "selected_options"))
        case "static_select" | "external_select" | "radio_buttons":
            return chosen or None
        case _:
            return text_of(element, "value") or None


def _number(text: str, kind: str) -> object:
    if not text:
        return None
    try:
        return int(text) if kind == "integer" else float(text)
    except ValueError:
        return text
