"""Describe a text by its structure: blocks that stand below each other, spans within a line."""

from __future__ import annotations

from quarterdeck.core.value import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Hold characters as they are to be seen; a writer escapes what its markup would read otherwise."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Hold characters in a fixed-width face; never empty, on one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Break:
    """End a line within a paragraph."""


@dataclass(frozen=True, slots=True)
class Strong:
    """Stand out."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Stress."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Strike:
    """Cross out."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """Lead to `url`: http, https or mailto, nothing else."""

    url: str
    spans: tuple[Span, ...]


Span = Text | Code | Break | Strong | Emphasis | Strike | Link


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Hold running text."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """Head what follows; `level` is 1 to 6."""

    level: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Hold lines in a fixed-width face; `text` has no newline at its end, `language` is empty where not said."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Cite blocks."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """List items in no order; each item is blocks."""

    items: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True, slots=True)
class Numbered:
    """List items in order from `start`; each item is blocks."""

    start: int
    items: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Hold cells; every row is as long as the header."""

    header: tuple[tuple[Span, ...], ...]
    rows: tuple[tuple[tuple[Span, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Draw a line across."""


Block = Paragraph | Heading | CodeBlock | Quote | Bullets | Numbered | Table | Rule
