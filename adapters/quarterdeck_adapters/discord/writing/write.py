"""Write blocks in Discord's markdown, so that it shows what they say and nothing that a text smuggles in.

docs.discord.com/developers/reference, "Message formatting", and Discord's help page "Markdown Text 101", 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, assert_never
from urllib.parse import urlsplit

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
    plain_spans,
)

BLANK: Final = "\u200b"  # seen by nobody; keeps apart what Discord would read together
RULE: Final = "―――"
DEEPEST_HEADING: Final = 3
SPECIAL: Final = re.compile(r"[\\*_~`|<>\[\]()#@:\x00-\x08\x0b-\x1f\x7f\ud800-\udfff-]|[0-9][.)]|\+|://")
SIGNS: Final = re.compile(r"[\\*_~`|\[\]]")
URL: Final = re.compile(r"(?i)\bhttps?://[^\s<>]+")
EVERYONE: Final = re.compile(r"@(?=everyone|here|[!&]?[0-9])")
TAG: Final = re.compile(r"<(?=[@#:/at!&]|id:)|<(?=https?:)", re.IGNORECASE)
LINE_START: Final = re.compile(r"^([ \t]*)(-#|#{1,3}(?= )|>{1,3}|[-+](?= )|[0-9]+(?=[.)]))", re.MULTILINE)
CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
LANGUAGE: Final = re.compile(r"[A-Za-z0-9+#-]{1,20}")
URL_SIGNS: Final = {"*": "%2A", "`": "%60", "|": "%7C", "\\": "%5C", "<": "%3C", ">": "%3E", "~": "%7E"}


def write(blocks: Sequence[Block]) -> str:
    """Return the text of one message."""
    if len(blocks) == 1:
        return _block(blocks[0])
    return "\n\n".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    match block:
        case Paragraph(spans):
            return _line(spans)
        case Heading(level, spans):
            text = _line(spans).replace("\n", " ")
            return f"{'#' * level} {text}" if level <= DEEPEST_HEADING else _wrapped("**", text)
        case CodeBlock(language, text):
            return _code(text, language)
        case Quote(blocks):
            return "\n".join(f"> {line}" for line in write(blocks).split("\n"))
        case Bullets(items):
            return "\n".join(_item("- ", item) for item in items)
        case Numbered(start, items):
            return "\n".join(_item(f"{start + n}. ", item) for n, item in enumerate(items))
        case Table():
            return _code(grid(block), "")
        case Rule():
            return RULE
        case _:
            assert_never(block)


def _item(mark: str, blocks: Sequence[Block]) -> str:
    return mark + "\n".join(map(_block, blocks)).replace("\n", "\n" + " " * len(mark))


def _line(spans: Sequence[Span]) -> str:
    text = "".join(_pieces(spans))
    return LINE_START.sub(_escaped_start, text)


def _escaped_start(found: re.Match[str]) -> str:
    blanks, sign = found.groups()
    return f"{blanks}{sign}\\" if sign[0].isdecimal() else f"{blanks}\\{sign}"


def _pieces(spans: Sequence[Span]) -> Iterator[str]:
    for span in spans:
        match span:
            case Text(text):
                yield escaped(text)
            case Code(text):
                yield _inline_code(text)
            case Break():
                yield "\n"
            case Strong(inner):
                yield _wrapped("**", "".join(_pieces(inner)))
            case Emphasis(inner):
                yield _wrapped("*", "".join(_pieces(inner)))
            case Strike(inner):
                yield _wrapped("~~", "".join(_pieces(inner)))
            case Link(url, inner):
                yield _link(url, inner)
            case _:
                assert_never(span)


def escaped(text: str) -> str:
    """Return `text` so that Discord shows it character for character; bare addresses stay live."""
    if SPECIAL.search(text) is None:
        return text
    text = CONTROL.sub("\ufffd", text)
    pieces, at = [], 0
    for found in URL.finditer(text):
        pieces += [_escaped_words(text[at : found.start()]), _address(found.group())]
        at = found.end()
    return "".join([*pieces, _escaped_words(text[at:])])


def _escaped_words(text: str) -> str:
    text = SIGNS.sub(r"\\\g<0>", text)
    text = EVERYONE.sub("@" + BLANK, text)
    return TAG.sub("<" + BLANK, text)


def _address(url: str) -> str:
    """Return an address without what could end it, or mean something beside it."""
    url = "".join(URL_SIGNS.get(sign, sign) for sign in url)
    return EVERYONE.sub("%40", url)


def _link(url: str, inner: Sequence[Span]) -> str:
    label = plain_spans(inner, with_urls=False)
    target = _target(url)
    if not target:  # an address that Discord does not link to
        shown = url.removeprefix("mailto:")
        return escaped(label) if shown == label else escaped(f"{label} ({shown})")
    if label == url:
        return _address(url)
    if "://" in label or _names_other_host(label, url) or not label.strip():
        return f"{escaped(label)} (<{target}>)"
    return f"[{''.join(_pieces(inner))}](<{target}>)"


def _target(url: str) -> str:
    if not url.lower().startswith(("http://", "https://")):
        return ""
    url = re.sub(r"[\s\x00-\x1f\x7f\ud800-\udfff]", "", url)
    return url.translate({ord(sign): code for sign, code in URL_SIGNS.items()} | {40: "%28", 41: "%29"})


def _names_other_host(label: str, url: str) -> bool:
    """Tell whether the words of a link look like the address of another place."""
    word = label.strip().lower().removeprefix("www.")
    if " " in word or "." not in word.strip("."):
        return False
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return word.partition("/")[0] != host


def _wrapped(sign: str, text: str) -> str:
    """Put signs around words, not around the blanks beside them, and not over lines."""
    lines = []
    for line in text.split("\n"):
        words = line.strip(" ")
        if not words:
            lines.append(line)
            continue
        before = line[: len(line) - len(line.lstrip(" "))]
        after = line[len(line.rstrip(" ")) :]
        lines.append(f"{before}{sign}{words}{sign}{after}")
    return "\n".join(lines)


def _inline_code(text: str) -> str:
    text = CONTROL.sub("\ufffd", text).replace("\n", " ")
    if "`" not in text:
        return f"`{text}`"
    text = re.sub(r"`(?=`)", "`" + BLANK, text)
    return f"`` {text} ``"


def _code(text: str, language: str) -> str:
    text = CONTROL.sub("\ufffd", text).replace("```", f"`{BLANK}`{BLANK}`")
    if text.endswith("`"):
        text += BLANK
    name = language if LANGUAGE.fullmatch(language) else ""
    return f"```{name}\n{text}\n```"
