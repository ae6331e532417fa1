"""Check the texts and the interactive elements that blocks are made of; see `blocks` for where the limits are from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Faults = Iterator[str]

SELECTS: Final = frozenset(
    f"{many}{kind}_select"
    for many in ("", "multi_")
    for kind in ("static", "external", "users", "conversations", "channels")
)
ELEMENTS: Final = SELECTS | {
    "button",
    "checkboxes",
    "datepicker",
    "datetimepicker",
    "email_text_input",
    "file_input",
    "number_input",
    "overflow",
    "plain_text_input",
    "radio_buttons",
    "rich_text_input",
    "timepicker",
    "url_text_input",
}
_MOST_OPTIONS: Final[Mapping[str, int]] = {
    "static_select": 100,
    "multi_static_select": 100,
    "overflow": 5,
    "checkboxes": 10,
    "radio_buttons": 10,
}
_STYLES: Final = ("primary", "danger")


def units(text: str) -> int:
    """Return a text's length in UTF-16 units, the strictest way in which Slack may count."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def length_fault(value: Any, at: str, most: int) -> Faults:
    """Yield what is wrong with a plain string."""
    if not isinstance(value, str):
        yield f"must be a string [json-pointer:{at}]"
    elif units(value) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}]"


def check_text(value: Any, at: str, *, most: int, is_plain: bool = False) -> Faults:
    """Yield what is wrong with a text object."""
    if not isinstance(value, dict):
        yield f"must be a text object [json-pointer:{at}]"
        return
    kinds = ("plain_text",) if is_plain else ("plain_text", "mrkdwn")
    if value.get("type") not in kinds:
        yield f"must be one of {', '.join(kinds)} [json-pointer:{at}/type]"
    text = value.get("text")
    if not isinstance(text, str) or not text:
        yield f"must be more than 0 characters [json-pointer:{at}/text]"
    else:
        yield from length_fault(text, f"{at}/text", most)
    if value.get("type") == "mrkdwn" and "emoji" in value:
        yield f"emoji goes with plain_text only [json-pointer:{at}/emoji]"


def image_faults(value: Mapping[str, Any], at: str) -> Faults:
    """Yield what is wrong with an image."""
    if "image_url" not in value and "slack_file" not in value:
        yield f"missing required field: image_url [json-pointer:{at}]"
    yield from length_fault(value.get("image_url", ""), f"{at}/image_url", 3000)
    if not value.get("alt_text"):
        yield f"missing required field: alt_text [json-pointer:{at}]"
    yield from length_fault(value.get("alt_text", ""), f"{at}/alt_text", 2000)


def check_element(value: Any, at: str, allowed: frozenset[str]) -> Faults:
    """Yield what is wrong with an element that people press, choose from or fill in."""
    if not isinstance(value, dict):
        yield f"must be an object [json-pointer:{at}]"
        return
    kind = value.get("type")
    if kind not in allowed:
        yield f"unsupported type: {kind} [json-pointer:{at}/type]"
        return
    if kind == "image":
        yield from image_faults(value, at)
        return
    yield from length_fault(value.get("action_id", ""), f"{at}/action_id", 255)
    if "placeholder" in value:
        yield from check_text(value["placeholder"], f"{at}/placeholder", most=150, is_plain=True)
    if "confirm" in value:
        yield from _confirm(value["confirm"], f"{at}/confirm")
    if kind in _MOST_OPTIONS:
        yield from _choices(value, at, _MOST_OPTIONS[str(kind)])
    special = _SPECIAL.get(str(kind))
    if special is not None:
        yield from special(value, at)


def _button(value: Mapping[str, Any], at: str) -> Faults:
    yield from check_text(value.get("text"), f"{at}/text", most=75, is_plain=True)
    yield from length_fault(value.get("value", ""), f"{at}/value", 2000)
    yield from length_fault(value.get("url", ""), f"{at}/url", 3000)
    if "style" in value and value["style"] not in _STYLES:
        yield f"must be one of {', '.join(_STYLES)} [json-pointer:{at}/style]"


def _plain_text_input(value: Mapping[str, Any], at: str) -> Faults:
    least, most = value.get("min_length", 0), value.get("max_length", 3000)
    if not isinstance(most, int) or not 1 <= most <= 3000:
        yield f"must be between 1 and 3000 [json-pointer:{at}/max_length]"
    elif not isinstance(least, int) or not 0 <= least <= most:
        yield f"must be between 0 and max_length [json-pointer:{at}/min_length]"
    yield from length_fault(value.get("initial_value", ""), f"{at}/initial_value", 3000)


def _number_input(value: Mapping[str, Any], at: str) -> Faults:
    if not isinstance(value.get("is_decimal_allowed"), bool):
        yield f"missing required field: is_decimal_allowed [json-pointer:{at}]"
    for name in ("initial_value", "min_value", "max_value"):
        if name in value and not isinstance(value[name], str):
            yield f"must be a string [json-pointer:{at}/{name}]"


def _file_input(value: Mapping[str, Any], at: str) -> Faults:
    most = value.get("max_files", 10)
    if not isinstance(most, int) or not 1 <= most <= 10:
        yield f"must be between 1 and 10 [json-pointer:{at}/max_files]"


_SPECIAL: Final[Mapping[str, Callable[[Mapping[str, Any], str], Faults]]] = {
    "button": _button,
    "plain_text_input": _plain_text_input,
    "number_input": _number_input,
    "file_input": _file_input,
}


def _choices(value: Mapping[str, Any], at: str, most: int) -> Faults:
    options, groups = value.get("options"), value.get("option_groups")
    if options is None and groups is None:
        yield f"missing required field: options [json-pointer:{at}]"
        return
    if options is not None and groups is not None:
        yield f"only one of options and option_groups [json-pointer:{at}]"
    if groups is None:
        yield from _option_list(options or [], f"{at}/options", most)
    for number, group in enumerate(groups or []):
        place = f"{at}/option_groups/{number}"
        yield from check_text(group.get("label"), f"{place}/label", most=75, is_plain=True)
        yield from _option_list(group.get("options") or [], f"{place}/options", most)
    known = [option.get("value") for option in _all_options(value)]
    initial = value.get("initial_option")
    if isinstance(initial, dict) and initial.get("value") not in known:
        yield f"must be one of the options [json-pointer:{at}/initial_option]"


def _all_options(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from value.get("options") or []
    for group in value.get("option_groups") or []:
        yield from group.get("options") or []


def _option_list(options: list[Any], at: str, most: int) -> Faults:
    if not 1 <= len(options) <= most:
        yield f"must have between 1 and {most} items [json-pointer:{at}]"
    for number, option in enumerate(options):
        place = f"{at}/{number}"
        yield from check_text(option.get("text"), f"{place}/text", most=75)
        if not option.get("value"):
            yield f"missing required field: value [json-pointer:{place}]"
        yield from length_fault(option.get("value", ""), f"{place}/value", 150)


def _confirm(value: Any, at: str) -> Faults:
    if not isinstance(value, dict):
        yield f"must be an object [json-pointer:{at}]"
        return
    for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        if name in value or name == "title":
            yield from check_text(value.get(name), f"{at}/{name}", most=most, is_plain=name != "text")
