"""Write rows as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit import rows as tables
from quarterdeck_workflows.actions.kit.declared import (
    COUNT,
    FILE,
    STRING,
    Declared,
    listed,
    one_of,
    shape,
    text,
)
from quarterdeck_workflows.actions.kit.folder import folder_of
from quarterdeck_workflows.actions.kit.given import text_of, texts_of

MOST_ROWS: Final = 50_000
MOST_COLUMNS: Final = 200
MOST_CELLS: Final = 1_000_000
TEXT_BYTES: Final = 700_000
Rows = Sequence[Mapping[str, Json]]
WAYS: Final[Mapping[str, Callable[[Sequence[str], Rows], str]]] = {
    "markdown": tables.markdown_text,
    "csv": tables.csv_text,
    "text": tables.plain_text,
    "jsonl": tables.jsonl_text,
}


async def _render(call: ActionCall) -> Json:
    rows, columns = _named(call)
    words = await in_thread(WAYS[text_of(call, "format", "markdown")], columns, rows)
    if save_as := text_of(call, "save_as"):
        await in_thread(folder_of(call).write, save_as, words.encode(errors="replace"))
        return {"text": "", "rows": len(rows), "columns": columns, "file": save_as}
    if len(words.encode(errors="replace")) > TEXT_BYTES:
        raise UsageError(
            f"the table is larger than {TEXT_BYTES} bytes", hint="write it into a file: save_as: rows.csv"
        )
    return {"text": words, "rows": len(rows), "columns": columns, "file": ""}


def _named(call: ActionCall) -> tuple[Rows, list[str]]:
    """Return the rows as objects, and their columns."""
    wanted = texts_of(call, "columns")
    given = cast("Sequence[Json]", call.input["rows"])
    if given and all(isinstance(row, (list, tuple)) for row in given):
        if not wanted:
            raise UsageError("rows that are lists need `columns`", hint="name each column, in order")
        lists = cast("Sequence[Sequence[Json]]", given)
        if any(len(row) > len(wanted) for row in lists):
            raise UsageError("a row has more cells than there are columns", hint="name every column")
        rows: Rows = [dict(zip(wanted, row, strict=False)) for row in lists]
    elif all(isinstance(row, Mapping) for row in given):
        rows = cast("Rows", given)
    else:
        raise UsageError(
            "rows are objects, or all of them lists", hint="use data.transform to bring them into one form"
        )
    columns = tables.columns_of(rows, wanted)
    if not columns or len(columns) > MOST_COLUMNS:
        raise UsageError(
            f"a table has 1 to {MOST_COLUMNS} columns", hint="name those that matter in `columns`"
        )
    if len(rows) * len(columns) > MOST_CELLS:
        raise UsageError(
            f"a table has at most {MOST_CELLS} cells", hint="render fewer rows at once, or fewer columns"
        )
    return rows, columns


ACTIONS = (
    Declared(
        ActionSpec(
            id="table.render",
            summary="Write rows as a table: Markdown, CSV, plain text or JSON Lines",
            input=shape(
                {
                    "rows": listed(
                        "Objects, or lists with `columns`", {"type": ["object", "array"]}, most=MOST_ROWS
                    )
                },
                {
                    "columns": listed(
                        "Which columns, in this order", text("A column", longest=200), most=MOST_COLUMNS
                    ),
                    "format": one_of("How", *WAYS, default="markdown"),
                    "save_as": FILE,
                },
            ),
            output=shape(
                {"text": STRING, "rows": COUNT, "columns": {"type": "array", "items": STRING}, "file": STRING}
            ),
            timeout_s=60.0,
        ),
        _render,
    ),
)
