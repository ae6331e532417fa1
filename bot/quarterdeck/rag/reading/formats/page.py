"""Turn an HTML page into Markdown: headings, paragraphs, lists, tables and code; no scripts, no navigation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

SILENT = frozenset(
    {"script", "style", "noscript", "template", "svg", "nav", "footer", "aside", "form", "iframe"}
)
BLOCKS = frozenset(
    {
        "p",
        "div",
        "section",
        "article",
        "main",
        "header",
        "blockquote",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "figure",
        "table",
    }
)
RAW = ("script", "style", "title", "textarea")  # their content is no markup
MENU = 8  # items that are nothing but links, in a row: a menu or a table of contents
PERMALINKS = ("#", "¶", "§", "🔗")  # what generators hang on a heading
TAG_LIMIT = 4000  # characters of one tag with its attributes
_TAG = re.compile(
    rf"<(/?)([A-Za-z][A-Za-z0-9:-]{{0,40}})(?:\s(?:[^<>\"']|\"[^\"]{{0,2000}}\"|'[^']{{0,2000}}'){{0,{TAG_LIMIT}}})?/?>"
)
_CLOSE = {name: re.compile(rf"</{name}\b", re.IGNORECASE) for name in RAW}
HEADINGS = {f"h{level}": level for level in range(1, 7)}


def markdown_of(html: str) -> tuple[str, str]:
    """Return the page's title and its text as Markdown."""
    reader = _Reader()
    for kind, value in tokens(html):
        match kind:
            case "start":
                reader.start(value)
            case "end":
                reader.end(value)
            case _:
                reader.take(value)
    return " ".join("".join(reader.title).split()), reader.text()


def tokens(html: str) -> Iterator[tuple[str, str]]:
    """Yield `("start", tag)`, `("end", tag)` and `("text", words)`.

    Python's own parser needs minutes for half a megabyte of `<!--`; here every search goes forward, and one that
    finds nothing is the last.
    """
    position, last = 0, html.rfind(">")
    while position < len(html):
        at = html.find("<", position)
        if at < 0 or at > last:
            yield "text", unescape(html[position:])
            return
        if at > position:
            yield "text", unescape(html[position:at])
        tag = _TAG.match(html, at)
        if tag:
            name = tag[2].lower()
            yield ("end" if tag[1] else "start"), name
            position = tag.end()
            if name in RAW and not tag[1]:
                close = _CLOSE[name].search(html, position)
                if name == "title":
                    yield "text", unescape(html[position : close.start() if close else len(html)])
                position = close.start() if close else len(html)
        elif html[at + 1 : at + 2] in ("!", "?", "/"):
            mark = "-->" if html.startswith("<!--", at) else ">"
            found = html.find(mark, at + 1)
            position = found + len(mark) if found >= 0 else len(html)
        else:
            yield "text", "<"
            position = at + 1


class _Reader:
    """Collect text piece by piece; unclosed tags are forgiven, as browsers do."""

    def __init__(self) -> None:
        self.title: list[str] = []
        self._out: list[str] = []
        self._menu: list[int] = []  # where in `_out` the items that are nothing but a link stand
        self._anchors = 0  # open links
        self._linked = 0  # letters of the line that are in links
        self._line: list[str] = []
        self._prefix = ""
        self._silent: list[str] = []
        self._in_title = False
        self._code: list[str] | None = None
        self._row: list[str] | None = None
        self._is_first_row = False

    def start(self, tag: str) -> None:
        """Open an element."""
        self._anchors += tag == "a"
        if tag in SILENT:
            self._silent.append(tag)
        elif tag == "title" and not self._silent:
            self._in_title = True
        elif tag in HEADINGS:
            self._flush()
            self._prefix = "#" * HEADINGS[tag] + " "
        elif tag == "pre":
            self._flush()
            self._code = []
        elif tag == "li":
            self._flush()
            self._prefix = "- "
        elif tag == "br" and self._code is None:
            self._line.append(" ")
        elif tag == "table":
            self._flush()
            self._is_first_row = True
        elif tag == "tr":
            self._flush()
            self._row = []
        elif tag in BLOCKS and self._row is None:
            self._flush()

    def end(self, tag: str) -> None:
        """Close an element."""
        self._anchors = max(0, self._anchors - (tag == "a"))
        if tag in SILENT:
            if tag in self._silent:  # whatever was opened inside and not closed ends here too
                del self._silent[self._silent.index(tag) :]
        elif tag == "title":
            self._in_title = False
        elif tag == "pre" and self._code is not None:
            code, self._code = "".join(self._code).strip("\n"), None
            if code.strip():
                fence = "`" * 3 if "```" not in code else "~" * 3
                self._out.append(f"{fence}\n{code}\n{fence}\n\n")
        elif tag in ("td", "th") and self._row is not None:
            self._row.append(" ".join("".join(self._line).split()).replace("|", "\\|"))
            self._line = []
        elif tag == "tr" and self._row is not None:
            self._end_row()
        elif tag == "table":
            self._out.append("\n")
        elif tag in HEADINGS or tag == "li" or (tag in BLOCKS and self._row is None):
            self._flush()

    def take(self, data: str) -> None:
        """Take words in."""
        if self._in_title:
            self.title.append(data)
        elif self._silent or (self._anchors and data.strip() in PERMALINKS):
            return
        elif self._code is not None:
            self._code.append(data)
        else:
            self._line.append(data)
            self._linked += len(data.strip()) if self._anchors else 0

    def text(self) -> str:
        """Return what was collected."""
        if self._code is not None:
            self.end("pre")
        self._flush()
        menus = _runs(self._menu)
        return "".join(part for n, part in enumerate(self._out) if n not in menus)

    def _end_row(self) -> None:
        row, self._row = self._row or [], None
        if any(row):
            self._out.append(f"| {' | '.join(row)} |\n")
            if self._is_first_row:
                self._out.append(f"|{' --- |' * len(row)}\n")
                self._is_first_row = False

    def _flush(self) -> None:
        text = " ".join("".join(self._line).split())
        is_link = text and self._linked >= len(text) * 0.9
        self._line, self._linked = [], 0
        prefix, self._prefix = self._prefix, ""
        if text:
            if is_link and prefix == "- ":
                self._menu.append(len(self._out))
            self._out.append(f"{prefix}{text}\n" if prefix == "- " else f"{prefix}{text}\n\n")
        elif prefix == "- ":
            self._prefix = prefix  # the item's text comes in a block of its own


def _runs(menu: list[int]) -> frozenset[int]:
    """Return the places of items that stand in rows of `MENU` and more: nobody writes text like that."""
    runs: list[list[int]] = []
    for place in menu:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return frozenset(place for run in runs if len(run) >= MENU for place in run)
