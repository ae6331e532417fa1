"""Evaluate `${ … }`: CEL over plain data, without macros, clock or side effects, bounded in all directions.

The text is read by `syntax.py`. What goes to the CEL library is written anew from the tree: paths and texts become
numbered variables, so it sees signs, numbers and functions of ours, never a word of the author's. Each value counts
once for every place where it stands, so work is bounded by `MAX_DATA` times the parts of the expression.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, Final

from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck_workflows.language.functions import FUNCTIONS, Unfit, shown
from quarterdeck_workflows.language.plain import has, kind_of, look_up, measure
from quarterdeck_workflows.language.syntax import read_expression
from quarterdeck_workflows.language.template import MAX_EXPRESSIONS, parts_of
from quarterdeck_workflows.language.tree import ExpressionError as ExpressionError
from quarterdeck_workflows.language.tree import Literal, Path
from quarterdeck_workflows.language.writing import Written, write

MAX_DATA: Final = 256 * 1024  # characters that one expression may look at; a list's item counts 16
MAX_FILLING: Final = 4 * MAX_DATA  # that all expressions of one template may look at together
MAX_RESULT: Final = 256 * 1024  # likewise, of one value and of one filled template
_UNDEFINED: Final = re.compile(r"Undefined variable or function: '([vh][0-9]+)'")
_REFUSALS: Final = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def evaluate(text: str, names: Mapping[str, Json]) -> Json:
    """Return the value of an expression over `names`. Pure: the same for the same arguments, always.

    Raises:
        ExpressionError: it is not in the language, names what is not there, or costs too much.
    """
    return _valued(text, names)[0]


def _valued(text: str, names: Mapping[str, Json]) -> tuple[Json, int]:
    """Return the value, and how much was looked at for it."""
    node = read_expression(text)
    if isinstance(node, Literal):
        return node.value, 0
    if isinstance(node, Path):
        value = look_up(node, names)
        return value, measure(value, MAX_RESULT)
    evaluation = _Evaluation(_compiled(text), names)
    return evaluation.value(), MAX_DATA - evaluation.left


def is_true(text: str, names: Mapping[str, Json]) -> bool:
    """Return what a condition says.

    Raises:
        ExpressionError: as `evaluate`; or its value is neither true nor false.
    """
    value = evaluate(text, names)
    if not isinstance(value, bool):
        raise ExpressionError(
            f"the condition is {shown(value)[:60]}, neither true nor false",
            hint="compare it, such as x == 'yes'",
        )
    return value


def fill(template: Json, names: Mapping[str, Json]) -> Json:
    """Return `template` with every `${ … }` in its texts replaced; keys of maps stay as they are.

    A text that is one whole `${ … }` becomes the value with its type; inside a longer text null is nothing, lists
    and maps are JSON. What was filled in is never read again. `$${` stands for `${`.

    Raises:
        ExpressionError: as `evaluate`; or the result is too large.
    """
    filled = _Filling(names).value(template)
    measure(filled, MAX_RESULT)
    return filled


class _Filling:
    """Fill one template; its expressions are counted."""

    def __init__(self, names: Mapping[str, Json]) -> None:
        self._names, self._expressions, self._left = names, 0, MAX_FILLING

    def value(self, template: Json) -> Json:
        if isinstance(template, str):
            return self._text(template) if "$" in template else template
        if isinstance(template, Mapping):
            return {key: self.value(inner) for key, inner in template.items()}
        if isinstance(template, list | tuple):
            return [self.value(inner) for inner in template]
        return template

    def _text(self, text: str) -> Json:
        parts = parts_of(text)
        filled: list[Json] = []
        for part in parts:
            filled.append(part if isinstance(part, str) else self._evaluated(part.expression, part.at))
        if len(parts) == 1:
            return filled[0]
        length = 0
        pieces = []
        for one in filled:
            pieces.append("" if one is None else shown(one))
            length += len(pieces[-1])
            if length > MAX_RESULT:
                raise ExpressionError(f"the text is longer than {MAX_RESULT} characters", hint="fill in less")
        return "".join(pieces)

    def _evaluated(self, expression: str, at: int) -> Json:
        self._expressions += 1
        if self._expressions > MAX_EXPRESSIONS:
            raise ExpressionError(
                f"there are more than {MAX_EXPRESSIONS} expressions in one place", hint="take several steps"
            )
        try:
            value, looked_at = _valued(expression, self._names)
        except ExpressionError as error:
            error.column = at + (error.column or 1)
            raise
        self._left -= looked_at
        if self._left < 0:
            raise ExpressionError(
                f"the expressions in one place look at more than {MAX_FILLING // 1024} KiB",
                hint="take several steps",
            )
        return value


@dataclass(frozen=True, slots=True)
class _Compiled:
    program: Any  # of the CEL library, which is loaded when first used
    written: Written


@lru_cache(maxsize=2000)
def _compiled(text: str) -> _Compiled:
    node = read_expression(text)
    written = write(node)
    try:
        program = _cel().compile(written.text)
    except _REFUSALS as error:
        raise ExpressionError("the expression cannot be read", hint="write it in a simpler way") from error
    return _Compiled(program, written)


class _Evaluation:
    """Evaluate one expression once; remembers the first thing that went wrong, which says more than the library."""

    def __init__(self, compiled: _Compiled, names: Mapping[str, Json]) -> None:
        self._compiled, self._names = compiled, names
        self.left = MAX_DATA
        self._failure: ExpressionError | None = None

    def value(self) -> Json:
        written = self._compiled.written
        context, missing = _cel().Context(), dict[str, ExpressionError]()
        for name, (path, count) in written.paths.items():
            try:
                value = look_up(path, self._names)
            except ExpressionError as error:
                missing[name] = error  # perhaps nobody needs it: `has(a.b) && a.b == 1`
                continue
            self._spend(value, count)
            context.add_variable(name, value)
        for name, asked in written.asked.items():
            assert isinstance(asked.of, Path)
            try:
                context.add_variable(name, has(asked.of, asked.key, self._names))
            except ExpressionError as error:
                missing[name] = error
        for name, text in written.texts.items():
            context.add_variable(name, text)
        for name in written.functions:
            run = FUNCTIONS[name].run
            if run is not None:
                context.add_function(f"f_{name}", self._guarded(name, run))
        return self._result(context, missing)

    def _result(self, context: object, missing: Mapping[str, ExpressionError]) -> Json:
        try:
            value: Json = self._compiled.program.execute(context)
        except _REFUSALS as error:
            unknown = _UNDEFINED.search(str(error))
            if self._failure is None and unknown and unknown[1] in missing:
                self._failure = missing[unknown[1]]
            raise self._failure or _explained(error) from error
        if self._failure is not None:
            raise self._failure
        measure(value, MAX_RESULT)
        return value

    def _guarded(self, name: str, run: Callable[..., Json]) -> Callable[..., Json]:
        """Wrap a function of ours: the library prints what is raised through it, so nothing is."""
        declared = FUNCTIONS[name]

        def guarded(*arguments: Json) -> Json:
            if self._failure is not None:
                return None
            try:
                for given, kinds in zip(arguments, declared.arguments, strict=False):
                    if kind_of(given) not in kinds:
                        raise Unfit(
                            f"{name} cannot take {kind_of(given)}", f"write such as {declared.example}"
                        )
                result = run(*arguments)
                self._spend(result, 1)
            except Unfit as error:
                self._failure = ExpressionError(error.message, hint=error.hint)
            except ExpressionError as error:
                self._failure = error
            else:
                return result
            return None

        return guarded

    def _spend(self, value: Json, count: int) -> None:
        self.left -= count * measure(value, MAX_DATA, is_exact=True)
        if self.left < 0:
            raise ExpressionError(
                f"the expression looks at more than {MAX_DATA // 1024} KiB",
                hint="name the part that is needed, or work on it with the action data.transform",
            )


def _explained(error: Exception) -> ExpressionError:
    """Say in our words what the library refused; its own may hold values."""
    match error:
        case TypeError():
            return ExpressionError(
                "the values do not fit together",
                hint="CEL never converts by itself: write double(x), int(x) or string(x) around one of them",
            )
        case ZeroDivisionError():
            return ExpressionError("it divides by zero", hint="ask before: x == 0 ? 0 : 1 / x")
        case OverflowError():
            return ExpressionError("a number grows beyond 64 bits", hint="work with double(x)")
        case IndexError():
            return ExpressionError("the list has no such place", hint="ask size() first")
        case KeyError():
            return ExpressionError("the map has no such key", hint="ask before: 'key' in map")
    if "parse error" in str(error):
        return ExpressionError("the text is no number", hint='ask before: x.matches("^[0-9]+$")')
    return ExpressionError("it cannot be worked out", hint="look at the values with a `set` step before it")


@cache
def _cel() -> ModuleType:
    """Load the library's extension alone: its package brings a command-line program with it, 0.4 s and 32 MB."""
    if "cel" not in sys.modules:
        spec = find_spec("cel")
        assert spec is not None
        sys.modules["cel"] = module_from_spec(spec)  # in name only: not executed
    return importlib.import_module("cel.cel")
