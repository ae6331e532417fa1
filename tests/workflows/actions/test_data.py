"""Reshape data and render it, whatever expression or cell somebody gives."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.actions.conftest import Bench

from quarterdeck.core.errors import UsageError
from quarterdeck_workflows.actions.kit.query import TIME_S, search
from quarterdeck_workflows.actions.kit.rows import csv_text, markdown_text

BOMBS = {
    "doubled lists": "|".join(["[@,@]"] * 300),
    "flattened": "|".join(["[@,@][]"] * 200),
    "doubled texts": "|".join(["join('', [to_string(@), to_string(@)])"] * 50),
    "objects": "|".join(["{a: @, b: @}"] * 300),
    "merged": "|".join(["[@,@]"] * 60) + "|to_string(@)",
    "compared": "|".join(["[@,@]"] * 60) + "|[0] == [1]",
    "products": "[*].[" + ",".join(["@"] * 400) + "][][" + ",".join(["@"] * 400) + "][]",
    "nested map": "map(&map(&map(&map(&$, $), $), $), $)".replace("$", "[@,@,@,@]"),
    "parentheses": "(" * 990 + "a" + ")" * 990,
    "brackets": "[" * 1990,
    "product": "join(join('', map(&to_string($), @)), map(&to_string(@), @))".replace(
        "$", "[@,@,@,@,@,@,@,@]"
    ),
    "functions": "not_null(" * 200 + "@" + ")" * 200,
    "slices": "@[::0]",
    "huge slice": "@[" + "9" * 1000 + "]",
    "long": "a" * 2001,
    "unclosed": "`[" * 500,
    "sorted": "sort_by(@, &sort_by(@, &@))",
}


@pytest.mark.filterwarnings("ignore:deprecated string literal:PendingDeprecationWarning")  # the library's own
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_no_expression_takes_the_bot_with_it(bomb: str) -> None:
    """A result or a refusal, soon, and never more than its bounds."""
    began_s = time.monotonic()
    try:
        size = len(json.dumps(search(bomb, [[1, "ab"]] * 50)))
    except UsageError as error:
        size, hint = 0, error.hint
        assert hint
    took_s = time.monotonic() - began_s

    assert (True, True) == (size < 40_000_000, took_s < 3 * TIME_S)


def test_what_it_is_for_works() -> None:
    """Filter, project, sort, on ten thousand rows."""
    rows = [{"n": n, "state": "open" if n % 2 else "closed"} for n in range(10_000)]

    assert [{"id": 9999}, {"id": 9997}] == search("reverse(sort_by([?state=='open'], &n))[:2].{id: n}", rows)


def test_a_product_is_refused_before_it_is_made() -> None:
    """A million short texts and one long separator are a terabyte."""
    with pytest.raises(UsageError, match="too large"):
        search("join(a, b)", {"a": "x" * 1_000_000, "b": ["y"] * 1_000_000})
    assert "a-b" == search("join('-', @)", ["a", "b"])


async def test_a_wrong_expression_says_where(bench: Bench) -> None:
    """The library's own words, and where the language is shown."""
    with pytest.raises(UsageError) as caught:
        await bench.do("data.transform", query="a[?", value={})

    assert ("jmespath.org shows the language", True) == (caught.value.hint, "a[?" in caught.value.message)


async def test_a_file_of_json_lines_is_data_too(bench: Bench) -> None:
    """What media.extract writes."""
    await bench.do("file.write", file="rows.jsonl", content='{"a": 1}\n{"a": 2}\n')

    assert {"result": [1, 2]} == await bench.do("data.transform", query="[].a", file="rows.jsonl")
    with pytest.raises(UsageError):
        await bench.do("data.transform", query="@", file="rows.jsonl", value=1)


FORMULAS = [
    '=HYPERLINK("http://evil.example";"x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    " =1+1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\uff1d1+1",
    "|calc",
    "%x",
    "\n=1",
]


@pytest.mark.parametrize("cell", FORMULAS)
async def test_no_cell_becomes_a_formula(bench: Bench, cell: str) -> None:
    """Whoever opens the file has a spreadsheet that calculates."""
    rendered = await bench.do("table.render", rows=[{cell: cell}], format="csv")
    head, row = csv.reader(io.StringIO(rendered["text"], newline=""))

    assert ([f"'{cell}"], [f"'{cell}"]) == (head, row)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [("-5", "-5"), ("+4.5e3", "+4.5e3"), (-7, "-7"), (1.5, "1.5"), ("a=b", "a=b"), (True, "true")],
)
def test_plain_values_stay_as_they_are(cell: Any, shown: str) -> None:
    """Numbers below zero are numbers."""
    assert f"c\r\n{shown}\r\n" == csv_text(["c"], [{"c": cell}])


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=4))
def test_every_cell_comes_back_from_csv(cells: list[str]) -> None:
    """Whatever quotes, commas and line breaks it holds."""
    columns = [f"c{n}" for n in range(len(cells))]
    _, row = csv.reader(io.StringIO(csv_text(columns, [dict(zip(columns, cells, strict=True))]), newline=""))

    assert cells == [one[1:] if one != cell else one for one, cell in zip(row, cells, strict=True)]


@given(st.text())
def test_a_cell_stays_in_its_cell(words: str) -> None:
    """In Markdown it breaks no row and opens no column."""
    table = markdown_text(["a", "b"], [{"a": words, "b": "end"}])
    unescaped = table.replace("\\\\", "").replace("\\|", "")

    assert (3, 9) == (len(table.splitlines()), unescaped.count("|"))


async def test_markdown_pings_nobody(bench: Bench) -> None:
    """Rows come from anywhere."""
    rendered = await bench.do("table.render", rows=[{"who": "@everyone <!channel>"}])

    assert "| @\u200beveryone \\<!channel\\> |" == rendered["text"].splitlines()[2]


async def test_rows_may_be_lists(bench: Bench) -> None:
    """With the names of their columns; short ones are filled up."""
    rendered = await bench.do("table.render", rows=[[1, "x"], [2]], columns=["n", "名前"], format="text")

    assert ["n  名前", "-  ----", "1  x", "2"] == rendered["text"].split("\n")
    with pytest.raises(UsageError):
        await bench.do("table.render", rows=[[1, 2, 3]], columns=["n"])
    with pytest.raises(UsageError):
        await bench.do("table.render", rows=[[1], {"a": 1}], columns=["n"])


async def test_a_table_has_bounds(bench: Bench) -> None:
    """Empty rows with many columns are small before, and large after."""
    with pytest.raises(UsageError, match="cells"):
        await bench.do("table.render", rows=[{}] * 20_000, columns=[f"c{n}" for n in range(100)])


async def test_a_large_table_goes_into_a_file(bench: Bench) -> None:
    """The hint says how."""
    rows = [{"text": "x" * 100}] * 9_000
    with pytest.raises(UsageError) as caught:
        await bench.do("table.render", rows=rows, format="jsonl")
    rendered = await bench.do("table.render", rows=rows, format="jsonl", save_as="rows.jsonl")

    assert ("rows.jsonl", 9_000, True) == (rendered["file"], rendered["rows"], "save_as" in caught.value.hint)
