"""Print: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

import click

from quarterdeck.core.errors import QuarterdeckError, SetupError
from quarterdeck.core.ports import Json
from quarterdeck.core.text import printable

Clean = Callable[[str], str]


def print_json(value: Json, *, clean: Clean) -> None:
    """Print one JSON document on one line."""
    click.echo(clean(json.dumps(value, ensure_ascii=False)))


def print_progress(sentence: str) -> None:
    """Tell how far it is, on a terminal only."""
    if sys.stderr.isatty():
        click.echo(click.style(printable(sentence), dim=True), err=True)


def error_document(error: QuarterdeckError) -> dict[str, Json]:
    """Describe an error as scripts read it."""
    place = error if isinstance(error, SetupError) else None
    return {
        "error": {
            "kind": error.kind,
            "message": error.message,
            "hint": error.hint,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
        }
    }


def print_error(error: QuarterdeckError, *, as_json: bool, clean: Clean) -> None:
    """Print an error on standard error: for a person, or one JSON document."""
    if as_json:
        click.echo(clean(json.dumps(error_document(error), ensure_ascii=False)), err=True)
        return
    message = printable(clean(_place(error) + error.message))
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True)
    if error.hint:
        click.echo(click.style("  fix: ", fg="green") + printable(clean(error.hint)), err=True)


def _place(error: QuarterdeckError) -> str:
    if not isinstance(error, SetupError) or not error.file:
        return ""
    numbers = [str(number) for number in (error.line, error.column) if number is not None]
    return ":".join([error.file, *numbers]) + ": "


def table(rows: Iterable[Mapping[str, Json]], columns: Sequence[str], *, empty: str) -> str:
    """Lay rows out in aligned columns under upper-case titles; `empty` is what no rows say."""
    lines = [[column.replace("_", " ").upper() for column in columns]]
    lines += [[_cell(row.get(column)) for column in columns] for row in rows]
    if len(lines) == 1:
        return empty
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: Json) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(text).replace("\n", " ").replace("\t", " ")
