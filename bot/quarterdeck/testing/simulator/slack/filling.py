"""Fill a form in as a person does: by label, and only as the client lets them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from quarterdeck.testing.simulator.platform import SeenForm
from quarterdeck.testing.simulator.slack.views import OpenView
from quarterdeck.testing.simulator.slack.workspace import Payload, Workspace

_EMAIL: Final = re.compile(r"[^\s@]+@[^\s@]+")


def shown(opened: OpenView) -> SeenForm:
    """Return a form as a person sees it."""
    inputs: dict[str, Sequence[str]] = {}
    named = {block["block_id"]: block["label"]["text"] for block in _inputs(opened)}
    errors = {named.get(name, name): words for name, words in opened.errors.items()}
    for block in _inputs(opened):
        label = block["label"]["text"]
        inputs[label] = (block["element"]["type"], *(option["text"]["text"] for option in _options(block)))
    return SeenForm(title=opened.view["title"]["text"], inputs=inputs, errors=errors)


def fill(workspace: Workspace, opened: OpenView, values: Mapping[str, str]) -> Payload:
    """Return the state of a form filled in with `values` by label.

    Raises:
        LookupError: it has no such input.
        ValueError: the client does not let this be sent, and why.
    """
    blocks = {block["label"]["text"]: block for block in _inputs(opened)}
    for label in values:
        if label not in blocks:
            raise LookupError(f"the form has no input {label!r}; it has {', '.join(blocks) or 'none'}")
    state: Payload = {}
    for label, block in blocks.items():
        element = block["element"]
        value = values.get(label, _initial(element))
        if not value and not block.get("optional", False):
            raise ValueError(f"{label}: please complete this required field")
        try:
            answer = _value(workspace, block, value)
        except ValueError as error:
            raise ValueError(f"{label}: {error}") from error
        state[block["block_id"]] = {element["action_id"]: {"type": element["type"], **answer}}
    return state


def _inputs(opened: OpenView) -> list[Payload]:
    return [block for block in opened.view["blocks"] if block["type"] == "input"]


def _options(block: Payload) -> list[Payload]:
    element = block["element"]
    options = list(element.get("options") or ())
    for group in element.get("option_groups") or ():
        options += group["options"]
    return options


def _initial(element: Payload) -> str:
    option = element.get("initial_option")
    if option:
        return str(option["text"]["text"])
    for name in ("initial_value", "initial_date", "initial_time", "initial_user", "initial_conversation"):
        if element.get(name):
            return str(element[name])
    return ", ".join(one["text"]["text"] for one in element.get("initial_options") or ())


def _value(workspace: Workspace, block: Payload, value: str) -> Payload:
    kind = block["element"]["type"]
    return _ENTER[kind](workspace, block, value)


def _text(workspace: Workspace, block: Payload, value: str) -> Payload:
    element = block["element"]
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if value and not least <= len(value) <= most:
        raise ValueError(f"must be between {least} and {most} characters")
    if "\n" in value and not element.get("multiline", False):
        raise ValueError("has only one line")
    return {"value": value or None}


def _number(workspace: Workspace, block: Payload, value: str) -> Payload:
    element = block["element"]
    if not value:
        return {"value": None}
    number = float(value)
    if not element["is_decimal_allowed"] and not number.is_integer():
        raise ValueError("must be a whole number")
    if number < float(element.get("min_value", "-inf")) or number > float(element.get("max_value", "inf")):
        raise ValueError("is out of range")
    return {"value": value}


def _email(workspace: Workspace, block: Payload, value: str) -> Payload:
    if value and not _EMAIL.fullmatch(value):
        raise ValueError("is no email address")
    return {"value": value or None}


def _url(workspace: Workspace, block: Payload, value: str) -> Payload:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("is no address")
    return {"value": value or None}


def _choice(block: Payload, label: str) -> Payload:
    for option in _options(block):
        if option["text"]["text"] == label:
            return option
    offered = ", ".join(option["text"]["text"] for option in _options(block))
    raise ValueError(f"does not offer {label!r}, only {offered}")


def _one(workspace: Workspace, block: Payload, value: str) -> Payload:
    return {"selected_option": _choice(block, value) if value else None}


def _many(workspace: Workspace, block: Payload, value: str) -> Payload:
    chosen = [one.strip() for one in value.split(",") if one.strip()]
    most = block["element"].get("max_selected_items", len(chosen))
    if len(chosen) > most:
        raise ValueError(f"no more than {most}")
    return {"selected_options": [_choice(block, one) for one in chosen]}


def _date(workspace: Workspace, block: Payload, value: str) -> Payload:
    return {"selected_date": date.fromisoformat(value).isoformat() if value else None}


def _time(workspace: Workspace, block: Payload, value: str) -> Payload:
    return {"selected_time": value or None}


def _moment(workspace: Workspace, block: Payload, value: str) -> Payload:
    return {"selected_date_time": int(datetime.fromisoformat(value).timestamp()) if value else None}


def _user(workspace: Workspace, block: Payload, value: str) -> Payload:
    return {"selected_user": workspace.person(value.removeprefix("@")).id if value else None}


def _channel(name: str) -> Callable[[Workspace, Payload, str], Payload]:
    def enter(workspace: Workspace, block: Payload, value: str) -> Payload:
        return {name: workspace.channel(value.removeprefix("#")).id if value else None}

    return enter


def _files(workspace: Workspace, block: Payload, value: str) -> Payload:
    found = [one for one in workspace.files.values() if one.name in value.split(",")]
    return {"files": [{"id": one.id, "name": one.name} for one in found]}


_ENTER: Final[Mapping[str, Callable[[Workspace, Payload, str], Payload]]] = {
    "plain_text_input": _text,
    "number_input": _number,
    "email_text_input": _email,
    "url_text_input": _url,
    "static_select": _one,
    "radio_buttons": _one,
    "external_select": _one,
    "multi_static_select": _many,
    "checkboxes": _many,
    "datepicker": _date,
    "timepicker": _time,
    "datetimepicker": _moment,
    "users_select": _user,
    "channels_select": _channel("selected_channel"),
    "conversations_select": _channel("selected_conversation"),
    "file_input": _files,
}
