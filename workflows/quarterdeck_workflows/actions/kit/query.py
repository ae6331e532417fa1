"""Evaluate JMESPath within bounds: steps, time, and the size of everything that comes out on the way.

A short expression can ask for a result that doubles at each step (`[@,@]|[@,@]|…`). What is shared inside is small in
memory and endless once it is written out, so every result on the way is weighed as if it were written out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.core.errors import UsageError

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

LONGEST: Final = 2_000  # characters of an expression
STEPS: Final = 1_000_000
TIME_S: Final = 2.0
WEIGHT: Final = 4_000_000  # values, keys and characters of one result, written out
LOOK_EVERY: Final = 256  # steps
LANGUAGE: Final = "jmespath.org shows the language"


def search(expression: str, value: Json) -> Json:
    """Return what the expression makes of plain JSON.

    Raises:
        UsageError: it is no JMESPath, fits the value badly, or asks for too much.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    if len(expression) > LONGEST:
        raise UsageError(
            f"the expression is longer than {LONGEST} characters", hint="use several data.transform steps"
        )
    try:
        compiled = jmespath.compile(expression)
        found: Json = _interpreter().visit(compiled.parsed, value)
    except JMESPathError as error:
        words = " ".join(str(error).split())[:300]
        raise UsageError(f"the expression does not work: {words}", hint=LANGUAGE) from error
    except RecursionError as error:
        raise UsageError(
            "the expression is nested too deeply", hint="use several data.transform steps"
        ) from error
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        AttributeError,
    ) as error:  # functions of the library, on odd values
        raise UsageError(
            f"the expression does not fit the value: {str(error)[:200]}", hint=LANGUAGE
        ) from error
    return found


class _Scale:
    """Weigh plain JSON as if it were written out: what stands in two places counts twice, and is looked at once."""

    def __init__(self) -> None:
        self._known: dict[
            int, tuple[object, int]
        ] = {}  # by id; the value is kept, so that its id stays its own

    def weigh(self, value: object) -> int:
        """Return how many values, keys and characters there are."""
        if isinstance(value, str):
            return 1 + len(value)
        if not isinstance(value, (list, dict)) or not value:
            return 1
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        items = value.values() if isinstance(value, dict) else value
        names = sum(map(len, value)) if isinstance(value, dict) else 0
        weight = 1 + names + sum(self.weigh(one) for one in items)
        self._known[id(value)] = (value, weight)
        return weight


def _interpreter() -> Any:
    """Return an interpreter of the library's that counts and weighs."""
    from jmespath import functions
    from jmespath.visitor import Options, TreeInterpreter

    class Functions(functions.Functions):  # type: ignore[misc]  # the library has no types
        @functions.signature({"types": ["string"]}, {"types": ["array-string"]})  # type: ignore[untyped-decorator]
        def _func_join(self, separator: str, array: list[str]) -> str:
            """Join texts: the only function whose result may be a product of what it is given."""
            if len(separator) * len(array) + sum(map(len, array)) > WEIGHT:
                raise _too_much("makes too large a result")
            return separator.join(array)

    class Bounded(TreeInterpreter):  # type: ignore[misc]  # the library has no types
        def __init__(self) -> None:
            super().__init__(Options(custom_functions=Functions()))
            self._steps, self._until_s = 0, time.monotonic() + TIME_S
            self._scale = _Scale()

        def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
            self._steps += 1
            is_late = self._steps % LOOK_EVERY == 0 and time.monotonic() > self._until_s
            if is_late or self._steps > STEPS:
                raise _too_much("takes too long")
            result = super().visit(node, *args, **kwargs)
            if self._scale.weigh(result) > WEIGHT:
                raise _too_much("makes too large a result")
            return result

    return Bounded()


def _too_much(what: str) -> UsageError:
    return UsageError(
        f"the expression {what}", hint="filter first, and split it over several data.transform steps"
    )
