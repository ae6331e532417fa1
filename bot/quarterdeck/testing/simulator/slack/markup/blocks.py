"""Check Block Kit as Slack does, and say what is wrong with it.

Limits: docs.slack.dev/reference/block-kit and the constants of slack_sdk 3.47, 2026-11-21; the total of 13,200
characters in one message is from slackapi/bolt-js issue 2509.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from quarterdeck.testing.simulator.slack.markup.elements import (
    ELEMENTS,
    check_element,
    check_text,
    image_faults,
    length_fault,
    units,
)

Faults = Iterator[str]

MESSAGE_BLOCKS: Final = 50
VIEW_BLOCKS: Final = 100
MESSAGE_CHARACTERS: Final = 13_200
MARKDOWN_CHARACTERS: Final = 12_000

ON_MESSAGES: Final = frozenset(
    {"actions", "context", "divider", "file", "header", "image", "input", "markdown", "rich_text", "section"}
    | {"table", "video", "context_actions"}
)
ON_VIEWS: Final = ON_MESSAGES - {"file", "markdown", "table", "context_actions"}


def block_faults(blocks: Any, *, at: str = "/blocks", on_view: bool = False) -> list[str]:
    """Return everything that is wrong with a list of blocks, each with its place."""
    most = VIEW_BLOCKS if on_view else MESSAGE_BLOCKS
    if not isinstance(blocks, list):
        return [f"must be an array [json-pointer:{at}]"]
    found = [f"no more than {most} items allowed [json-pointer:{at}]"] if len(blocks) > most else []
    names: set[str] = set()
    for number, block in enumerate(blocks):
        place = f"{at}/{number}"
        if not isinstance(block, dict):
            found.append(f"must be an object [json-pointer:{place}]")
            continue
        found += _block_faults(block, place, ON_VIEWS if on_view else ON_MESSAGES)
        block_id = block.get("block_id")
        if block_id is not None and block_id in names:
            found.append(f"`block_id` {block_id!r} already exists [json-pointer:{place}/block_id]")
        names.add(str(block_id))
    found += _action_id_faults(blocks, at)
    return found


def is_too_long(blocks: list[dict[str, Any]]) -> bool:
    """Tell whether a message's blocks hold more text than Slack takes in all."""
    return sum(units(text) for block in blocks for text in _texts(block)) > MESSAGE_CHARACTERS


def view_faults(view: Any) -> list[str]:
    """Return everything that is wrong with a modal."""
    if not isinstance(view, dict):
        return ["must be an object [json-pointer:/view]"]
    found: list[str] = []
    if view.get("type") != "modal":
        found.append("must be `modal` (a home tab is not opened by a trigger) [json-pointer:/view/type]")
    for name, is_needed in (("title", True), ("submit", False), ("close", False)):
        if name in view or is_needed:
            found += check_text(view.get(name), f"/view/{name}", most=24, is_plain=True)
    blocks = view.get("blocks")
    if not blocks:
        found.append("missing required field: blocks [json-pointer:/view/blocks]")
    found += block_faults(blocks or [], at="/view/blocks", on_view=True)
    has_input = isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
    if has_input and "submit" not in view:
        found.append("missing required field: submit, as there is an input block [json-pointer:/view]")
    for name, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        found += length_fault(view.get(name, ""), f"/view/{name}", most)
    return found


def _block_faults(block: Mapping[str, Any], at: str, allowed: frozenset[str]) -> Faults:
    kind = block.get("type")
    if kind not in allowed:
        yield f"unsupported type: {kind} [json-pointer:{at}/type]"
        return
    yield from length_fault(block.get("block_id", ""), f"{at}/block_id", 255)
    check = _CHECKS.get(str(kind))
    if check is not None:
        yield from check(block, at)


