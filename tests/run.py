"""Run every check and every test, or only pytest when it is given arguments.

`./qd test` calls it in the environment that it has set up. A check that fails does not
stop the next: one run tells all.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
GATES = (
    ("ruff", "check", "--output-format", "concise", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports", "--no-logo"),
)
# One file's tests stay in one process, so that what a module starts is started once. More than
# four processes want more memory than a laptop has: each may hold a model and a browser.
WHOLE = ("pytest", "--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile")


def main(arguments: list[str]) -> int:
    """Return 0 when every check passed, else 1 (2 and up from pytest alone)."""
    if arguments:
        selected = arguments[1:] if arguments[0] == "--" else arguments
        return run(("pytest", *selected))
    checks = (*GATES, WHOLE)
    failed: list[str] = []
    for number, check in enumerate(checks, 1):
        say(f"[{number}/{len(checks)}] {' '.join(check)}")
        status = run(check)
        if status != 0:
            failed.append(f"{' '.join(check)} (status {status})")
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def run(check: tuple[str, ...]) -> int:
    """Run one program of this environment at the top of the checkout; return its status."""
    program = shutil.which(check[0], path=PROGRAMS) or sys.exit(f"{check[0]} is not in {PROGRAMS}")
    return subprocess.run([program, *check[1:]], cwd=ROOT, check=False).returncode


def say(line: str) -> None:
    """Tell how far it is, on standard error: standard output belongs to the checks."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
