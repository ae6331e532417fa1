"""Write a form as a Slack modal, each input as the element that fits its kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Card, Input
from quarterdeck_adapters.slack.writing import limits

Element = dict[str, object]

INPUT_PREFIX: Final = "qd:"
OPEN_FORM: Final = "qd:form"  # our own button: it opens the form that its message holds
VALUE: Final = "value"  # the action_id of every input's element
MOST_FILES: Final = 10
YES: Final = ("true", "yes", "on", "1")


def view_of(card: Card, lead: Sequence[str], kept: dict[str, str]) -> Element:
    """Return the modal; `lead` is text above the inputs, in sections. Its conversation is put in when it is opened.

    Raises:
        UsageError: it has more inputs than a modal takes.
    """
    blocks: list[Element] = [_section(text) for text in lead]
    if limits.measure(card.title) > limits.VIEW_TITLE:
        blocks.insert(0, {"type": "header", "text": _words(card.title, limits.PLACEHOLDER)})
    blocks += [_input(one, kept) for one in card.inputs]
    if len(blocks) > limits.VIEW_BLOCKS:
        raise UsageError(
            f"a form in Slack takes {limits.VIEW_BLOCKS} inputs, and this has {len(card.inputs)}",
            hint="type the command with its options instead",
        )
    return {
        "type": "modal",
        "callback_id": limits.refer(card.form_id, limits.NAME, kept),
        "title": _words(card.title or "Form", limits.VIEW_TITLE),
        "submit": _words("Send", limits.VIEW_TITLE),
        "close": _words("Cancel", limits.VIEW_TITLE),
        "blocks": blocks,
    }


def placed(view: Mapping[str, object], where: Conversation) -> Element:
    """Return the view with a note of the conversation that it was asked for in."""
    return {**view, "private_metadata": json.dumps({"conversation": where.id})}


def block_id(one: Input) -> str:
    """Name an input's block: its kind and its id."""
    return f"{INPUT_PREFIX}{one.kind}|{one.id}"


def kind_of(block: str) -> str:
    """Return the kind of option that a block asks for."""
    return block.removeprefix(INPUT_PREFIX).partition("|")[0]


def name_of(block: str) -> str:
    """Return the id of the input that a block asks for."""
    return block.removeprefix(INPUT_PREFIX).partition("|")[2]


def _input(one: Input, kept: dict[str, str]) -> Element:
    element = ELEMENTS.get(one.kind, _text)(one, kept)
    element["action_id"] = VALUE
    block: Element = {
        "type": "input",
        "block_id": block_id(one),
        "label": _words(one.label or one.id, limits.INPUT_LABEL),
        "element": element,
        "optional": not one.required or one.kind == "boolean",
    }
    if one.hint:
        block["hint"] = _words(one.hint, limits.INPUT_LABEL)
    return block


def _text(one: Input, kept: dict[str, str]) -> Element:
    element: Element = {"type": "plain_text_input"}
    if one.kind == "text":
        element["multiline"] = True
    if one.max_length:
        element["max_length"] = min(one.max_length, limits.INPUT_TEXT)
    if one.value:
        element["initial_value"] = limits.shorten(one.value, limits.INPUT_TEXT)
    return element


def _number(one: Input, kept: dict[str, str]) -> Element:
    element: Element = {"type": "number_input", "is_decimal_allowed": one.kind == "number"}
    if one.value:
        element["initial_value"] = one.value
    return element


def _choice(one: Input, kept: dict[str, str]) -> Element:
    options = [_option(choice, kept) for choice in one.choices]
    if not options:
        return _text(one, kept)
    element: Element = {"type": "static_select"}
    if len(options) > limits.CHOICES:
        step = limits.CHOICES
        element["option_groups"] = [
            {
                "label": _words(f"{at + 1}-{at + step}", limits.CHOICE_LABEL),
                "options": options[at : at + step],
            }
            for at in range(0, len(options), step)
        ]
    else:
        element["options"] = options
    if one.value in one.choices:
        element["initial_option"] = options[one.choices.index(one.value)]
    return element


def _option(choice: str, kept: dict[str, str]) -> Element:
    return {
        "text": _words(choice, limits.CHOICE_LABEL),
        "value": limits.refer(choice, limits.CHOICE_VALUE, kept),
    }


def _boolean(one: Input, kept: dict[str, str]) -> Element:
    option: Element = {"text": _words("Yes", limits.CHOICE_LABEL), "value": "true"}
    element: Element = {"type": "checkboxes", "options": [option]}
    if one.value.strip().lower() in YES:
        element["initial_options"] = [option]
    return element


def _moment(one: Input, kept: dict[str, str]) -> Element:
    element: Element = {"type": "datetimepicker"}
    try:
        at = datetime.fromisoformat(one.value) if one.value else None
    except ValueError:
        at = None
    if at is not None and at.tzinfo is not None:
        element["initial_date_time"] = int(at.timestamp())
    return element


def _user(one: Input, kept: dict[str, str]) -> Element:
    element: Element = {"type": "users_select"}
    if one.value:
        element["initial_user"] = one.value.rpartition(":")[2]
    return element


def _channel(one: Input, kept: dict[str, str]) -> Element:
    element: Element = {"type": "conversations_select"}
    if one.value.count(":") >= 2:
        element["initial_conversation"] = one.value.split(":")[2]
    return element


def _role(one: Input, kept: dict[str, str]) -> Element:
    return {"type": "external_select", "min_query_length": 0}


def _file(one: Input, kept: dict[str, str]) -> Element:
    return {"type": "file_input", "max_files": MOST_FILES}


ELEMENTS: Final[Mapping[str, Callable[[Input, dict[str, str]], Element]]] = {
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "choice": _choice,
    "datetime": _moment,
    "user": _user,
    "channel": _channel,
    "role": _role,
    "file": _file,
}


def _section(text: str) -> Element:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _words(text: str, limit: int) -> Element:
    return {"type": "plain_text", "text": limits.shorten(limits.sound(text), limit).strip() or "…"}
