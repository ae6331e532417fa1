"""Read CSV, JSON and YAML: rows as tables, keys as headings."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.formats.office import rows_of
from quarterdeck.rag.reading.formats.parsed import Mark, Parsed, refuse_longer

SNIFFED = 16_384  # characters that the delimiter is guessed from
LONG_LINE = 500  # characters in a line of JSON, on average: then it was written for machines
HEADING_LENGTH = 100

_YAML_KEY = re.compile(r"^( {0,4})(?:- )?([A-Za-z0-9_.$/@][^:#\n]{0,90}?):(?=[ \n]|$)", re.MULTILINE)
_JSON_KEY = re.compile(r'^([ \t]{1,4})"([^"\n]{1,100})"\s{0,5}:', re.MULTILINE)


def read_csv(text: str) -> Parsed:
    """Return the rows as a table.

    Raises:
        UsageError: it is no table.
    """
    try:
        dialect: type[csv.Dialect] | str = csv.Sniffer().sniff(text[:SNIFFED], delimiters=",;\t|")
    except csv.Error:
        dialect = "excel"
    try:
        return Parsed(text=rows_of(iter(csv.reader(io.StringIO(text, newline=""), dialect))))
    except csv.Error as error:
        raise UsageError("it is not a table that can be read") from error


def read_json(text: str) -> Parsed:
    """Return the text, broken into lines where it has none, with its outer keys as parts.

    Raises:
        UsageError: it is no JSON, or nested too deep.
    """
    own = text
    if len(text) > LONG_LINE and len(text) / (text.count("\n") + 1) > LONG_LINE:
        try:
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
        except (ValueError, RecursionError) as error:
            raise UsageError("it is not JSON that can be read") from error
        refuse_longer(len(text))
    return Parsed(text=text, marks=tuple(_keys(_JSON_KEY, text)), is_plain=True, has_lines=own is text)


def read_yaml(text: str) -> Parsed:
    """Return the text with its outer keys as parts; it is never loaded, so that no alias can expand."""
    return Parsed(text=text, marks=tuple(_keys(_YAML_KEY, text)), is_plain=True, has_lines=True)


def _keys(pattern: re.Pattern[str], text: str) -> Iterator[Mark]:
    """Yield outer keys and those one level below."""
    indents = sorted({len(found[1].expandtabs(2)) for found in pattern.finditer(text)})[:2]
    for found in pattern.finditer(text):
        indent = len(found[1].expandtabs(2))
        if indent in indents:
            yield Mark(indents.index(indent) + 1, found[2].strip()[:HEADING_LENGTH], found.start())
