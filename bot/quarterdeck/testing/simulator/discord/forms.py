"""Show a form (a modal) to a person, and fill it in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quarterdeck.testing.simulator.platform import SeenForm

TEXT, UPLOAD = 4, 19
MENUS = {3: "select", 5: "user", 6: "role", 7: "mentionable", 8: "channel"}
Inputs = Iterator[tuple[str, dict[str, Any]]]


def inputs_of(form: Mapping[str, Any]) -> Inputs:
    """Yield the inputs of a form with their labels."""
    for part in form["components"]:
        if part["type"] == 18:
            yield part["label"], part["component"]
        elif part["type"] == 1:
            for one in part["components"]:
                yield one["label"], one


def seen_form(form: Mapping[str, Any]) -> SeenForm:
    """Return a form as a person sees it: of each input its kind, then its choices."""
    inputs: dict[str, tuple[str, ...]] = {}
    for label, one in inputs_of(form):
        if one["type"] == TEXT:
            inputs[label] = ("paragraph" if one.get("style") == 2 else "text",)
        else:
            choices = tuple(str(option["label"]) for option in one.get("options") or ())
            inputs[label] = (MENUS.get(one["type"], "file" if one["type"] == UPLOAD else "choice"), *choices)
    return SeenForm(title=form["title"], inputs=inputs)


def filled(form: Mapping[str, Any], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the components of a form that was filled in by label.

    Raises:
        LookupError: it has no such input.
        ValueError: the client does not let it be sent.
    """
    labels = [label for label, _ in inputs_of(form)]
    for label in values:
        if label not in labels:
            raise LookupError(f"the form has no {label!r}; it has {labels}")
    components: list[dict[str, Any]] = []
    for part in form["components"]:
        if part["type"] == 18:
            inner = answered(part["label"], part["component"], values.get(part["label"], ""))
            components.append({"type": 18, "id": len(components) + 1, "component": inner})
        elif part["type"] == 1:
            inside = [answered(one["label"], one, values.get(one["label"], "")) for one in part["components"]]
            components.append({"type": 1, "id": len(components) + 1, "components": inside})
    return components


def answered(label: str, one: Mapping[str, Any], value: str) -> dict[str, Any]:
    """Return one input with what was filled in.

    Raises:
        ValueError: it is too short, too long, missing, or no choice.
    """
    base = {"type": one["type"], "id": one.get("id", 1), "custom_id": one["custom_id"]}
    needed = one.get("required") is not False
    if one["type"] == TEXT:
        value = value or str(one.get("value") or "")
        least, most = one.get("min_length") or (1 if needed else 0), one.get("max_length") or 4000
        if (value or needed) and not least <= len(value) <= most:
            raise ValueError(f"{label!r} takes {least} to {most} characters, these are {len(value)}")
        return base | {"value": value}
    options = {str(option["label"]): option["value"] for option in one.get("options") or ()}
    if not value and not needed:
        return base | {"values": []}
    if options and value not in options and value not in options.values():
        raise ValueError(f"{label!r} takes one of {list(options)}")
    return base | {"values": [options.get(value, value)]}
