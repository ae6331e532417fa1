"""Write rows as people and programs read them; nothing in a cell may become a formula, a column or a ping."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from quarterdeck.core.ports import Json

# OWASP "CSV Injection", 2026-11-21: what a spreadsheet takes for the beginning of a formula.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20", "|", "%")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_MARKUP: Final = re.compile(r"([\\|`*_~<>\[\]])")
_BREAK: Final = re.compile(r"[\x00-\x08\n-\x1f\x7f\x85\u2028\u2029]+")


def columns_of(rows: Iterable[Mapping[str, Json]], wanted: Sequence[str] = ()) -> list[str]:
    """Return the columns: those that are wanted, or every key in the order in which they first appear."""
    return list(wanted) or list(dict.fromkeys(key for row in rows for key in row))


def spelled(value: Json) -> str:
    """Return a value as a cell: texts as they are, lists and objects as JSON, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def harmless(value: Json) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe goes before what looks like one."""
    words = spelled(value)
    bare = words.lstrip(" \u00a0\ufeff\u200b")
    is_number = _NUMBER.fullmatch(words) is not None
    return f"'{words}" if bare.startswith(FORMULA) and not is_number else words


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Json]]) -> str:
    """Return a table as RFC 4180 has it."""
    out = io.StringIO()
    write_csv(out, columns, rows)
    return out.getvalue()


def write_csv(
    out: io.TextIOBase | io.StringIO, columns: Sequence[str], rows: Iterable[Mapping[str, Json]]
) -> None:
    """Write a table, row by row."""
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([harmless(column) for column in columns])
    for row in rows:
        writer.writerow([harmless(row.get(column)) for column in columns])


def markdown_text(columns: Sequence[str], rows: Sequence[Mapping[str, Json]]) -> str:
    """Return a CommonMark table, its cells without markup of their own."""
    lines = [[_cell(column) for column in columns]]
    lines += [[_cell(spelled(row.get(column))) for column in columns] for row in rows]
    head, *body = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join((head, f"|{' --- |' * len(columns)}", *body))


def plain_text(columns: Sequence[str], rows: Sequence[Mapping[str, Json]]) -> str:
    """Return a table for a screen of fixed width."""
    lines = [[_line(column) for column in columns]]
    lines += [[_line(spelled(row.get(column))) for column in columns] for row in rows]
    widths = [max(_width(line[at]) for line in lines) for at in range(len(columns))]
    rule = ["-" * width for width in widths]
    shown = [lines[0], rule, *lines[1:]]
    return "\n".join("  ".join(map(_padded, line, widths)).rstrip() for line in shown)


def jsonl_text(columns: Sequence[str], rows: Iterable[Mapping[str, Json]]) -> str:
    """Return one JSON object a line."""
    return "".join(
        json.dumps({column: row.get(column) for column in columns}, ensure_ascii=False) + "\n" for row in rows
    )


def _line(words: str) -> str:
    return _BREAK.sub(" ", words)


def _cell(words: str) -> str:
    return _MARKUP.sub(r"\\\1", _line(words)).replace("@", "@\u200b")


def _width(words: str) -> int:
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in words)
    return len(words) + wide - sum(unicodedata.combining(sign) != 0 for sign in words)


def _padded(words: str, width: int) -> str:
    return words + " " * (width - _width(words))
