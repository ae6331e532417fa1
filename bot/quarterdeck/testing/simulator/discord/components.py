"""Check components: rows, buttons, menus, inputs (docs "Component Reference" and OpenAPI, 2026-11-21)."""

from __future__ import annotations

import itertools
from typing import Any, Final

from quarterdeck.testing.simulator.discord.marks import flat
from quarterdeck.testing.simulator.discord.refusal import Form

ROW, BUTTON, MENU, INPUT = 1, 2, 3, 4
MENUS: Final = (3, 5, 6, 7, 8)
SECTION, SHOWN_TEXT, LABEL, UPLOAD = 9, 10, 18, 19
LINK, PREMIUM = 5, 6
ROWS: Final = 5
IN_A_ROW: Final = 5
IN_ALL: Final = 40  # with the newer components
LAYOUT: Final = (ROW, SECTION, SHOWN_TEXT, 12, 13, 14, 17)
IN_FORM: Final = (ROW, SHOWN_TEXT, LABEL)
IN_LABEL: Final = (INPUT, *MENUS, UPLOAD, 21, 22, 23)


def check_components(form: Form, value: object, *, newer: bool) -> list[dict[str, Any]]:
    """Return the components of a message; notes what Discord refuses."""
    components = form.items("components", value, IN_ALL if newer else ROWS)
    for at, component in enumerate(components):
        path = f"components.{at}"
        if not isinstance(component, dict):
            form.wrong(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            return []
        form.choice(f"{path}.type", component.get("type"), LAYOUT if newer else (ROW,))
        if component.get("type") == ROW:
            check_row(form, path, component)
    check_ids(form, components)
    return components


def numbered(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return components with a number each, counted from 1 where the bot gave none."""
    taken = {component["id"] for component in flat(components) if component.get("id")}
    free = (number for number in itertools.count(1) if number not in taken)
    for component in flat(components):
        component["id"] = component.get("id") or next(free)
    return components


def check_row(form: Form, path: str, row: dict[str, Any]) -> None:
    """Note what is wrong with a row: up to five buttons, or one menu."""
    inside = form.items(f"{path}.components", row.get("components"), IN_A_ROW, least=1)
    kinds = {one.get("type") if isinstance(one, dict) else None for one in inside}
    if kinds & set(MENUS) and len(inside) > 1:
        code = "COMPONENT_LAYOUT_WIDTH_EXCEEDED"
        form.wrong(f"{path}.components", code, "Each ActionRow can contain at most one select menu.")
    for at, one in enumerate(inside):
        place = f"{path}.components.{at}"
        if not isinstance(one, dict):
            form.wrong(place, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
            continue
        form.choice(f"{place}.type", one.get("type"), (BUTTON, *MENUS))
        if one.get("type") == BUTTON:
            check_button(form, place, one)
        elif one.get("type") in MENUS:
            check_menu(form, place, one)


def check_button(form: Form, path: str, button: dict[str, Any]) -> None:
    """Note what is wrong with a button."""
    style = button.get("style")
    form.choice(f"{path}.style", style, (1, 2, 3, 4, LINK, PREMIUM))
    form.text(f"{path}.label", button.get("label"), 80)
    if style == LINK:
        url = form.text(f"{path}.url", button.get("url"), 512, needed=True)
        if url and not url.startswith(("http://", "https://", "discord://")):
            form.wrong(
                f"{path}.url",
                "URL_TYPE_INVALID_SCHEME",
                f'Scheme "{url.partition(":")[0]}" is not supported.',
            )
        if button.get("custom_id"):
            form.wrong(
                path,
                "BUTTON_COMPONENT_CUSTOM_ID_URL_CONFLICT",
                "A custom id and url cannot both be specified",
            )
    elif style != PREMIUM:
        form.text(f"{path}.custom_id", button.get("custom_id"), 100, shortest=1, needed=True)
        if button.get("url"):
            form.wrong(
                path,
                "BUTTON_COMPONENT_CUSTOM_ID_URL_CONFLICT",
                "A custom id and url cannot both be specified",
            )
    if style != PREMIUM and not button.get("label") and not button.get("emoji"):
        form.wrong(path, "BUTTON_COMPONENT_INVALID_LABEL", "A button must have a label or an emoji")


def check_menu(form: Form, path: str, menu: dict[str, Any]) -> None:
    """Note what is wrong with a menu."""
    form.text(f"{path}.custom_id", menu.get("custom_id"), 100, shortest=1, needed=True)
    form.text(f"{path}.placeholder", menu.get("placeholder"), 150)
    least, most = menu.get("min_values", 1), menu.get("max_values", 1)
    if not isinstance(least, int) or not 0 <= least <= 25 or not isinstance(most, int) or not 1 <= most <= 25:
        form.wrong(path, "NUMBER_TYPE_MAX", "int value should be less than or equal to 25.")
    if menu.get("type") != MENU:
        return
    options = form.items(f"{path}.options", menu.get("options"), 25, least=1)
    values: set[str] = set()
    for at, option in enumerate(options):
        place = f"{path}.options.{at}"
        form.text(f"{place}.label", option.get("label"), 100, shortest=1, needed=True)
        form.text(f"{place}.description", option.get("description"), 100)
        value = form.text(f"{place}.value", option.get("value"), 100, shortest=1, needed=True)
        if value in values:
            form.wrong(
                f"{place}.value",
                "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                "The specified option value is already used",
            )
        values.add(value)


def check_ids(form: Form, components: list[dict[str, Any]]) -> None:
    """Note every custom id that stands there twice."""
    seen: set[str] = set()
    for component in flat(components):
        name = component.get("custom_id")
        if isinstance(name, str) and name in seen:
            code = "COMPONENT_CUSTOM_ID_DUPLICATED"
            form.wrong("components", code, "Component custom id cannot be duplicated")
        if isinstance(name, str):
            seen.add(name)


def check_form(form: Form, data: dict[str, Any]) -> None:
    """Note what is wrong with a form (a modal)."""
    form.text("data.custom_id", data.get("custom_id"), 100, shortest=1, needed=True)
    form.text("data.title", data.get("title"), 45, shortest=1, needed=True)
    parts = form.items("data.components", data.get("components"), 5, least=1)
    for at, part in enumerate(parts):
        path = f"data.components.{at}"
        form.choice(f"{path}.type", part.get("type"), IN_FORM)
        if part.get("type") == ROW:
            inside = form.items(f"{path}.components", part.get("components"), 1, least=1)
            for one in inside:
                form.choice(f"{path}.components.0.type", one.get("type"), (INPUT,))
                form.text(f"{path}.components.0.label", one.get("label"), 45, shortest=1, needed=True)
                check_input(form, f"{path}.components.0", one)
        elif part.get("type") == LABEL:
            form.text(f"{path}.label", part.get("label"), 45, shortest=1, needed=True)
            form.text(f"{path}.description", part.get("description"), 100)
            inner = part.get("component") or {}
            form.choice(f"{path}.component.type", inner.get("type"), IN_LABEL)
            if inner.get("type") == INPUT:
                check_input(form, f"{path}.component", inner)
            elif inner.get("type") in MENUS:
                check_menu(form, f"{path}.component", inner)
    check_ids(form, parts)


def check_input(form: Form, path: str, one: dict[str, Any]) -> None:
    """Note what is wrong with an input for text."""
    form.text(f"{path}.custom_id", one.get("custom_id"), 100, shortest=1, needed=True)
    form.choice(f"{path}.style", one.get("style"), (1, 2))
    form.text(f"{path}.placeholder", one.get("placeholder"), 100)
    form.text(f"{path}.value", one.get("value"), 4000)
    for name, least in (("min_length", 0), ("max_length", 1)):
        value = one.get(name)
        if value is not None and not (isinstance(value, int) and least <= value <= 4000):
            form.wrong(f"{path}.{name}", "NUMBER_TYPE_MAX", "int value should be less than or equal to 4000.")
