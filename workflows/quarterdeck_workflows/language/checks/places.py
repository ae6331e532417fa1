"""Collect problems with their places, and check expressions and templates on the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal

from quarterdeck.core.ports import Json
from quarterdeck.core.text import did_you_mean
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.documents.json_schema import fault_in
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck_workflows.language.checks.inference import Inference
from quarterdeck_workflows.language.checks.kinds import (
    ANYTHING,
    Kind,
    either,
    list_of,
    map_of,
    of_schema,
    of_value,
    plain,
)
from quarterdeck_workflows.language.checks.scope import Scope
from quarterdeck_workflows.language.checks.surroundings import Problem
from quarterdeck_workflows.language.refusal import as_written
from quarterdeck_workflows.language.syntax import read_expression
from quarterdeck_workflows.language.template import OPENING, Hole, parts_of
from quarterdeck_workflows.language.tree import ExpressionError
from quarterdeck_workflows.language.tree import Literal as Constant

SHOWN: Final = 60
TRUTH: Final = plain("boolean")


class Places:
    """Hold what was found in one file. `everywhere` are the ids of all steps, to tell "too early" from "nowhere"."""

    def __init__(self, located: yaml.Located, everywhere: Collection[str]) -> None:
        self._located, self._everywhere = located, everywhere
        self.problems: list[Problem] = []

    def add(
        self,
        message: str,
        keys: Keys,
        hint: str,
        *,
        at_key: bool = False,
        level: Literal["error", "warning"] = "error",
    ) -> None:
        """Note a problem at `keys`."""
        error = self._located.error(message, as_written(keys, self._located), hint=hint, at_key=at_key)
        self.problems.append(Problem(error=error, level=level))

    def unknown(
        self, what: str, name: str, known: Collection[str], keys: Keys, *, at_key: bool = False
    ) -> None:
        """Note that there is no such thing."""
        listed = f"there are {', '.join(sorted(known)[:12])}" if known else "there are none"
        self.add(f"there is no {what} {name!r}", keys, did_you_mean(name, known) or listed, at_key=at_key)

    def expression(self, text: str, scope: Scope, keys: Keys) -> Kind:
        """Check an expression and return the kind of its value."""
        shown = text.strip()[:SHOWN] + ("…" if len(text.strip()) > SHOWN else "")
        try:
            node = read_expression(text)
        except ExpressionError as error:
            self.add(f"`{shown}`: {error.message} (character {error.column or 1})", keys, error.hint)
            return ANYTHING
        inference = Inference(scope.names())
        kind = inference.kind(node)
        for mistake in inference.mistakes:
            message, hint = self._too_early(mistake.message, mistake.hint)
            self.add(f"`{shown}`: {message}", keys, hint)
        return kind

    def condition(self, text: str, scope: Scope, keys: Keys) -> bool | None:
        """Check a condition; return what it always is, None where that is open."""
        found = len(self.problems)
        kind = self.expression(text, scope, keys)
        if not kind.may_be("boolean") and len(self.problems) == found:
            self.add(
                f"the condition is {kind}", keys, "write what is true or false, such as inputs.env == 'prod'"
            )
        if len(self.problems) > found:
            return None
        node = read_expression(text)
        return node.value if isinstance(node, Constant) and isinstance(node.value, bool) else None

    def template(self, template: Json, scope: Scope, keys: Keys) -> Kind:
        """Check every expression in a template and return the kind of what it becomes."""
        if isinstance(template, str):
            return self._text(template, scope, keys)
        if isinstance(template, Mapping):
            return map_of({key: self.template(inner, scope, (*keys, key)) for key, inner in template.items()})
        if isinstance(template, list | tuple):
            return list_of(
                either([self.template(inner, scope, (*keys, at)) for at, inner in enumerate(template)])
            )
        return of_value(template)

    def fitting(self, template: Json, schema: Json, scope: Scope, keys: Keys) -> None:
        """Check a template against the JSON Schema of what it must become."""
        if isinstance(schema, Mapping) and isinstance(template, Mapping) and _is_object(schema):
            self._object(template, schema, scope, keys)
        elif _has_holes(template):
            self._filled(template, schema, scope, keys)
        elif isinstance(schema, Mapping):
            fault = fault_in(template, schema)
            if fault:
                self.add(f"{_spoken(keys)}: {fault}", keys, _wanted(schema))

    def _object(
        self, template: Mapping[str, Json], schema: Mapping[str, Json], scope: Scope, keys: Keys
    ) -> None:
        properties = schema.get("properties")
        known = properties if isinstance(properties, Mapping) else {}
        rest = schema.get("additionalProperties", True)
        for name, value in template.items():
            if name in known:
                self.fitting(value, known[name], scope, (*keys, name))
            elif rest is False:
                self.unknown("input", name, sorted(known), (*keys, name), at_key=True)
            else:
                self.fitting(value, rest if isinstance(rest, Mapping) else {}, scope, (*keys, name))
        required = schema.get("required")
        for name in required if isinstance(required, list | tuple) else ():
            if name not in template:
                about = known.get(str(name))
                described = str(about.get("description", "")) if isinstance(about, Mapping) else ""
                self.add(
                    f"the input {name!r} is missing",
                    keys,
                    f"add `{name}:`" + (f", {described}" if described else ""),
                )

    def _filled(self, template: Json, schema: Json, scope: Scope, keys: Keys) -> None:
        items = schema.get("items") if isinstance(schema, Mapping) else None
        if isinstance(template, list | tuple) and isinstance(items, Mapping):
            for at, inner in enumerate(template):
                self.fitting(inner, items, scope, (*keys, at))
            return
        kind, wanted = self.template(template, scope, keys), of_schema(schema)
        if kind.fits(wanted):
            return
        values = ", ".join(map(str, wanted.values))
        if kind.values and not kind.names.isdisjoint(wanted.names):
            given = ", ".join(map(str, kind.values))
            self.add(f"{_spoken(keys)} is one of {given}", keys, f"give one of {values}")
        else:
            self.add(f"{_spoken(keys)} is {kind}, and should be {wanted}", keys, _turned(wanted))

    def _text(self, text: str, scope: Scope, keys: Keys) -> Kind:
        if "$" not in text:
            return of_value(text)
        try:
            parts = parts_of(text)
        except ExpressionError as error:
            self.add(error.message, keys, error.hint)
            return ANYTHING
        kinds = [self.expression(part.expression, scope, keys) for part in parts if isinstance(part, Hole)]
        return kinds[0] if len(parts) == 1 and kinds else plain("string")

    def _too_early(self, message: str, hint: str) -> tuple[str, str]:
        name = message.removeprefix("there is no steps.")
        if name != message and name in self._everywhere:
            return (
                f"the step {name!r} does not run before this one, or is inside a loop",
                "take a step that is behind already; of a loop, steps.LOOP.output holds what came of each round",
            )
        if message.startswith("there is no vars."):
            return message.replace("there is no", "nothing sets"), "add a `set` step before this one"
        return message, hint


def _is_object(schema: Mapping[str, Json]) -> bool:
    return "properties" in schema or schema.get("type") == "object"


def _has_holes(template: Json) -> bool:
    if isinstance(template, str):
        return OPENING in template
    if isinstance(template, Mapping):
        return any(map(_has_holes, template.values()))
    return isinstance(template, list | tuple) and any(map(_has_holes, template))


def _spoken(keys: Keys) -> str:
    return str(next((key for key in reversed(keys) if isinstance(key, str)), "it"))


def _wanted(schema: Mapping[str, Json]) -> str:
    described = str(schema.get("description", ""))
    return f"it is {described[:1].lower()}{described[1:]}" if described else f"write {of_schema(schema)}"


def _turned(wanted: Kind) -> str:
    if wanted.may_be("string"):
        return "write string(x), or text around it"
    return f"give {wanted}"
