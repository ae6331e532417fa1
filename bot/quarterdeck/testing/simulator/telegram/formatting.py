"""Read `parse_mode`: HTML, MarkdownV2 and Markdown, with the errors of the Bot API (Formatting options, 2026-11-21)."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import field
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.telegram.refusal import bad
from quarterdeck.testing.simulator.telegram.text import Entity, units

TAGS: Final = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
    "span": "spoiler",
}
TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s+[^<>]*?)?)>")
ATTRIBUTE: Final = re.compile(r"([a-zA-Z-]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
KNOWN_NAMES: Final = re.compile(r"&(lt|gt|amp|quot|#\d+|#[xX][0-9a-fA-F]+);")
RESERVED: Final = "_*[]()~`>#+-=|{}.!"
USER_LINK: Final = re.compile(r"tg://user\?id=(\d+)")
MARKS: Final = {"*": "bold", "__": "underline", "_": "italic", "~": "strikethrough", "||": "spoiler"}
LEGACY_MARKS: Final = {"*": "bold", "_": "italic"}


@dataclass
class Writer:
    """Collect text and entities; `opened` are those that still wait for their end."""

    text: list[str] = field(default_factory=list)
    size: int = 0
    entities: list[Entity] = field(default_factory=list)
    opened: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)

    def put(self, piece: str) -> None:
        """Add text."""
        self.text.append(piece)
        self.size += units(piece)

    def close(self, url: str = "") -> None:
        """End the entity that was opened last."""
        kind, offset, more = self.opened.pop()
        if url:
            kind, more = link(url)
        if self.size > offset and (kind != "text_link" or more.get("url")):
            self.entities.append(Entity(kind, offset, self.size - offset, tuple(more.items())))

    def result(self) -> tuple[str, list[Entity]]:
        """Return what came together."""
        return "".join(self.text), self.entities


def link(url: str) -> tuple[str, dict[str, Any]]:
    """Return the entity that a link makes: a mention, where it names a user."""
    if user := USER_LINK.fullmatch(url):
        return "text_mention", {"user": {"id": int(user.group(1))}}
    return "text_link", {"url": url}


def formatted(text: str, mode: str) -> tuple[str, list[Entity]]:
    """Return the text without its marks, and the entities that they stand for.

    Raises:
        Refused: the mode is none, or the text does not keep to it.
    """
    readers: dict[str, Callable[[str], tuple[str, list[Entity]]]] = {
        "html": read_html,
        "markdownv2": read_markdown,
        "markdown": read_legacy,
        "none": lambda plain: (plain, []),
    }
    if mode.lower() not in readers:
        raise bad("unsupported parse_mode")
    return readers[mode.lower()](text)


def at(text: str, place: int) -> int:
    """Return a place as the Bot API names it, in bytes."""
    return len(text[:place].encode())


def read_html(text: str) -> tuple[str, list[Entity]]:
    """Return the text of HTML, and its entities.

    Raises:
        Refused: an unknown tag, or one that is not closed.
    """
    out, place = Writer(), 0
    names: list[str] = []
    while place < len(text):
        if text[place] == "<":
            tag = TAG.match(text, place)
            name = tag.group(2).lower() if tag else ""
            if tag is None or name not in TAGS:
                said = name or text[place + 1 : place + 20].split(" ")[0]
                raise bad(
                    f'can\'t parse entities: Unsupported start tag "{said}" at byte offset {at(text, place)}'
                )
            if tag.group(1):
                if not names or names[-1] != name:
                    raise bad(f"can't parse entities: Unexpected end tag at byte offset {at(text, place)}")
                names.pop()
                out.close()
            else:
                names.append(name)
                out.opened.append(open_tag(name, tag.group(3), out.size))
            place = tag.end()
        elif text[place] == "&" and (sign := KNOWN_NAMES.match(text, place)):
            out.put(html.unescape(sign.group()))
            place = sign.end()
        else:
            out.put(text[place])
            place += 1
    if names:
        raise bad(f"can't parse entities: Can't find end tag corresponding to start tag \"{names[-1]}\"")
    return out.result()


def open_tag(name: str, attributes: str, size: int) -> tuple[str, int, dict[str, Any]]:
    """Return the entity that a tag opens."""
    values = {
        key.lower(): html.unescape(next(filter(None, rest), ""))
        for key, *rest in ATTRIBUTE.findall(attributes)
    }
    if name == "a":
        kind, more = link(values.get("href", ""))
        return kind, size, more
    if name == "tg-emoji":
        return "custom_emoji", size, {"custom_emoji_id": values.get("emoji-id", "")}
    if name == "blockquote" and "expandable" in values:
        return "expandable_blockquote", size, {}
    return TAGS[name], size, {}


def read_markdown(text: str) -> tuple[str, list[Entity]]:
    """Return the text of MarkdownV2, and its entities.

    Raises:
        Refused: a reserved sign that is not escaped, or a mark without its end.
    """
    out, place = Writer(), 0
    while place < len(text):
        sign = text[place]
        if sign == "\\" and place + 1 < len(text) and ord(text[place + 1]) < 127:
            out.put(text[place + 1])
            place += 2
        elif sign == "`":
            place = read_code(text, place, out)
        elif text.startswith(("]("), place) and out.opened and out.opened[-1][0] == "[":
            place = read_target(text, place + 2, out)
        elif sign == "[" or text.startswith("![", place):
            out.opened.append(("[", out.size, {}))
            place += 1 if sign == "[" else 2
        elif mark := next((one for one in ("__", "||", "*", "_", "~") if text.startswith(one, place)), ""):
            toggle(out, mark, MARKS[mark])
            place += len(mark)
        elif sign == ">" and (place == 0 or text[place - 1] == "\n"):
            place = read_quote(text, place, out)
        elif sign in RESERVED:
            raise bad(
                f"can't parse entities: Character '{sign}' is reserved and must be escaped with the preceding '\\'"
            )
        else:
            out.put(sign)
            place += 1
    if out.opened:
        kind, offset, _ = out.opened[-1]
        raise bad(f"can't parse entities: Can't find end of {kind.title()} entity at byte offset {offset}")
    return out.result()


def toggle(out: Writer, mark: str, kind: str) -> None:
    """Open or close what `mark` stands for."""
    if out.opened and out.opened[-1][0] == kind:
        out.close()
    elif any(one[0] == kind for one in out.opened):
        raise bad(
            f"can't parse entities: Can't find end of {out.opened[-1][0].title()} entity at byte offset 0"
        )
    else:
        out.opened.append((kind, out.size, {}))


def read_code(text: str, place: int, out: Writer) -> int:
    """Read code and blocks of code; returns where they end."""
    fence = "```" if text.startswith("```", place) else "`"
    end = place + len(fence)
    body: list[str] = []
    while not text.startswith(fence, end):
        if end >= len(text):
            kind = "PreCode" if fence == "```" else "Code"
            raise bad(
                f"can't parse entities: Can't find end of {kind} entity at byte offset {at(text, place)}"
            )
        if text[end] == "\\" and end + 1 < len(text):
            end += 1
        body.append(text[end])
        end += 1
    code, more = "".join(body), {}
    if fence == "```" and (language := re.match(r"([\w+#.-]+)\n", code)):
        more, code = {"language": language.group(1)}, code[language.end() :]
    out.opened.append(("pre" if fence == "```" else "code", out.size, more))
    out.put(code.removeprefix("\n") if fence == "```" else code)
    out.close()
    return end + len(fence)


def read_target(text: str, place: int, out: Writer) -> int:
    """Read the address of a link; returns where it ends."""
    url: list[str] = []
    while place < len(text) and text[place] != ")":
        if text[place] == "\\" and place + 1 < len(text):
            place += 1
        url.append(text[place])
        place += 1
    if place >= len(text):
        raise bad(f"can't parse entities: Can't find end of a URL at byte offset {at(text, place)}")
    if url:
        out.close("".join(url))
    else:
        out.opened.pop()
    return place + 1


def read_quote(text: str, place: int, out: Writer) -> int:
    """Read the lines of a quotation; returns where they end."""
    lines: list[str] = []
    while text.startswith(">", place):
        end = text.find("\n", place)
        end = len(text) if end < 0 else end + 1
        lines.append(text[place + 1 : end])
        place = end
    body, inner = read_markdown("".join(lines))
    begin = out.size
    out.put(body)
    out.entities += [Entity(one.type, one.offset + begin, one.length, one.more) for one in inner]
    out.entities.append(Entity("blockquote", begin, units(body.rstrip("\n"))))
    return place


def read_legacy(text: str) -> tuple[str, list[Entity]]:
    """Return the text of the old Markdown, and its entities.

    Raises:
        Refused: a mark without its end.
    """
    out, place = Writer(), 0
    while place < len(text):
        sign = text[place]
        if sign == "\\" and text[place + 1 : place + 2] in ("_", "*", "`", "["):
            out.put(text[place + 1])
            place += 2
        elif sign == "`":
            place = read_code(text, place, out)
        elif sign in LEGACY_MARKS:
            toggle(out, sign, LEGACY_MARKS[sign])
            place += 1
        elif sign == "[" and (found := re.compile(r"\[([^\]]*)\]\(([^)]*)\)").match(text, place)):
            out.opened.append(("[", out.size, {}))
            out.put(found.group(1))
            out.close(found.group(2) or "-")
            place = found.end()
        else:
            out.put(sign)
            place += 1
    if out.opened:
        raise bad(
            f"can't parse entities: Can't find end of the entity starting at byte offset {out.opened[-1][1]}"
        )
    return out.result()
