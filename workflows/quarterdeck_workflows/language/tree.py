"""Hold an expression as a tree: the part of CEL that workflows have, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass


class ExpressionError(SetupError):
    """Say what is wrong with an expression, or with the values it met; `column` counts from 1 within its text."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Hold a value that was written out."""

    value: bool | int | float | str | None
    at: int


@dataclass(frozen=True, slots=True)
class Path:
    """Stand for plain data: a name, then fields and places in lists, all of them written out."""

    keys: tuple[str | int, ...]  # the first is the name
    at: int

    def __str__(self) -> str:
        first, *rest = self.keys
        return str(first) + "".join(f".{key}" if is_word(key) else f"[{key!r}]" for key in rest)


@dataclass(frozen=True, slots=True)
class Has:
    """Ask whether a map has a field."""

    of: Node
    key: str
    at: int


@dataclass(frozen=True, slots=True)
class Index:
    """Take one item of a list or map, by a value or out of a value that was worked out."""

    of: Node
    key: Node
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    """Turn one value round: `!` or `-`."""

    sign: str
    of: Node
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Join two values."""

    sign: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Take one of two: `condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node
    at: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """Make a list."""

    items: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class MapOf:
    """Make a map."""

    entries: tuple[tuple[Node, Node], ...]
    at: int


@dataclass(frozen=True, slots=True)
class Function:
    """Call a function; of `x.f(y)` the first argument is x."""

    name: str
    arguments: tuple[Node, ...]
    at: int


Node = Literal | Path | Has | Index | Unary | Binary | Choice | ListOf | MapOf | Function


def is_word(key: str | int) -> bool:
    """Tell whether `key` may stand after a dot."""
    return isinstance(key, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) is not None


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written down: no lone half of a surrogate pair is in it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes right below."""
    match node:
        case Has():
            yield node.of
        case Index():
            yield from (node.of, node.key)
        case Unary():
            yield node.of
        case Binary():
            yield from (node.left, node.right)
        case Choice():
            yield from (node.condition, node.yes, node.no)
        case ListOf():
            yield from node.items
        case MapOf():
            for entry in node.entries:
                yield from entry
        case Function():
            yield from node.arguments
        case _:
            pass


def every_node(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    for one in children(node):
        yield from every_node(one)


def depth_of(node: Node) -> int:
    """Return how many nodes lie on the longest way down, itself included."""
    return 1 + max(map(depth_of, children(node)), default=0)
