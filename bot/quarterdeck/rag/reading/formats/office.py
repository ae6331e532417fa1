"""Read Word, PowerPoint and Excel files: headings, lists and tables as Markdown, slides as pages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.formats.package import refuse_bombs
from quarterdeck.rag.reading.formats.parsed import PAGE_LIMIT, Parsed, TextBuilder, table_row, table_rule

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

ROW_LIMIT = 500_000
EMPTY_ROWS = 10_000  # in a row: then the sheet is over, whatever it says its size is
COLUMN_LIMIT = 200

_HEADING = re.compile(r"heading ([1-6])")


def read_docx(data: bytes) -> Parsed:
    """Return the body in its order.

    Raises:
        UsageError: it is damaged or a bomb.
    """
    refuse_bombs(data)
    import docx
    from docx.table import Table

    document = docx.Document(io.BytesIO(data))
    text = TextBuilder()
    title = ""
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            text.add(_table(block))
            continue
        style = (block.style.name or "").lower() if block.style is not None else ""
        if style == "title" and not title:
            title = " ".join(block.text.split())
        text.add(_paragraph(block, style))
    return Parsed(text=text.text(), title=title or (document.core_properties.title or "").strip())


def _paragraph(block: Paragraph, style: str) -> str:
    words = block.text.strip()
    if not words:
        return ""
    if found := _HEADING.search(style):
        return f"{'#' * int(found[1])} {' '.join(words.split())}\n\n"
    if style == "title":
        return f"# {' '.join(words.split())}\n\n"
    if "list" in style:
        return f"- {' '.join(words.split())}\n"
    return f"{words}\n\n"


def _table(table: Table) -> str:
    out = []
    for n, row in enumerate(table.rows):
        merged = {
            cell._tc: cell for cell in row.cells[:COLUMN_LIMIT]
        }  # merged cells come once for each column
        cells = [cell.text for cell in merged.values()]
        out.append(table_row(cells))
        if n == 0:
            out.append(table_rule(len(cells)))
    return "\n" + "".join(out) + "\n"


def read_pptx(data: bytes) -> Parsed:
    """Return the words of each slide and its notes; slides count as pages.

    Raises:
        UsageError: it is damaged, a bomb, or has too many slides.
    """
    refuse_bombs(data)
    import pptx

    presentation = pptx.Presentation(io.BytesIO(data))
    if len(presentation.slides) > PAGE_LIMIT:
        raise UsageError(f"it has more than {PAGE_LIMIT} slides")
    text = TextBuilder()
    starts = []
    for n, slide in enumerate(presentation.slides, 1):
        starts.append(text.length)
        head = slide.shapes.title
        title = " ".join(head.text_frame.text.split()) if head is not None else ""
        text.add(f"## {title or f'Slide {n}'}\n\n")
        for words in _shapes(slide.shapes, skip=head.shape_id if head is not None else None):
            text.add(words)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = slide.notes_slide.notes_text_frame.text.strip()
            text.add(f"Notes: {notes}\n\n" if notes else "")
    title = (presentation.core_properties.title or "").strip()
    return Parsed(text=text.text(), title=title, pages=tuple(starts))


def _shapes(shapes: object, *, skip: int | None, depth: int = 0) -> Iterator[str]:
    for shape in shapes:  # type: ignore[attr-defined]  # python-pptx has a class for each kind of shape
        if shape.shape_id == skip:
            continue
        if depth < 8 and hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes, skip=skip, depth=depth + 1)
        elif shape.has_text_frame and shape.text_frame.text.strip():
            lines = [line.strip() for line in shape.text_frame.text.splitlines() if line.strip()]
            yield ("\n".join(f"- {line}" for line in lines) if len(lines) > 1 else lines[0]) + "\n\n"
        elif getattr(shape, "has_table", False):
            rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
            yield rows_of(iter(rows))


def read_xlsx(data: bytes) -> Parsed:
    """Return every sheet as a table under its name, with values in place of formulas.

    Raises:
        UsageError: it is damaged, a bomb, or has too many rows.
    """
    refuse_bombs(data)
    import openpyxl  # type: ignore[import-untyped]  # it ships no types

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    text = TextBuilder()
    starts = []
    try:
        for sheet in book.worksheets:
            starts.append(text.length)
            text.add(f"## {sheet.title}\n\n")
            cells = ([_value(one) for one in row] for row in sheet.iter_rows(values_only=True))
            text.add(rows_of(cells))
    finally:
        book.close()
    return Parsed(text=text.text(), title=(book.properties.title or "").strip(), pages=tuple(starts))


def _value(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def rows_of(rows: Iterator[list[str]]) -> str:
    """Return rows as one Markdown table; the first that is not empty is its head.

    Raises:
        UsageError: there are too many.
    """
    text = TextBuilder()
    width = empty = count = 0
    for row in rows:
        cells = row[:COLUMN_LIMIT]
        while cells and not cells[-1].strip():
            cells.pop()
        if not cells:
            empty += 1
            if empty > EMPTY_ROWS:
                break
            continue
        empty, count = 0, count + 1
        if count > ROW_LIMIT:
            raise UsageError(f"it has more than {ROW_LIMIT:,} rows")
        text.add(table_row(cells + [""] * (width - len(cells))))
        if count == 1:
            width = len(cells)
            text.add(table_rule(width))
    text.add("\n" if count else "")
    return text.text()
