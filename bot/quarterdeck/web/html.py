"""Write CommonMark as HTML that is safe to show: made by one library, then held to a short list by another.

Raw HTML is text and images are their words, so that nothing in a message can make a browser ask anybody anything.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

TAGS = frozenset(
    (
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
    )
) | {"table", "thead", "tbody", "tr", "th", "td", "hr", "br", "a", "span"}
ATTRIBUTES = {
    "a": {"href"},
    "code": {"class"},
    "span": {"class"},
    "th": {"align"},
    "td": {"align"},
    "ol": {"start"},
}
SCHEMES = {"http", "https", "mailto"}
REL = "noreferrer noopener nofollow"
MARK = re.compile(r"\[(\d{1,3})\]")
CODE_LIMIT = 50_000  # characters of one block that are highlighted; more would hold the page up
ALIGNED = re.compile(r'style="text-align:(left|right|center)"')
CLASSES = re.compile(r"language-[A-Za-z0-9_+#.-]{1,30}|hl-(?:kw|str|num|com|name|op)")
KINDS = (("Keyword", "kw"), ("String", "str"), ("Number", "num"), ("Comment", "com"), ("Operator", "op"))


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt(
        "commonmark", {"html": False, "linkify": False, "breaks": True, "highlight": _highlighted}
    )
    parser.enable(["table", "strikethrough"]).disable("image")
    return parser


@lru_cache(maxsize=2048)
def to_html(text: str, citations: frozenset[int] = frozenset()) -> str:
    """Return the HTML of `text`; `[n]` with `n` in `citations` becomes a link to the citation."""
    return _safe(_markdown().render(text.replace("\0", "\ufffd")), citations)


def literal(text: str) -> str:
    """Return the HTML of a text that is shown character for character."""
    return f"<pre>{html.escape(text)}</pre>"


class Growing:
    """Write a text that grows, block by block: only the last block is written again."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.stable = 0
        self._text, self._from_line = "", 0

    def update(self, text: str) -> None:
        """Take the whole text so far; it begins with the last one."""
        if text == self._text:
            return
        self._text = text
        lines = text.replace("\0", "\ufffd").split("\n")
        tail = "\n".join(lines[self._from_line :])
        pieces = _top_level(tail)
        self.blocks[self.stable :] = [written for _, written in pieces]
        if len(pieces) > 1:
            self._from_line += pieces[-1][0]
            self.stable = len(self.blocks) - 1


def _top_level(text: str) -> list[tuple[int, str]]:
    """Return each block of the document with the line that it begins on."""
    parser = _markdown()
    env: dict[str, Any] = {}
    tokens = parser.parse(text, env)
    found, begin, depth = [], 0, 0
    for at, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            written = parser.renderer.render(tokens[begin : at + 1], parser.options, env)
            found.append((_line_of(tokens[begin]), _safe(written, frozenset())))
            begin = at + 1
    return found


def _line_of(token: Token) -> int:
    return token.map[0] if token.map else 0


def _safe(written: str, citations: Collection[int]) -> str:
    import nh3

    clean = nh3.clean(
        ALIGNED.sub(r'align="\1"', written),
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_kept,
        url_schemes=SCHEMES,
        link_rel=REL,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_relative="deny",
    )
    return _cited(clean, citations) if citations else clean


def _kept(tag: str, name: str, value: str) -> str | None:
    if name in ("title", "lang"):
        return None
    if name == "class":
        return value if all(CLASSES.fullmatch(one) for one in value.split()) else None
    if name == "align":
        return value if value in ("left", "right", "center") else None
    return value


def _cited(written: str, citations: Collection[int]) -> str:
    """Link the marks that stand in text, not those in tags or code."""

    def link(mark: re.Match[str]) -> str:
        n = mark[1]
        if int(n) not in citations:
            return mark[0]
        return f'<a class="citation" href="#citation-{n}" data-n="{n}">{n}</a>'

    parts: Sequence[str] = re.split(
        r"(<code[^>]*>.*?</code>|<a [^>]*>.*?</a>|<[^>]+>)", written, flags=re.DOTALL
    )
    return "".join(part if part.startswith("<") else MARK.sub(link, part) for part in parts)


def _highlighted(code: str, language: str, attributes: str) -> str:
    """Mark the kinds of words in code whose language is known; empty: it is written as it stands."""
    if not language or len(code) > CODE_LIMIT:
        return ""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return ""
    parts = []
    for kind, text in lexer.get_tokens(code):
        name = _class_of(str(kind))
        escaped = html.escape(text)
        parts.append(f'<span class="hl-{name}">{escaped}</span>' if name and text.strip() else escaped)
    return "".join(parts)


def _class_of(kind: str) -> str:
    for word, name in KINDS:
        if word in kind:
            return name
    return "name" if "Name.Function" in kind or "Name.Class" in kind or "Name.Builtin" in kind else ""
