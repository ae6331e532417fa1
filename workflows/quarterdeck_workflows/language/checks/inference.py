"""Work out the kind of an expression's value, and what in it can never be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.checks.kinds import (
    ANYTHING,
    Kind,
    either,
    list_of,
    map_of,
    of_value,
    plain,
)
from quarterdeck_workflows.language.functions import FUNCTIONS
from quarterdeck_workflows.language.tree import (
    Binary,
    Choice,
    Function,
    Has,
    Index,
    ListOf,
    Literal,
    MapOf,
    Node,
    Path,
    Unary,
)

NUMBERS: Final = ("integer", "number")
TRUTH: Final = plain("boolean")
JOINED: Final = {
    "+": ("integer", "number", "string", "list"),
    "-": NUMBERS,
    "*": NUMBERS,
    "/": NUMBERS,
    "%": ("integer",),
}
ORDERED: Final = ("integer", "number", "string", "boolean")


@dataclass(frozen=True, slots=True)
class Mistake:
    """Hold what can never be right, and what to write."""

    message: str
    hint: str


class Inference:
    """Walk one expression over the kinds of the names in scope; `mistakes` holds what was found."""

    def __init__(self, names: Mapping[str, Kind]) -> None:
        self._names = names
        self.mistakes: list[Mistake] = []

    def kind(self, node: Node) -> Kind:
        """Return the kind of a node's value."""
        match node:
            case Literal():
                return of_value(node.value)
            case Path():
                return self._path(node)
            case Has():
                self._field(self.kind(node.of), node.key, "the value", checks_name=False)
                return TRUTH
            case Index():
                return self._index(node)
            case Unary():
                return self._unary(node)
            case Choice():
                self._needs_truth(self.kind(node.condition), "the condition before `?`")
                return either([self.kind(node.yes), self.kind(node.no)])
            case _:
                return self._made(node)

    def _made(self, node: Binary | ListOf | MapOf | Function) -> Kind:
        match node:
            case Binary():
                return self._binary(node)
            case ListOf():
                return list_of(either([self.kind(item) for item in node.items]))
            case MapOf():
                fields = {}
                for key, value in node.entries:
                    self.kind(key)
                    kind = self.kind(value)
                    if isinstance(key, Literal) and isinstance(key.value, str):
                        fields[key.value] = kind
                return map_of(fields) if len(fields) == len(node.entries) else plain("map")
            case Function():
                return self._function(node)

    def _path(self, path: Path) -> Kind:
        first, *rest = path.keys
        name = str(first)
        if name not in self._names:
            known = sorted(self._names)
            self._add(f"there is no {name}", did_you_mean(name, known) or f"known here: {', '.join(known)}")
            return ANYTHING
        kind, spoken = self._names[name], name
        for key in rest:
            kind = self._item(kind, spoken) if isinstance(key, int) else self._field(kind, key, spoken)
            spoken = f"{spoken}[{key}]" if isinstance(key, int) else f"{spoken}.{key}"
        return kind

    def _field(self, kind: Kind, key: str, spoken: str, *, checks_name: bool = True) -> Kind:
        if not kind.may_be("map"):
            self._add(f"{spoken} is {kind}, so it has no {key}", "check the path")
            return ANYTHING
        if key in kind.fields:
            return kind.fields[key]
        if kind.closed and checks_name:
            known = sorted(kind.fields)
            has = f"{spoken} has {', '.join(known)}" if known else f"{spoken} has nothing yet"
            self._add(f"there is no {spoken}.{key}", did_you_mean(key, known) or has)
        return ANYTHING

    def _item(self, kind: Kind, spoken: str) -> Kind:
        if not kind.may_be("list"):
            self._add(f"{spoken} is {kind}, so it has no items", "check the path")
            return ANYTHING
        return kind.items or ANYTHING

    def _index(self, node: Index) -> Kind:
        of, key = self.kind(node.of), self.kind(node.key)
        if not of.may_be("list", "map"):
            self._add(f"{of} has no items", "check the path")
        elif isinstance(node.key, Literal) and isinstance(node.key.value, str):
            return self._field(of, node.key.value, "the map")
        elif of.may_be("list") and not of.may_be("map"):
            if not key.may_be("integer"):
                self._add(f"a list's item is asked for by {key}", "write a whole number")
            return of.items or ANYTHING
        return ANYTHING

    def _unary(self, node: Unary) -> Kind:
        of = self.kind(node.of)
        if node.sign == "!":
            self._needs_truth(of, "what stands after `!`")
            return TRUTH
        if not of.may_be(*NUMBERS):
            self._add(f"`-` cannot turn {of} round", "write a number")
        return Kind(names=of.names & frozenset(NUMBERS) or frozenset(NUMBERS))

    def _binary(self, node: Binary) -> Kind:
        left, right, sign = self.kind(node.left), self.kind(node.right), node.sign
        if sign in ("&&", "||"):
            self._needs_truth(left, f"what stands before `{sign}`")
            self._needs_truth(right, f"what stands after `{sign}`")
        elif sign in JOINED:
            return self._joined(sign, left, right)
        elif sign == "in":
            if not right.may_be("list", "map"):
                self._add(f"`in` looks into {right}", 'write a list, such as ["staging", "prod"]')
        elif sign in ("==", "!="):
            self._compared(node, left, right)
        else:
            is_numeric = left.may_be(*NUMBERS) and right.may_be(*NUMBERS)
            if not is_numeric and not (left.names & right.names & frozenset(ORDERED)):
                self._add(f"`{sign}` compares {left} with {right}", _convert(left, right))
        return TRUTH

    def _joined(self, sign: str, left: Kind, right: Kind) -> Kind:
        both = left.names & right.names & frozenset(JOINED[sign])
        if not both:
            self._add(f"`{sign}` joins {left} and {right}", _convert(left, right))
        return Kind(names=both or frozenset(JOINED[sign]))

    def _compared(self, node: Binary, left: Kind, right: Kind) -> None:
        is_numeric = left.may_be(*NUMBERS) and right.may_be(*NUMBERS)
        if {"null"} in (left.names, right.names):
            return  # asking whether something is null does no harm
        if not is_numeric and left.names.isdisjoint(right.names):
            self._add(
                f"`{node.sign}` compares {left} with {right}, which are never the same", _convert(left, right)
            )
        elif left.values and right.values and not any(value in right.values for value in left.values):
            one, other = (left, right) if len(left.values) > 1 else (right, left)
            known = ", ".join(map(repr, one.values))
            near = did_you_mean(str(other.values[0]), [str(value) for value in one.values])
            self._add(f"it can never be {other.values[0]!r}", near or f"it is one of {known}")

    def _function(self, node: Function) -> Kind:
        declared = FUNCTIONS[node.name]
        for at, (given, wanted) in enumerate(zip(node.arguments, declared.arguments, strict=False), start=1):
            kind = self.kind(given)
            if kind.names.isdisjoint(wanted):
                self._add(
                    f"{node.name}() cannot take {kind} as its value {at}", f"write such as {declared.example}"
                )
        return Kind(names=declared.result)

    def _needs_truth(self, kind: Kind, what: str) -> None:
        if not kind.may_be("boolean"):
            self._add(f"{what} is {kind}, and should be true or false", "compare it, such as x == 'yes'")

    def _add(self, message: str, hint: str) -> None:
        self.mistakes.append(Mistake(message, hint))


def _convert(left: Kind, right: Kind) -> str:
    kinds = (left.names | right.names) - {"null"}
    if "string" in kinds:
        return "write string(x) around what is no text"
    if {"integer", "number"} <= kinds:
        return "write double(x) around the whole number"
    return "compare values of one kind"
