"""Take the life out of links that a model wrote: foreign addresses stay readable and lead nowhere.

A link is what any platform makes one of: an address with a scheme, a bare name with dots, the target of a link in
CommonMark, however it is spelt. `defanged` rewrites the source and then reads the result as the platforms do, spans
joined; where something still looks alive (escapes, entities, marks within an address), the text is shown letter by
letter instead, with the same rewriting. Hosts are compared exactly; `*.example.com` stands for what lies below.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final, assert_never
from urllib.parse import urlsplit

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
from quarterdeck.runtime.markdown.parse import parse
from quarterdeck.runtime.markdown.plain import plain

DOTS: Final = ".\u3002\uff0e\uff61\u2024\ufe52"  # the full stop, and what is read as one in names of hosts
INVISIBLE: Final = re.compile("[\u00ad\u180e\u200b\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
LABEL: Final = r"[\w\u200c\u200d-]"
LIVE: Final = re.compile(
    r"(?P<url>(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}:(?:\\?[/\\]){2}[^\s<>\"`|\x00]*+)"
    r"|(?P<scheme>\b(?:mailto|tel|sms|data|javascript|vbscript|blob|tg|magnet):(?=\S))"
    rf"|(?P<name>(?<!{LABEL}){LABEL}++(?:[{DOTS}]{LABEL}++)++)",
    re.IGNORECASE,
)
SOUND: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?:[/?#][A-Za-z0-9\-._~/?#@!$&+,;=%']*)?")
ENDS: Final = ".,;!?'"  # what ends a sentence rather than an address
OVER: Final = re.compile(  # what stands after an address that ends there for everybody
    r"[.,;!?'\"*_~)\]}>\u3002\uff0c\uff1b\uff01\uff1f\uff09]*(?:\s|\Z|[)\]>(`|\x00])"
)
NESTED: Final = re.compile(
    r"[:@]|%3a|%40", re.IGNORECASE
)  # an address within another: where it leads is not sure
DOT: Final = re.compile(rf"(?<={LABEL})[{DOTS}](?={LABEL})")
SIGNS: Final = f":{DOTS}"  # one of them is in every address
MARKUP: Final = re.compile(r"[*_~`\[\]<>|!]")  # what may join words, hold an address of its own, or hide one
FENCED: Final = r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)"
SPAN: Final = r"(`+)(?!`)[^\n]+?(?<!`)\2(?!`)"
CODE: Final = re.compile(f"{FENCED}|{SPAN}", re.MULTILINE | re.DOTALL)
INLINE: Final = re.compile(r"!?\[([^\[\]]*)\]\(\s*<?([^\s<>()]*)>?[^()\n]*\)")
FILES: Final = (  # endings of names that are files far more often than hosts
    " md txt py js ts rs go c h cpp java rb sh sql html css json yaml yml toml ini cfg conf env log csv tsv pdf doc "
    "docx xls xlsx ppt pptx odt png jpg jpeg gif svg webp mp3 mp4 wav tar gz tgz bz2 xz lock xml proto tf "
)


def is_allowed(url: str, hosts: Collection[str]) -> bool:
    """Tell whether an address leads, for everybody who reads it, to one of `hosts` and nowhere else."""
    if not SOUND.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if NESTED.search(url, len(f"{parts.scheme}://{parts.netloc}")):
        return False
    return _is_known(parts.netloc, hosts)


def host_of(url: str) -> str:
    """Return the host that an address of ours leads to, empty where it is no plain address on the web."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_plain = parts.scheme in ("http", "https") and parts.netloc == parts.hostname
    return parts.netloc.lower() if is_plain and SOUND.match(f"https://{parts.netloc}") else ""


def defanged(text: str, hosts: Collection[str]) -> tuple[str, bool]:
    """Return CommonMark in which only addresses at `hosts` live; True: it is to be shown letter by letter instead."""
    text = INVISIBLE.sub("", text)
    if not _may_live(text):
        if not MARKUP.search(text):
            return (
                text,
                False,
            )  # read as it is written: nothing in it joins what stands apart, and nothing is hidden
        written = text
    else:
        written = "".join(_segments(text, hosts))
    blocks = parse(written)
    if not _is_alive(blocks, hosts, in_quote=False):
        return written, False
    return broken(plain(blocks), hosts), True


def _may_live(text: str) -> bool:
    """Tell whether something in a text may be an address as it stands, or becomes one when escapes are read."""
    if "\\" in text or "&" in text:
        return True
    return any(sign in text for sign in SIGNS) and LIVE.search(text) is not None


def broken(text: str, hosts: Collection[str], *, is_code: bool = False) -> str:
    """Return plain text without live addresses; names without a scheme stay whole where it is code."""
    return _rewritten(text, hosts, is_code=is_code, names_code=False)


def piece_broken(piece: str, hosts: Collection[str]) -> str:
    """Return whole words of an answer that is still being written; whatever they are joined with, they stay dead."""
    written = broken(INVISIBLE.sub("", piece), hosts)
    plainly = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", html.unescape(written))
    if plainly != written and broken(plainly, hosts) != plainly:
        return broken(plainly, hosts)
    return written


def _segments(text: str, hosts: Collection[str]) -> Iterator[str]:
    at = 0
    for found in CODE.finditer(text):
        yield _prose(text[at : found.start()], hosts)
        yield broken(found[0], hosts, is_code=True)
        at = found.end()
    yield _prose(text[at:], hosts)


