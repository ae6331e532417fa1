"""`quarterdeck check`: say what is on, what is off and why, and what is wrong with its place and fix."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, cast

import click

import quarterdeck
from quarterdeck.cli import remote
from quarterdeck.cli.invocation import Invocation, Verb
from quarterdeck.core.errors import QuarterdeckError, SetupError
from quarterdeck.core.ports import Json

if TYPE_CHECKING:
    from quarterdeck.runtime.findings import Finding
    from quarterdeck.runtime.secrets import Resolver
    from quarterdeck.runtime.settings import Loaded, Settings

COLOURS: Final = {
    "ok": "green",
    "off": "bright_black",
    "warning": "yellow",
    "error": "red",
    "critical": "red",
}
STAND_IN: Final = "kept-in-the-vault"
FAILING: Final = ("error", "critical")
WRONG: Final = ("warning", *FAILING)


@click.command("check", cls=Verb)
@click.option("--fault-points", is_flag=True, help="List the points where a test may break the process.")
@click.pass_obj
def verb(invocation: Invocation, fault_points: bool) -> int:
    """Check settings, secrets, folders and everything that is found.

    Exit status 1 when something is wrong.

    \b
    Example:
      quarterdeck check
    """
    if fault_points:
        from quarterdeck.runtime.faults import POINTS

        invocation.show(list(POINTS), "\n".join(POINTS))
        return 0
    found = list(_findings(invocation))
    invocation.show([asdict(finding) for finding in found], _report(found))
    return 1 if any(finding.level in FAILING for finding in found) else 0


def _findings(invocation: Invocation) -> Iterator[Finding]:
    from quarterdeck.runtime.checks import startup_findings
    from quarterdeck.runtime.findings import Finding
    from quarterdeck.runtime.secrets import Resolver
    from quarterdeck.runtime.settings import SettingsInvalid

    try:
        loaded = invocation.loaded
    except SettingsInvalid as invalid:
        yield from (Finding.of(problem, area="settings") for problem in invalid.problems)
        return
    except SetupError as error:
        yield Finding.of(error, area="settings")
        return
    yield from startup_findings(loaded)
    resolver = Resolver(loaded.environ, invocation.redactor)
    yield from _stored_secrets(loaded, resolver)
    yield from _platforms(loaded.settings)
    for wing in _wings():
        yield from _wing_findings(wing, loaded.settings, resolver)
    from quarterdeck.cli import mcp
    from quarterdeck.cli.parts import workflow_files

    yield from workflow_files.findings(loaded.settings)
    yield from mcp.findings(loaded.settings)


def _wings() -> list[str]:
    """Return the names of the packages that hold a file `findings.py`."""
    return [
        module.name
        for module in pkgutil.iter_modules(quarterdeck.__path__)
        if module.ispkg
        and module.name != "runtime"
        and importlib.util.find_spec(f"quarterdeck.{module.name}.findings") is not None
    ]


def _wing_findings(wing: str, settings: Settings, resolver: Resolver) -> Iterator[Finding]:
    """Ask a wing: `findings(settings)`, or `findings(settings, resolver)` where secrets switch things on."""
    from quarterdeck.runtime.findings import Finding

    findings = importlib.import_module(f"quarterdeck.{wing}.findings").findings
    arguments = (settings, resolver)[: len(inspect.signature(findings).parameters)]
    try:
        yield from findings(*arguments)
    except SetupError as error:
        yield Finding.of(error, area=wing)


def _stored_secrets(loaded: Loaded, resolver: Resolver) -> Iterator[Finding]:
    """Look for each `secret:NAME` in the store, through the process that holds it.

    Its values stay there: `resolver` gets a stand-in for each, so that the wings see which ones there are.
    """
    from quarterdeck.runtime.findings import Finding
    from quarterdeck.runtime.settings.loading import secret_refs

    wanted = [(path, ref) for path, ref in secret_refs(loaded.settings) if ref.place == "secret"]
    if not wanted:
        return
    try:
        rows = cast("list[Mapping[str, Json]]", remote.call("secret.list"))
    except QuarterdeckError as error:
        yield Finding(level="error", area="secrets", message=error.message, fix=error.hint)
        return
    problems = {str(row["name"]): str(row["problem"]) for row in rows}
    for path, ref in wanted:
        where = ".".join(map(str, path))
        problem = problems.get(ref.name, f"there is no secret {ref.name}")
        if not problem:
            resolver.offer(ref.name, STAND_IN)
            yield Finding(level="ok", area="secrets", message=f"{where} is {ref}")
            continue
        refusal = loaded.layers.error(
            f"{where}: {problem}", path, hint=f"run `quarterdeck secret set {ref.name}`"
        )
        yield Finding.of(refusal, area="secrets")


def _platforms(settings: Settings) -> Iterator[Finding]:
    from quarterdeck.runtime.findings import Finding

    yield Finding(level="ok", area="platforms", message="console: on")
    for name, missing in settings.platforms.missing().items():
        if missing:
            yield Finding(level="off", area="platforms", message=f"{name}: no token", fix=missing)
        else:
            yield Finding(level="ok", area="platforms", message=f"{name}: on")


def _report(found: list[Finding]) -> str:
    """Lay findings out for a person, the worst last: next to the prompt."""
    levels = list(COLOURS)
    lines = [_line(finding) for finding in sorted(found, key=lambda finding: levels.index(finding.level))]
    wrong = [f"{count} {level}" for level in levels if level in WRONG and (count := _count(found, level))]
    return "\n".join([*lines, ", ".join(wrong) or "Nothing is wrong."])


def _count(found: list[Finding], level: str) -> int:
    return sum(finding.level == level for finding in found)


def _line(finding: Finding) -> str:
    level = click.style(f"{finding.level:9}", fg=COLOURS[finding.level])
    numbers = [str(number) for number in (finding.line, finding.column) if number is not None]
    place = ":".join([finding.file, *numbers]) + ": " if finding.file and finding.line else ""
    fix = f"\n{'':9}  fix: {finding.fix}" if finding.fix else ""
    return f"{level} {finding.area}: {place}{finding.message}{fix}"
