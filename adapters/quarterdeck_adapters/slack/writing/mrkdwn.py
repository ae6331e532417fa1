"""Write blocks in Slack's own markup, mrkdwn.

It has no way to quote a sign, so what stands for itself is kept apart from its neighbour by a zero-width space, which
nobody sees: a `*` that would open bold print, a `>` that would begin a quotation. `&`, `<` and `>` are escaped, and
with that nothing in a text can mention anybody, or be a link that we have not written (T18, T19).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, assert_never

from quarterdeck.runtime.markdown import (
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
    grid,
)
from quarterdeck_adapters.slack.writing.limits import sound

APART: Final = "\u200b"
MARKS: Final = {Strong: "*", Emphasis: "_", Strike: "~"}
INDENT: Final = "    "
RULE: Final = "———"
OPENS: Final = re.compile(r"(?<![^\W_])([*_~])(?=\S)")  # a sign that could begin bold, italic or struck print
LOOKS_LIKE_URL: Final = re.compile(r"\s*(?:\w+://|www\.)\S", re.IGNORECASE)
QUOTES: Final = re.compile(r"^(\s*)(?=>)", re.MULTILINE)
UNSAFE_URL: Final = re.compile(r"[\x00-\x20<>|\x7f]")


def write(blocks: Sequence[Block]) -> str:
    """Return the blocks below each other, a blank line between them."""
    return "\n\n".join("\n".join(_block(block)) for block in blocks)


def escape(text: str) -> str:
    """Return `text` so that it stands for itself."""
    if text.isascii() and text.isalnum():
        return text
    if "*" in text or "_" in text or "~" in text:
        text = OPENS.sub(rf"\1{APART}", text)
    if text.count("`") > 1:
        text = text.replace("`", f"`{APART}")
    if ">" in text:
        text = QUOTES.sub(rf"\1{APART}", text)
    return verbatim(text)


def verbatim(text: str) -> str:
    """Return `text` with the three signs replaced that Slack reads everywhere, code included."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    return sound(text)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(spans):
            yield spell(spans)
        case Heading(_, spans):
            yield _heading(spans)
        case CodeBlock(_, text):
            yield f"```\n{_code(text)}\n```"
        case Quote(blocks):
            yield "\n".join(f">{line}" for line in write(blocks).split("\n"))
        case Bullets(items):
            yield from (_item("• ", item) for item in items)
        case Numbered(start, items):
            yield from (_item(f"{start + n}. ", item) for n, item in enumerate(items))
        case Table():
            yield f"```\n{_code(grid(block))}\n```"
        case Rule():
            yield RULE
        case _:
            assert_never(block)


def _heading(spans: Sequence[Span]) -> str:
    return _styled(spell(tuple(one for span in spans for one in _bare(span))), "*", "", "")


def _bare(span: Span) -> Iterator[Span]:
    """Yield a span without the bold print that a heading has anyway."""
    match span:
        case Strong(inner):
            yield from inner
        case _:
            yield span


def _item(mark: str, blocks: Sequence[Block]) -> str:
    """Write an item; what belongs to it stands in, except for code, whose lines are as they are."""
    lines: list[str] = []
    for block in blocks:
        written = "\n".join(_block(block))
        is_code = isinstance(block, CodeBlock | Table | Quote)
        lines += (
            written.split("\n") if is_code or not lines else [INDENT + one for one in written.split("\n")]
        )
    first, *rest = lines or [""]
    if blocks and isinstance(blocks[0], CodeBlock | Table | Quote):
        return "\n".join([mark.rstrip(), first, *rest])
    return "\n".join([mark + first, *rest])


def _code(text: str) -> str:
    """Return lines of code; three signs in a row would end the block, so they are kept apart."""
    text = verbatim(text)
    return (
        text.replace("```", f"`{APART}`{APART}`")
        if "```" in text
        else text.removesuffix("`") + (f"`{APART}" if text.endswith("`") else "")
    )


def spell(spans: Sequence[Span]) -> str:
    """Return a line, or several where it has breaks."""
    pieces: list[str] = []
    for at, span in enumerate(spans):
        before = pieces[-1][-1:] if pieces and pieces[-1] else ""
        after = _first(spans[at + 1]) if at + 1 < len(spans) else ""
        pieces.append(_span(span, before, after))
    return "".join(pieces)


def _span(span: Span, before: str, after: str) -> str:
    match span:
        case Text(text):
            return escape(text)
        case Code(text):
            return escape(text) if "`" in text else _styled(verbatim(text), "`", before, after)
        case Break():
            return "\n"
        case Strong(inner) | Emphasis(inner) | Strike(inner):
            return _styled(spell(inner), MARKS[type(span)], before, after)
        case Link(url, inner):
            return _link(url, inner)
        case _:
            assert_never(span)


def _styled(written: str, mark: str, before: str, after: str) -> str:
    """Put marks around each line, where Slack will take them for marks; else the words stay plain, and whole."""
    if mark in written:
        return written
    lines = [_marked(line, mark) for line in written.split("\n")]
    lead = APART if before.isalnum() and lines[0][:1] == mark else ""
    tail = APART if after.isalnum() and lines[-1][-1:] == mark else ""
    return lead + "\n".join(lines) + tail


def _marked(line: str, mark: str) -> str:
    words = line.strip()
    return line.replace(words, f"{mark}{words}{mark}", 1) if words else line


def _first(span: Span) -> str:
    match span:
        case Text(text) | Code(text):
            return text[:1]
        case Break():
            return "\n"
        case Strong(inner) | Emphasis(inner) | Strike(inner) | Link(_, inner):
            return _first(inner[0]) if inner else ""


def _link(url: str, inner: Sequence[Span]) -> str:
    """Write a link; words that look like another address stand beside the true one, not in its place."""
    words = "".join(_said(span) for span in inner).replace("\n", " ")
    if UNSAFE_URL.search(url):
        return f"{escape(words)} ({escape(url)})"
    address = url.replace("&", "&amp;")
    if not words.strip() or words == url:
        return f"<{address}>"
    if LOOKS_LIKE_URL.match(words):
        return f"{escape(words)} (<{address}>)"
    return f"<{address}|{verbatim(words)}>"


def _said(span: Span) -> str:
    match span:
        case Text(text) | Code(text):
            return text
        case Break():
            return "\n"
        case Strong(inner) | Emphasis(inner) | Strike(inner) | Link(_, inner):
            return "".join(_said(one) for one in inner)
