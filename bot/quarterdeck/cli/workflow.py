"""`quarterdeck workflow`: check, draw and list workflow files; `workflow_runs.py` has the verbs for runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from quarterdeck.cli.invocation import Invocation, VerbGroup
from quarterdeck.cli.output import table
from quarterdeck.cli.parts.workflow_library import LIBRARY_VERBS
from quarterdeck.cli.parts.workflow_runs import VERBS
from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json

if TYPE_CHECKING:
    from quarterdeck_workflows.language.shelf import Shelf
    from quarterdeck_workflows.language.validate import Problem


@click.group("workflow", cls=VerbGroup)
def verb() -> None:
    """Check, draw, test, list and switch on workflows; start, show, stop and resume runs.

    \b
    Examples:
      quarterdeck workflow validate
      quarterdeck workflow runs
    """


@verb.command("validate")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.pass_obj
def validate(invocation: Invocation, files: tuple[str, ...]) -> int:
    """Say what is wrong with workflow files: line, column, fix. FILE is a path or a name; without one, all of them.

    Exit status 1 when something is wrong; a warning alone is not.

    \b
    Example:
      quarterdeck workflow validate deploy.yaml
    """
    from quarterdeck.cli.parts.workflow_files import shelf_of, surroundings
    from quarterdeck_workflows.language.validate import validate as problems_of

    settings = invocation.loaded.settings
    shelf = shelf_of(settings)
    paths = [_path(file, shelf) for file in files] or list(shelf.files.values())
    around = surroundings(settings, _with(shelf, paths))
    known = {str(path) for path in paths}
    found = [] if files else [_problem(error) for error in shelf.problems if error.file not in known]
    found += [problem for path in paths for problem in problems_of(path, around)]
    shown: Json = {"files": [str(path) for path in paths], "problems": [_document(one) for one in found]}
    invocation.show(shown, _report(found, len(paths)))
    return 1 if any(one.level == "error" for one in found) else 0


@verb.command("graph")
@click.argument("name", metavar="NAME|FILE")
@click.pass_obj
def graph(invocation: Invocation, name: str) -> None:
    """Draw a workflow as a Mermaid flow chart, which GitHub, GitLab and many editors show.

    \b
    Example:
      quarterdeck workflow graph deploy > deploy.mmd
    """
    from quarterdeck.cli.parts.workflow_files import shelf_of
    from quarterdeck_workflows.language.graph import mermaid
    from quarterdeck_workflows.language.parse import read_file

    workflow = read_file(_path(name, shelf_of(invocation.loaded.settings)))
    chart = mermaid(workflow)
    invocation.show({"name": workflow.name, "mermaid": chart}, chart.rstrip())


@verb.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the workflows there are, what starts each, and which of the library are switched on.

    \b
    Example:
      quarterdeck workflow list --json
    """
    from quarterdeck.cli.parts.workflow_files import shelf_of
    from quarterdeck_workflows.language.graph import spoken_trigger
    from quarterdeck_workflows.language.shelf import LIBRARY

    shelf = shelf_of(invocation.loaded.settings)
    rows: list[dict[str, Json]] = []
    for name, file in shelf.files.items():
        workflow = shelf.workflows.get(name)
        triggers = [spoken_trigger(one) for one in workflow.triggers] if workflow else []
        rows.append(
            {
                "name": name,
                "title": workflow.title if workflow else "its file is wrong: quarterdeck workflow validate",
                "triggers": triggers,
                "allow": workflow.allow if workflow else None,
                "origin": "shipped" if file.parent == LIBRARY else "yours",
                "enabled": name not in shelf.off,
                "file": str(file),
            }
        )
    readable = [
        {
            **row,
            "triggers": ", ".join(map(str, cast("list[str]", row["triggers"]))),
            "enabled": "yes" if row["enabled"] else f"quarterdeck workflow enable {row['name']}",
        }
        for row in rows
    ]
    columns = ("name", "title", "triggers", "allow", "origin", "enabled")
    invocation.show(rows, table(readable, columns, empty="No workflows."))


for one in (*VERBS, *LIBRARY_VERBS):
    verb.add_command(one)


def _path(given: str, shelf: Shelf) -> Path:
    """Return the file that a path or a name stands for.

    Raises:
        NotFound: there is neither.
    """
    path = Path(given)
    if path.suffix or path.is_file():
        if path.is_file():
            return path
        raise SetupError(f"there is no file {given}", hint="check the path", file=given)
    if given not in shelf.files:
        shelf.find(given)
    return shelf.files[given]


def _with(shelf: Shelf, paths: Iterable[Path]) -> Shelf:
    """Return the shelf with the files at hand on it too, so that they may call each other."""
    from quarterdeck_workflows.language.parse import read_file

    more = {}
    for path in paths:
        try:
            more[path.stem] = read_file(path)
        except SetupError:
            continue  # said when the file itself is checked
    return replace(shelf, workflows={**shelf.workflows, **more})


def _problem(error: SetupError) -> Problem:
    from quarterdeck_workflows.language.validate import Problem

    return Problem(error=error)


def _document(problem: Problem) -> dict[str, Json]:
    error = problem.error
    return {
        "level": problem.level,
        "message": error.message,
        "hint": error.hint,
        "file": error.file,
        "line": error.line,
        "column": error.column,
    }


def _report(found: list[Problem], files: int) -> str:
    lines = []
    for one in found:
        error = one.error
        place = ":".join(str(part) for part in (error.file, error.line, error.column) if part is not None)
        colour = "red" if one.level == "error" else "yellow"
        lines.append(f"{place}: {click.style(one.level, fg=colour)}: {error.message}")
        lines += [f"  fix: {error.hint}"] if error.hint else []
    counts = [
        f"{count} {level}{'s' if count > 1 else ''}"
        for level in ("error", "warning")
        if (count := sum(one.level == level for one in found))
    ]
    summary = f"{files} file{'' if files == 1 else 's'}: {', '.join(counts) or 'nothing is wrong'}"
    return "\n".join([*lines, summary])
