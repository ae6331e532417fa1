"""Hold the list of fault points to the durable writes that the code makes."""

from __future__ import annotations

import ast
from pathlib import Path

from quarterdeck.runtime import faults

ROOT = Path(__file__).parents[2]
NAMED_WRITES = ("write", "submit", "_change", "reach")  # the first argument of these names the durable write


def names_in(path: Path) -> set[str]:
    """Return the names of the durable writes that a file makes."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        value = node.args[0].value
        if name in NAMED_WRITES and isinstance(value, str) and value.count(".") == 1 and value.islower():
            found.add(value)
    return found


def test_every_durable_write_is_a_fault_point_and_the_other_way_round() -> None:
    """A write that no test can break is a write whose crash nobody has seen."""
    written = set().union(*(names_in(path) for path in (ROOT / "bot").rglob("*.py")))

    assert sorted(written) == list(faults.POINTS)
