"""Measure what expressions cost: ordinary ones beside the bare CEL library, hostile ones and files by their slowest.

Ordinary: three expressions over data of 20 kB, evaluated 2,000 times; the baseline compiles once and hands the library
the whole data, as its page shows. Hostile: every expression and file of the tests, each timed alone: `worst_ms` is the
slowest of them in processor time, `grown_mib` how much the process grew. Both libraries are loaded before.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from measure import ROOT, Figures, arguments, in_turn, percentile, report

sys.path.insert(0, str(ROOT))

from tests.workflows.language.hostile import NAMES, fuzzed, hostile
from tests.workflows.language.hostile_files import workflow_files, yaml_files

from quarterdeck.core.errors import SetupError
from quarterdeck_workflows.language.expression import evaluate
from quarterdeck_workflows.language.parse import read_text
from quarterdeck_workflows.language.syntax import read_expression
from quarterdeck_workflows.language.template import parts_of

ORDINARY = (
    'inputs.env == "prod" && size(inputs.hosts) > 2',
    "steps.build.output.status >= 300 ? 'bad' : 'good'",
    "inputs.hosts[1] + ': ' + steps.build.output.url",
)
DATA = {
    "inputs": {"env": "prod", "hosts": ["a", "b", "c"]},
    "steps": {f"step_{n}": {"output": {"text": "x" * 1000, "n": n}, "state": "succeeded"} for n in range(20)}
    | {"build": {"output": {"status": 200, "url": "https://x"}, "state": "succeeded"}},
}
TIMES = 2000


def ours() -> Figures:
    """Evaluate through the one function that workflows have."""
    began_s = time.process_time()
    for _ in range(TIMES):
        for text in ORDINARY:
            evaluate(text, DATA)
    return {"us_each": (time.process_time() - began_s) / TIMES / len(ORDINARY) * 1e6}


def bare() -> Figures:
    """Evaluate through the library alone."""
    cel = sys.modules["cel.cel"]
    programs = [cel.compile(text) for text in ORDINARY]
    began_s = time.process_time()
    for _ in range(TIMES):
        for program in programs:
            program.execute(DATA)
    return {"us_each": (time.process_time() - began_s) / TIMES / len(ORDINARY) * 1e6}


def expressions(texts: Iterable[str]) -> Figures:
    """Time each expression alone, read anew."""

    def one(text: str) -> None:
        read_expression.cache_clear()
        parts_of.cache_clear()
        evaluate(text, NAMES)

    return _each(texts, one)


def files() -> Figures:
    """Time each hostile file alone."""
    return _each(
        (*yaml_files(), *workflow_files()), lambda text: read_text(text, name="bad", file="bad.yaml")
    )


def _each(texts: Iterable[str], work: Callable[[str], object]) -> Figures:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took_ms = []
    for text in texts:
        began_s = time.process_time()
        with suppress(SetupError):
            work(text)
        took_ms.append((time.process_time() - began_s) * 1000)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    return {
        "count": float(len(took_ms)),
        "worst_ms": max(took_ms),
        "p99_ms": percentile(took_ms, 0.99),
        "grown_mib": grown_mib,
    }


def main() -> None:
    """Run all of them in turn."""
    options = arguments(__doc__ or "", rounds=5).parse_args()
    evaluate("'a'.matches('a') && 1 + 1 == 2", {})
    variants = {
        "ordinary": ours,
        "ordinary, bare library": bare,
        "hostile expressions": lambda: expressions(hostile()),
        "random expressions": lambda: expressions(fuzzed(10_000, 20261121)),
        "hostile files": files,
    }
    found = in_turn(variants, options.rounds, is_quiet=options.only_json)
    report(
        "Expressions of workflows",
        found,
        baselines=("ordinary, bare library",),
        settings={"rounds": options.rounds, "times": TIMES},
        is_only_json=options.only_json,
    )


if __name__ == "__main__":
    main()
