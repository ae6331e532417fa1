"""Write an expression anew for the CEL library: numbered variables, signs, numbers and functions, nothing else."""

from __future__ import annotations

from dataclasses import field

from quarterdeck.core.value import dataclass
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

METHODS = ("contains", "startsWith", "endsWith")  # the library has them as methods only


@dataclass(slots=True)
class Written:
    """Hold the new text and what its variables stand for; a path's number says in how many places it stands."""

    text: str = ""
    paths: dict[str, tuple[Path, int]] = field(default_factory=dict)
    asked: dict[str, Has] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)


def write(node: Node) -> Written:
    """Return `node` as the library shall read it."""
    writer = _Writer()
    writer.written.text = writer.of(node)
    return writer.written


class _Writer:
    def __init__(self) -> None:
        self.written = Written()
        self._numbers: dict[tuple[str | int, ...], str] = {}

    def of(self, node: Node) -> str:
        match node:
            case Literal():
                return self._literal(node)
            case Path():
                return self._path(node)
            case Has():
                return self._has(node)
            case Function():
                return self._function(node)
            case ListOf():
                return f"[{', '.join(map(self.of, node.items))}]"
            case MapOf():
                return (
                    "{" + ", ".join(f"{self.of(key)}: {self.of(value)}" for key, value in node.entries) + "}"
                )
            case _:
                return self._joined(node)

    def _joined(self, node: Index | Unary | Binary | Choice) -> str:
        match node:
            case Index():
                return f"({self.of(node.of)})[{self.of(node.key)}]"
            case Unary():
                return f"{node.sign}({self.of(node.of)})"
            case Binary():
                return f"({self.of(node.left)} {node.sign} {self.of(node.right)})"
            case Choice():
                return f"({self.of(node.condition)} ? {self.of(node.yes)} : {self.of(node.no)})"

    def _literal(self, node: Literal) -> str:
        match node.value:
            case None:
                return "null"
            case bool(truth):
                return "true" if truth else "false"
            case str(text):
                name = f"s{len(self.written.texts)}"
                self.written.texts[name] = text
                return name
            case number:
                return f"({number!r})"

    def _path(self, node: Path) -> str:
        name = self._numbers.setdefault(node.keys, f"v{len(self._numbers)}")
        _, count = self.written.paths.get(name, (node, 0))
        self.written.paths[name] = (node, count + 1)
        return name

    def _has(self, node: Has) -> str:
        if not isinstance(node.of, Path):
            return f"({self.of(Literal(node.key, node.at))} in ({self.of(node.of)}))"
        name = f"h{len(self.written.asked)}"
        self.written.asked[name] = node
        return name

    def _function(self, node: Function) -> str:
        self.written.functions.add(node.name)
        first, *rest = (self.of(one) for one in node.arguments)
        if node.name in METHODS:
            return f"({first}).{node.name}({', '.join(rest)})"
        name = node.name if FUNCTIONS[node.name].run is None else f"f_{node.name}"
        return f"{name}({', '.join((first, *rest))})"
