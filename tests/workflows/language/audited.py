"""Evaluate what is hostile under an audit hook, in a process of its own; print what was seen as JSON.

python audited.py SEED COUNT
"""

from __future__ import annotations

import json
import sys
from dataclasses import is_dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hostile import NAMES, fuzzed, hostile

from quarterdeck_workflows.language.expression import ExpressionError, evaluate

WATCHED = (
    "open",
    "exec",
    "compile",
    "import",
    "socket.",
    "subprocess.",
    "os.",
    "ctypes.",
    "code.",
    "pickle.",
    "marshal.",
)


def make_ready() -> None:
    """Have our classes of values compile their `__init__` now, which they do when it is first looked at."""
    modules = [module for name, module in sys.modules.items() if name.startswith("quarterdeck")]
    for found in [one for module in modules for one in vars(module).values()]:
        if isinstance(found, type) and is_dataclass(found):
            assert found.__init__


def main(seed: int, count: int) -> None:
    """Count what came of each expression, and what the process did meanwhile."""
    evaluate("'a'.matches('a') && 1 + 1 == 2", {})  # loads the two libraries
    make_ready()
    seen: list[str] = []
    escapes: list[str] = []
    is_on = True
    sys.addaudithook(lambda event, _: seen.append(event) if is_on and event.startswith(WATCHED) else None)
    refused = answered = 0
    for text in (*hostile(), *fuzzed(count, seed)):
        try:
            json.dumps(evaluate(text, NAMES), allow_nan=False)
            answered += 1
        except ExpressionError as error:
            refused += 1
            if not error.message or not error.hint:
                escapes.append(f"{text[:80]!r}: no message or hint")
        except BaseException as error:  # noqa: BLE001  # a panic of the library would be one
            escapes.append(f"{text[:80]!r}: {type(error).__name__}")
    is_on = False
    sys.stdout.write(json.dumps({"seen": seen, "escapes": escapes, "refused": refused, "answered": answered}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
