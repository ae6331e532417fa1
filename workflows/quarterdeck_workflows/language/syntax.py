"""Read the text of an expression into its tree, bounded in length, parts and depth.

Left out of CEL on purpose: macros (they make an expression cost more than its length), bytes, unsigned numbers, times,
types, messages, comments. What is evaluated is written anew from the tree, so no other reader sees the author's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NoReturn

from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.functions import FUNCTIONS
from quarterdeck_workflows.language.tree import (
    Binary,
    Choice,
    ExpressionError,
    Function,
    Has,
    Index,
    ListOf,
    Literal,
    MapOf,
    Node,
    Path,
    Unary,
    depth_of,
    is_unicode,
)

MAX_LENGTH: Final = 4096  # characters of one expression
MAX_NODES: Final = 200
MAX_DEPTH: Final = 32
MACROS: Final = (
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "fold",
    "map",
    "reduce",
    "transformList",
)
LEVELS: Final = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_INT64: Final = 2**63

_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<float>[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)
    | (?P<int>0[xX][0-9a-fA-F]+|[0-9]+)
    | (?P<raw>r"[^"\n]*"|r'[^'\n]*')
    | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\'\"`?])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S
)
_LETTERS: Final = dict(zip("abfnrtv\\'\"`?", "\a\b\f\n\r\t\v\\'\"`?", strict=True))
_WORDS: Final = {"true": True, "false": False, "null": None}


@lru_cache(maxsize=2000)
def read_expression(text: str) -> Node:
    """Return the tree of an expression.

    Raises:
        ExpressionError: it is not in the language, or too long, large or deep.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text)} characters; {MAX_LENGTH} are the most",
            hint="take steps before it: `set` keeps a value, data.transform works on lists",
        )
    if not is_unicode(text):
        raise ExpressionError("the expression holds half a character", hint="write whole characters")
    return _Reader(text).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


