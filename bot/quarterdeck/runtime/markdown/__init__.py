"""Turn CommonMark into what a platform shows: parse once, cut into parts that fit, write in the platform's markup.

An adapter gives a writer (blocks to its own markup) and a measure (its unit of length); all else is here.
"""

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
from quarterdeck.runtime.markdown.pack import pack, paginate
from quarterdeck.runtime.markdown.parse import blocks_of, parse
from quarterdeck.runtime.markdown.plain import grid, plain, plain_spans

__all__ = [
    "Block",
    "Break",
    "Bullets",
    "Code",
    "CodeBlock",
    "Emphasis",
    "Heading",
    "Link",
    "Numbered",
    "Paragraph",
    "Quote",
    "Rule",
    "Span",
    "Strike",
    "Strong",
    "Table",
    "Text",
    "blocks_of",
    "grid",
    "pack",
    "paginate",
    "parse",
    "plain",
    "plain_spans",
]
