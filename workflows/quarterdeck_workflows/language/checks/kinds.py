"""Know what kind of value something has, as far as it can be known before a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Final

from quarterdeck.core.command import Option
from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.functions import ANY as ALL
from quarterdeck_workflows.language.plain import kind_of

DEPTH: Final = 12
_NAMES: Final = {"object": "map", "array": "list"}
_SPOKEN: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number with a fraction",
    "boolean": "true or false",
    "null": "null",
    "list": "a list",
    "map": "a map",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Hold which kinds a value may have. A `closed` map has the `fields` and no others; `values` are all there are."""

    names: frozenset[str] = ALL
    fields: Mapping[str, Kind] = field(default_factory=dict)
    closed: bool = False
    items: Kind | None = None
    values: tuple[Json, ...] = ()

    def __str__(self) -> str:
        if self.names == ALL:
            return "anything"
        return " or ".join(_SPOKEN[name] for name in sorted(self.names - {"null"}) or ["null"])

    def may_be(self, *names: str) -> bool:
        """Tell whether the value may have one of these kinds."""
        return not self.names.isdisjoint(names)

    def fits(self, wanted: Kind) -> bool:
        """Tell whether the value may go where `wanted` is expected; a whole number goes for a number."""
        names = wanted.names | ({"integer"} if "number" in wanted.names else frozenset())
        has_value = not (self.values and wanted.values) or any(
            value in wanted.values for value in self.values
        )
        return not self.names.isdisjoint(names) and has_value

    def or_null(self) -> Kind:
        """Return the same, or null."""
        return Kind(
            names=self.names | {"null"}, fields=self.fields, closed=self.closed, items=self.items, values=()
        )


ANYTHING: Final = Kind()


def plain(*names: str) -> Kind:
    """Return the kind that has these names and nothing more."""
    return Kind(names=frozenset(names))


def map_of(fields: Mapping[str, Kind]) -> Kind:
    """Return the kind of a map with these fields and no others."""
    return Kind(names=frozenset({"map"}), fields=dict(fields), closed=True)


def list_of(items: Kind | None) -> Kind:
    """Return the kind of a list."""
    return Kind(names=frozenset({"list"}), items=items)


def either(kinds: Sequence[Kind]) -> Kind:
    """Return the kind of a value that has one of `kinds`."""
    if not kinds:
        return ANYTHING
    if all(kind == kinds[0] for kind in kinds):
        return kinds[0]
    maps = [kind for kind in kinds if "map" in kind.names]
    names = frozenset[str]().union(*(kind.names for kind in kinds))
    has_values = all(kind.values for kind in kinds)
    values = tuple(value for kind in kinds for value in kind.values) if has_values else ()
    if len(maps) == 1:
        return Kind(
            names=names, fields=maps[0].fields, closed=maps[0].closed, items=maps[0].items, values=values
        )
    return Kind(names=names, values=values)


def of_value(value: Json) -> Kind:
    """Return the kind of a value that is known."""
    if isinstance(value, Mapping):
        return map_of({key: of_value(inner) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return list_of(either([of_value(inner) for inner in value]))
    return Kind(names=frozenset({kind_of(value)}), values=(value,))


def of_schema(schema: Json, depth: int = 0) -> Kind:
    """Return the kind that a JSON Schema describes; what it says in other ways counts as anything."""
    if not isinstance(schema, Mapping) or not schema or depth > DEPTH or "$ref" in schema:
        return ANYTHING
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        if isinstance(branches, list | tuple) and branches:
            return either([of_schema(branch, depth + 1) for branch in branches])
    if "const" in schema:
        return of_value(schema["const"])
    names = _names(schema.get("type"))
    properties = schema.get("properties")
    fields = properties if isinstance(properties, Mapping) else {}
    values = schema.get("enum")
    return Kind(
        names=names,
        fields={name: of_schema(inner, depth + 1) for name, inner in fields.items()},
        closed=schema.get("additionalProperties") is False,
        items=of_schema(schema["items"], depth + 1) if "items" in schema else None,
        values=tuple(values) if isinstance(values, list | tuple) else (),
    )


def of_option(option: Option) -> Kind:
    """Return the kind of an input's value in expressions; times are text there, durations are seconds."""
    names = {"integer": "integer", "number": "number", "duration": "number", "boolean": "boolean"}
    kind = Kind(
        names=frozenset({names.get(option.kind, "string")}),
        values=option.choices if option.kind == "choice" else (),
    )
    return (
        kind
        if option.required or option.default is not None
        else Kind(names=kind.names | {"null"}, values=())
    )


def _names(written: Json) -> frozenset[str]:
    given = [written] if isinstance(written, str) else written
    if not isinstance(given, list | tuple):
        return ALL
    names = frozenset(_NAMES.get(str(one), str(one)) for one in given) & ALL
    return names | {"integer"} if "number" in names else names
