"""Write blocks as plain text, as a person would see them without any markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from quarterdeck.runtime.markdown.blocks import (
    Block,
    Break,
    Bullets,
    Code,
    CodeBlock,
    Emphasis,
    Heading,
    Link,
    Numbered,
    Paragraph,
    Quote,
    Rule,
    Span,
    Strike,
    Strong,
    Table,
    Text,
)


def plain(blocks: Sequence[Block]) -> str:
    """Return the text; a link that shows other words than its address is followed by it."""
    match blocks:
        case (Paragraph((Text(text),)),):  # most answers of commands
            return text
    return "\n\n".join(_block(block) for block in blocks)


def plain_spans(spans: Sequence[Span], *, with_urls: bool = True) -> str:
    """Return what a line says."""
    return "".join(_pieces(spans, with_urls))


def grid(table: Table, *, with_urls: bool = True) -> str:
    """Return a table as lines of a fixed-width face; wide characters count twice."""
    from wcwidth import wcswidth

    rows = [
        [plain_spans(cell, with_urls=with_urls).replace("\n", " ") for cell in row] for row in _rows(table)
    ]
    widths = [max(max(0, wcswidth(row[column])) for row in rows) for column in range(len(table.header))]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell + " " * (width - max(0, wcswidth(cell))) for cell, width in zip(row, widths, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join(
        [line(rows[0]), "  ".join("-" * max(1, width) for width in widths), *map(line, rows[1:])]
    )


def _rows(table: Table) -> list[tuple[tuple[Span, ...], ...]]:
    return [table.header, *table.rows]


def _block(block: Block) -> str:
    match block:
        case Paragraph(spans) | Heading(_, spans):
            return plain_spans(spans)
        case CodeBlock(_, text):
            return text
        case Quote(blocks):
            return "\n".join(f"> {line}".rstrip() for line in plain(blocks).split("\n"))
        case Bullets(items):
            return "\n".join(_item("• ", item) for item in items)
        case Numbered(start, items):
            return "\n".join(_item(f"{start + n}. ", item) for n, item in enumerate(items))
        case Table():
            return grid(block)
        case Rule():
            return "———"
        case _:
            assert_never(block)


def _item(mark: str, blocks: Sequence[Block]) -> str:
    return mark + "\n".join(_block(block) for block in blocks).replace("\n", "\n" + " " * len(mark))


def _pieces(spans: Sequence[Span], with_urls: bool) -> Iterator[str]:
    for span in spans:
        match span:
            case Text(text) | Code(text):
                yield text
            case Break():
                yield "\n"
            case Strong(inner) | Emphasis(inner) | Strike(inner):
                yield from _pieces(inner, with_urls)
            case Link(url, inner):
                label = plain_spans(inner, with_urls=with_urls)
                yield label
                if with_urls and label not in (url, url.removeprefix("mailto:")):
                    yield f" ({url})"
            case _:
                assert_never(span)