def _section(block: Mapping[str, Any], at: str) -> Faults:
    fields = block.get("fields")
    if "text" not in block and not fields:
        yield f"missing required field: text or fields [json-pointer:{at}]"
    if "text" in block:
        yield from check_text(block["text"], f"{at}/text", most=3000)
    yield from _count(fields or [], f"{at}/fields", 10)
    for number, one in enumerate(fields or []):
        yield from check_text(one, f"{at}/fields/{number}", most=2000)
    if "accessory" in block:
        yield from check_element(block["accessory"], f"{at}/accessory", ELEMENTS | {"image"})


def _header(block: Mapping[str, Any], at: str) -> Faults:
    yield from check_text(block.get("text"), f"{at}/text", most=150, is_plain=True)


def _context(block: Mapping[str, Any], at: str) -> Faults:
    elements = block.get("elements")
    yield from _count(elements, f"{at}/elements", 10, least=1)
    for number, element in enumerate(elements or []):
        place = f"{at}/elements/{number}"
        if isinstance(element, dict) and element.get("type") == "image":
            yield from image_faults(element, place)
        else:
            yield from check_text(element, place, most=2000)


def _actions(block: Mapping[str, Any], at: str) -> Faults:
    elements = block.get("elements")
    yield from _count(elements, f"{at}/elements", 25, least=1)
    for number, element in enumerate(elements or []):
        yield from check_element(element, f"{at}/elements/{number}", ELEMENTS - {"plain_text_input"})


def _input(block: Mapping[str, Any], at: str) -> Faults:
    yield from check_text(block.get("label"), f"{at}/label", most=2000, is_plain=True)
    if "hint" in block:
        yield from check_text(block["hint"], f"{at}/hint", most=2000, is_plain=True)
    yield from check_element(block.get("element"), f"{at}/element", ELEMENTS - {"button", "overflow"})


def _image(block: Mapping[str, Any], at: str) -> Faults:
    yield from image_faults(block, at)
    if "title" in block:
        yield from check_text(block["title"], f"{at}/title", most=2000, is_plain=True)


def _markdown(block: Mapping[str, Any], at: str) -> Faults:
    text = block.get("text")
    if not isinstance(text, str) or not text:
        yield f"must be a string of at least 1 character [json-pointer:{at}/text]"
    else:
        yield from length_fault(text, f"{at}/text", MARKDOWN_CHARACTERS)


def _rich_text(block: Mapping[str, Any], at: str) -> Faults:
    elements = block.get("elements")
    yield from _count(elements, f"{at}/elements", 500, least=1)
    allowed = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for number, element in enumerate(elements or []):
        if not isinstance(element, dict) or element.get("type") not in allowed:
            yield f"unsupported type [json-pointer:{at}/elements/{number}/type]"
        elif not isinstance(element.get("elements"), list):
            yield f"missing required field: elements [json-pointer:{at}/elements/{number}]"


def _table(block: Mapping[str, Any], at: str) -> Faults:
    rows = block.get("rows")
    yield from _count(rows, f"{at}/rows", 100, least=1)
    for number, row in enumerate(rows or []):
        yield from _count(row, f"{at}/rows/{number}", 20, least=1)


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Faults]]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "table": _table,
}


def _count(items: Any, at: str, most: int, *, least: int = 0) -> Faults:
    if not isinstance(items, list):
        yield f"must be an array [json-pointer:{at}]"
    elif len(items) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}]"
    elif len(items) < least:
        yield f"no fewer than {least} items allowed [json-pointer:{at}]"


def _action_id_faults(blocks: list[Any], at: str) -> list[str]:
    """Find `action_id`s that stand twice in one block."""
    found = []
    for number, block in enumerate(blocks):
        elements = block.get("elements") if isinstance(block, dict) else None
        ids = [one.get("action_id") for one in elements or [] if isinstance(one, dict)]
        given = [one for one in ids if one is not None]
        found += [
            f"`action_id` {one!r} already exists [json-pointer:{at}/{number}]"
            for one in sorted({one for one in given if given.count(one) > 1})
        ]
    return found


def _texts(value: Any) -> Iterator[str]:
    """Yield every text that a person reads in a block."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "text" and isinstance(one, str):
                yield one
            else:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