def _prose(text: str, hosts: Collection[str]) -> str:
    def stated(found: re.Match[str]) -> str:
        words, url = found[1], found[2]
        if is_allowed(url, hosts) and not found[0].startswith("!"):
            return found[0]
        if not url or not LIVE.search(url):
            return found[0]
        return f"{words} ({url})" if words.strip() and words != url else url

    lines = INLINE.sub(stated, text).split("\n")
    return "\n".join(
        _rewritten(line, hosts, is_code=False, names_code=not line.lstrip().startswith((">", "|")))
        for line in lines
    )


def _rewritten(text: str, hosts: Collection[str], *, is_code: bool, names_code: bool) -> str:
    pieces, at = [], 0
    for start, end, kind in _foreign(text, hosts):
        if kind == "name" and (is_code or text[start - 1 : start] == text[end : end + 1] == "`"):
            continue
        found = text[start:end]
        is_file = names_code and kind == "name" and _is_file(found, text[end : end + 1])
        pieces += [text[at:start], f"`{found}`" if is_file else _dead(found, kind)]
        at = end
    return "".join([*pieces, text[at:]])


def _dead(found: str, kind: str) -> str:
    if kind != "name":
        found = found.replace(":", "[:]", 1).replace("://", "[:]//")
    return DOT.sub("[.]", found)


def _foreign(text: str, hosts: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Yield where something stands that a platform may make a link of, and that leads to none of `hosts`."""
    at = 0
    while found := LIVE.search(text, at):
        kind = found.lastgroup or ""
        start, at = found.span()
        if kind == "url":
            sound = SOUND.match(found[0])
            url = sound[0].rstrip(ENDS) if sound else ""
            if url and is_allowed(url, hosts) and OVER.match(text, start + len(url)):
                at = start + len(url)
                continue
        elif kind == "name" and found[0][:4].lower() == "www." and not _is_known(found[0], hosts):
            kind = "www"  # some take that for an address in code, too
        elif kind == "name" and (not _is_host(found[0], text[at : at + 2]) or _is_known(found[0], hosts)):
            continue
        yield start, at, kind


def _is_host(name: str, after: str) -> bool:
    labels = re.split(f"[{DOTS}]", name)
    last = labels[-1]
    if len(labels) == 4 and all(label.isdecimal() for label in labels):
        return after[:1] in ("/", ":", "?", "#") and after[:1] != ""
    return last.lower().startswith("xn--") or (len(last) > 1 and last[:1].isalpha() and not last.isdecimal())


def _is_file(name: str, after: str) -> bool:
    labels = name.split(".")
    return (
        len(labels) > 1 and f" {labels[-1].lower()} " in FILES and after not in ("/", ":", "?", "#", "@", "`")
    )


def _is_known(host: str, hosts: Collection[str]) -> bool:
    host = host.lower()
    if host in hosts:
        return True
    return any(one.startswith("*.") and host.endswith(one[1:]) and host != one[2:] for one in hosts)


def _is_alive(blocks: Sequence[Block], hosts: Collection[str], *, in_quote: bool) -> bool:
    """Tell whether a platform would still make a foreign link of something in what was read."""
    return any(_block_alive(block, hosts, in_quote) for block in blocks)


def _block_alive(block: Block, hosts: Collection[str], in_quote: bool) -> bool:
    match block:
        case Paragraph(spans) | Heading(_, spans):
            return _spans_alive(spans, hosts, in_quote)
        case CodeBlock(language, text):
            return _has_foreign(f"{language} {text}", hosts, with_names=False)
        case Quote(blocks):
            return _is_alive(blocks, hosts, in_quote=True)
        case Bullets(items) | Numbered(_, items):
            return any(_is_alive(item, hosts, in_quote=in_quote) for item in items)
        case Table(header, rows):
            return any(_spans_alive(cell, hosts, in_quote) for row in (header, *rows) for cell in row)
        case Rule():
            return False
        case _:
            assert_never(block)


def _spans_alive(spans: Sequence[Span], hosts: Collection[str], in_quote: bool) -> bool:
    pieces: list[str] = []
    codes: list[str] = []
    links: list[str] = []
    _collect(spans, pieces, codes, links, in_quote)
    if any(not is_allowed(url, hosts) for url in links):
        return True
    return _has_foreign("".join(pieces), hosts) or any(
        _has_foreign(code, hosts, with_names=False) for code in codes
    )


def _collect(
    spans: Sequence[Span], pieces: list[str], codes: list[str], links: list[str], in_quote: bool
) -> None:
    for span in spans:
        match span:
            case Text(text):
                pieces.append(text)
            case Code(text):
                codes.append(text)
                pieces.append(f" {text} " if in_quote else "\0")  # Telegram has no code in quotes
            case Break():
                pieces.append("\n")
            case Strong(inner) | Emphasis(inner) | Strike(inner):
                _collect(inner, pieces, codes, links, in_quote)
            case Link(url, inner):
                links.append(url)
                _collect(inner, pieces, codes, links, in_quote)
            case _:
                assert_never(span)


def _has_foreign(text: str, hosts: Collection[str], *, with_names: bool = True) -> bool:
    return any(with_names or kind != "name" for _, _, kind in _foreign(text, hosts))
