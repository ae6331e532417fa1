"""Read Slack's own markup, and blocks, as a person sees them: text without signs, live links, who is notified."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.slack.workspace import Workspace

EVERYONE: Final = "everyone"
BROADCASTS: Final = ("channel", "here", "everyone")

_ENTITY: Final = re.compile(r"<([^<>\n]+)>")
_URL: Final = re.compile(r"https?://[^\s<>|]+")
_NAMED: Final = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)
_FENCE: Final = re.compile(r"```(.+?)```", re.DOTALL)
_CODE: Final = re.compile(r"(?<!`)`(?!\u200b)([^`\n]+)`(?!`)")
_QUOTE: Final = re.compile(r"^(?:&gt;|>)(?:&gt;|>)?(?:&gt;|>)? ?", re.MULTILINE)
# A zero-width space inside a sign keeps Slack from reading it as markup: anneschuth/claude-threads pull 92, 2026-11-21.
_GAP: Final = r"\s\u200b"
_STYLES: Final = tuple(
    re.compile(rf"(?<![\w{sign}]){sign}(?=[^{_GAP}{sign}])([^{sign}\n]*[^{_GAP}{sign}]){sign}(?![\w{sign}])")
    for sign in (r"\*", "_", "~")
)
_MASK: Final = "\ue000{}\ue001"
_MASKED: Final = re.compile("\ue000(\\d+)\ue001")
_MARKDOWN: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@dataclass(slots=True)
class Seen:
    """Collect what a person sees of a message."""

    lines: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    buttons: list[Mapping[str, Any]] = field(default_factory=list)

    def text(self) -> str:
        """Return the text as one."""
        return "\n".join(line for line in self.lines if line)


def read_mrkdwn(text: str, seen: Seen, workspace: Workspace, *, names_links: bool = False) -> str:
    """Return `text` as shown; adds its links and pings to `seen`. `names_links`: `@name` is a mention too."""
    kept: list[str] = []

    def keep(shown: str) -> str:
        kept.append(shown)
        return _MASK.format(len(kept) - 1)

    def entity(found: re.Match[str]) -> str:
        return keep(_entity(found[1], seen, workspace))

    masked = _FENCE.sub(lambda found: keep(_literal(found[1].strip("\n"), seen, workspace)), text)
    masked = _CODE.sub(lambda found: keep(_literal(found[1], seen, workspace)), masked)
    masked = _ENTITY.sub(entity, masked)
    masked = _URL.sub(lambda found: keep(_linked(unescape(found[0]), seen)), masked)
    if names_links:
        _ping_names(masked, seen, workspace)
    masked = _QUOTE.sub("", masked)
    for style in _STYLES:
        masked = style.sub(lambda found: found[1], masked)
    shown = unescape(masked)
    while _MASKED.search(shown):
        shown = _MASKED.sub(lambda found: kept[int(found[1])], shown)
    return shown


def read_markdown(text: str, seen: Seen, workspace: Workspace) -> str:
    """Return standard Markdown (`markdown` blocks, `markdown_text`) as shown."""
    for found in _ENTITY.finditer(text):
        _entity(found[1], Seen(pings=seen.pings), workspace)
    lines = []
    for token in _MARKDOWN.parse(text):
        if token.type in ("fence", "code_block"):
            lines.append(token.content.rstrip("\n"))
        elif token.type == "inline":
            lines.append("".join(_inline(token, seen)))
    return "\n".join(lines)


def read_blocks(blocks: Iterable[Mapping[str, Any]], seen: Seen, workspace: Workspace) -> None:
    """Add what a person sees of the blocks."""
    for block in blocks:
        reader = _READERS.get(str(block.get("type")))
        if reader is not None:
            reader(block, seen, workspace)


def unescape(text: str) -> str:
    """Return text with Slack's three escapes undone."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def escape(text: str) -> str:
    """Return text as Slack stores what a person typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _literal(text: str, seen: Seen, workspace: Workspace) -> str:
    """Read code: its signs stay, and a mention in it is taken to notify all the same."""
    return unescape(_ENTITY.sub(lambda found: _entity(found[1], seen, workspace), text))


def _entity(inner: str, seen: Seen, workspace: Workspace) -> str:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        seen.pings.append(target[1:])
        person = workspace.people.get(target[1:])
        return "@" + (person.name if person else target[1:])
    if target.startswith("#"):
        channel = workspace.channels.get(target[1:])
        return "#" + (channel.name if channel else label or target[1:])
    if target.startswith("!"):
        return _special(target[1:], unescape(label), seen)
    if target.startswith(("http://", "https://", "mailto:", "tel:")):
        seen.links.append(unescape(target))
        return unescape(label or target)
    return unescape(f"<{inner}>")


def _special(target: str, label: str, seen: Seen) -> str:
    if target in BROADCASTS:
        seen.pings.append(EVERYONE)
        return f"@{target}"
    kind, _, rest = target.partition("^")
    if kind == "subteam":
        seen.pings.append(rest)
        return label or f"@{rest}"
    return label or target


def _linked(url: str, seen: Seen) -> str:
    seen.links.append(url)
    return url


def _ping_names(text: str, seen: Seen, workspace: Workspace) -> None:
    people = {person.name: person.id for person in workspace.people.values()}
    for found in _NAMED.finditer(text):
        name = found[1].lower()
        if name in BROADCASTS:
            seen.pings.append(EVERYONE)
        elif name in people:
            seen.pings.append(people[name])


def _inline(token: Token, seen: Seen) -> Iterator[str]:
    for child in token.children or ():
        if child.type == "link_open":
            seen.links.append(str(child.attrGet("href")))
        elif child.type in ("softbreak", "hardbreak"):
            yield "\n"
        elif child.type in ("text", "code_inline", "html_inline"):
            seen.links.extend(_URL.findall(child.content) if child.type == "text" else ())
            yield child.content


def _text_object(value: Any, seen: Seen, workspace: Workspace) -> None:
    if not isinstance(value, dict):
        return
    text = str(value.get("text", ""))
    if value.get("type") != "mrkdwn":
        seen.lines.append(unescape(text))
        return
    parses_names = not value.get(
        "verbatim", False
    )  # text objects: mention strings are parsed unless verbatim
    seen.lines.append(read_mrkdwn(text, seen, workspace, names_links=parses_names))


def _section(block: Mapping[str, Any], seen: Seen, workspace: Workspace) -> None:
    _text_object(block.get("text"), seen, workspace)
    for one in block.get("fields") or ():
        _text_object(one, seen, workspace)
    if "accessory" in block:
        _element(block["accessory"], block, seen)


def _titled(block: Mapping[str, Any], seen: Seen, workspace: Workspace) -> None:
    for name in ("text", "title", "label"):
        _text_object(block.get(name), seen, workspace)


def _context(block: Mapping[str, Any], seen: Seen, workspace: Workspace) -> None:
    for one in block.get("elements") or ():
        _text_object(one, seen, workspace)


def _actions(block: Mapping[str, Any], seen: Seen, workspace: Workspace) -> None:
    for one in block.get("elements") or ():
        _element(one, block, seen)


def _element(element: Any, block: Mapping[str, Any], seen: Seen) -> None:
    if not isinstance(element, dict):
        return
    placed = {**element, "block_id": block.get("block_id", "")}
    if element.get("type") == "button":
        seen.buttons.append(placed)
        if element.get("url"):
            seen.links.append(str(element["url"]))
    else:  # of a menu, people press the options
        for option in element.get("options") or ():
            seen.buttons.append({**placed, "text": option["text"], "selected_option": option})


def _markdown(block: Mapping[str, Any], seen: Seen, workspace: Workspace) -> None:
    seen.lines.append(read_markdown(str(block.get("text", "")), seen, workspace))


def _rich_text(block: Mapping[str, Any], seen: Seen, workspace: Workspace) -> None:
    for one in block.get("elements") or ():
        seen.lines.append("".join(_rich(one, seen, workspace)))


def _rich(element: Mapping[str, Any], seen: Seen, workspace: Workspace) -> Iterator[str]:
    kind = element.get("type")
    if "elements" in element:
        between = "\n" if kind == "rich_text_list" else ""
        yield between.join("".join(_rich(one, seen, workspace)) for one in element["elements"])
    elif kind in ("user", "usergroup"):
        target = str(element.get(f"{kind}_id"))
        yield _entity(f"@{target}" if kind == "user" else f"!subteam^{target}", seen, workspace)
    elif kind == "broadcast":
        yield _special(str(element.get("range")), "", seen)
    elif kind == "link":
        yield str(element.get("text") or _linked(str(element.get("url")), Seen()))
        seen.links.append(str(element.get("url")))
    elif kind == "emoji":
        yield f":{element.get('name')}:"
    else:
        yield str(element.get("text") or element.get("fallback") or "")


def _table(block: Mapping[str, Any], seen: Seen, workspace: Workspace) -> None:
    for row in block.get("rows") or ():
        seen.lines.append(" | ".join("".join(_rich(cell, seen, workspace)) for cell in row))


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Seen, Workspace], None]]] = {
    "section": _section,
    "header": _titled,
    "image": _titled,
    "input": _titled,
    "context": _context,
    "actions": _actions,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "table": _table,
}