class _Reader:
    """Descend by precedence; depth and number of nodes are counted on the way."""

    def __init__(self, text: str) -> None:
        self._text, self._nodes, self._depth = text, 0, 0
        self._tokens = list(self._split())
        self._next = 0

    def whole(self) -> Node:
        node = self._choice()
        if self._token.kind != "end":
            self._fail(f"`{self._token.text}` does not fit here", "join values with +, ==, && and the like")
        if depth_of(node) > MAX_DEPTH:
            raise self._too_deep(0)
        return node

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _split(self) -> Iterator[_Token]:
        at = 0
        while True:
            found = _TOKEN.match(self._text, at)
            if found is None:
                rest = self._text[at:].lstrip(" \t\r\n")
                raise self._error(len(self._text) - len(rest), *_unreadable(rest))
            kind = str(found.lastgroup)
            yield _Token(kind, found[kind], found.start(kind))
            if kind == "end":
                return
            at = found.end()

    def _take(self, *signs: str) -> _Token | None:
        token = self._token
        if token.text in signs and token.kind in ("sign", "word"):
            self._next += 1
            return token
        return None

    def _need(self, sign: str) -> None:
        if self._take(sign) is None:
            shown = f"`{self._token.text}`" if self._token.text else "the end"
            self._fail(f"{shown} where `{sign}` should be", "check the brackets")

    def _choice(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._too_deep(self._token.at)
        node = self._binary(1)
        if mark := self._take("?"):
            yes = self._choice()
            self._need(":")
            node = self._made(Choice(node, yes, self._choice(), mark.at))
        self._depth -= 1
        return node

    def _binary(self, level: int) -> Node:
        node = self._unary()
        while self._token.kind in ("sign", "word") and LEVELS.get(self._token.text, 0) >= level:
            sign = self._token
            self._next += 1
            right = self._binary(LEVELS[sign.text] + 1)
            node = self._made(Binary(sign.text, node, right, sign.at))
        return node

    def _unary(self) -> Node:
        signs = []
        while sign := self._take("!", "-"):
            signs.append(sign)
        node = self._postfix(is_negative=bool(signs) and signs[-1].text == "-")
        if signs and signs[-1].text == "-" and isinstance(node, Literal) and type(node.value) in (int, float):
            assert isinstance(node.value, int | float)
            node = Literal(-node.value, signs.pop().at)
        for sign in reversed(signs):
            node = self._made(Unary(sign.text, node, sign.at))
        return node

    def _postfix(self, *, is_negative: bool) -> Node:
        node = self._primary(is_negative=is_negative)
        while sign := self._take(".", "["):
            node = self._field(node) if sign.text == "." else self._item(node, sign.at)
        return node

    def _field(self, of: Node) -> Node:
        name = self._token
        if name.kind != "word":
            self._fail("a name must follow the dot", "write other keys in brackets: headers['x-id']")
        self._next += 1
        if self._take("("):
            return self._called(name, (of,))
        return self._below(of, name.text, name.at)

    def _item(self, of: Node, at: int) -> Node:
        key = self._choice()
        self._need("]")
        is_place = isinstance(key, Literal) and isinstance(key.value, int) and not isinstance(key.value, bool)
        if isinstance(key, Literal) and (is_place or isinstance(key.value, str)):
            assert isinstance(key.value, int | str)
            return self._below(of, key.value, at)
        return self._made(Index(of, key, at))

    def _below(self, of: Node, key: str | int, at: int) -> Node:
        if isinstance(of, Path):
            return Path((*of.keys, key), of.at)
        return self._made(Index(of, Literal(key, at), at))

    def _primary(self, *, is_negative: bool) -> Node:
        token = self._token
        self._next += 1
        match token.kind, token.text:
            case "int", digits:
                return self._made(Literal(self._integer(digits, token.at, is_negative), token.at))
            case "float", digits:
                value = float(digits)
                if value == float("inf"):
                    raise self._error(token.at, "the number is too large", "write a smaller one")
                return self._made(Literal(value, token.at))
            case "raw", quoted:
                return self._made(Literal(quoted[2:-1], token.at))
            case "text", quoted:
                return self._made(Literal(self._unescaped(quoted[1:-1], token.at), token.at))
            case "word", word:
                return self._word(token, word)
            case "sign", "(":
                inside = self._choice()
                self._need(")")
                return inside
            case "sign", "[":
                return self._made(ListOf(tuple(self._items("]")), token.at))
            case "sign", "{":
                return self._made(MapOf(tuple(self._entries()), token.at))
        shown = f"`{token.text}` where a value should be" if token.text else "a value is missing at the end"
        hint = 'write a name, a number, or text in quotes, such as inputs.env == "prod"'
        raise self._error(token.at, shown, hint)

    def _word(self, token: _Token, word: str) -> Node:
        if word in _WORDS:
            return self._made(Literal(_WORDS[word], token.at))
        if word == "in":
            self._fail("`in` where a value should be", 'write such as inputs.env in ["staging", "prod"]')
        if self._take("("):
            return self._called(token, ())
        return self._made(Path((word,), token.at))

    def _called(self, name: _Token, before: tuple[Node, ...]) -> Node:
        if name.text in MACROS:
            raise self._error(
                name.at,
                f"`{name.text}` is a macro, and there are none here",
                "work on lists with the action data.transform, or with for_each",
            )
        arguments = (*before, *self._items(")"))
        if name.text == "has":
            return self._has(name, arguments)
        if name.text not in FUNCTIONS:
            near = did_you_mean(name.text, FUNCTIONS)
            raise self._error(
                name.at,
                f"there is no function `{name.text}`",
                near or f"there are {', '.join(sorted(FUNCTIONS))}",
            )
        declared = FUNCTIONS[name.text]
        needed = len(declared.arguments) if declared.needed is None else declared.needed
        if not needed <= len(arguments) <= len(declared.arguments):
            raise self._error(
                name.at, f"`{name.text}` has {len(arguments)} arguments", f"write such as {declared.example}"
            )
        return self._made(Function(name.text, arguments, name.at))

    def _has(self, name: _Token, arguments: tuple[Node, ...]) -> Node:
        match arguments:
            case (Path(keys=(*above, str(key)), at=at),) if above:
                return self._made(Has(Path(tuple(above), at), key, name.at))
            case (Index(of=of, key=Literal(value=str(key))),):
                return self._made(Has(of, key, name.at))
        raise self._error(name.at, "`has` asks for a field", "write such as has(trigger.body.id)")

    def _items(self, end: str) -> Iterator[Node]:
        while not self._take(end):
            yield self._choice()
            if not self._take(","):
                self._need(end)
                return

    def _entries(self) -> Iterator[tuple[Node, Node]]:
        while not self._take("}"):
            key = self._choice()
            self._need(":")
            yield key, self._choice()
            if not self._take(","):
                self._need("}")
                return

    def _integer(self, digits: str, at: int, is_negative: bool) -> int:
        value = int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits[:40])
        if value > _INT64 - (not is_negative):
            raise self._error(at, "the number is too large", "write one that fits 64 bits")
        return value

    def _unescaped(self, text: str, at: int) -> str:
        def letter(found: re.Match[str]) -> str:
            if found[1]:
                return _LETTERS[found[1]]
            digits = found[2] or found[3] or found[4]
            code = int(digits, 16) if digits else -1
            if not 0 <= code <= 0x10FFFF or 0xD800 <= code < 0xE000:
                raise self._error(at, f"`{found[0]}` stands for no character", "write a backslash as \\\\")
            return chr(code)

        return _ESCAPE.sub(letter, text)

    def _made(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._error(
                node.at,
                f"the expression has more than {MAX_NODES} parts",
                "keep parts of it with `set` before",
            )
        return node

    def _too_deep(self, at: int) -> ExpressionError:
        return self._error(
            at,
            f"the expression is nested deeper than {MAX_DEPTH} levels",
            "keep parts of it with `set` before",
        )

    def _fail(self, message: str, hint: str) -> NoReturn:
        raise self._error(self._token.at, message, hint)

    def _error(self, at: int, message: str, hint: str) -> ExpressionError:
        return ExpressionError(message, hint=hint, column=at + 1)


def _unreadable(rest: str) -> tuple[str, str]:
    """Say why no token begins here, and what to write."""
    letter = rest[0]
    if letter in "\"'":
        return "text is not closed", f"close it with {letter} in the same line; a line break is written \\n"
    if letter == "=":
        return "`=` is no sign", "compare with =="
    if letter in "&|":
        return f"`{letter}` is no sign", f"write {letter * 2}"
    if letter == "`":
        return "` is no sign", "write other keys in brackets: headers['x-id']"
    return f"{letter!a} cannot be read", "put text in quotes"
