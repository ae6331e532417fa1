"""Read Discord's markdown: whom it pings, where it leads, and what a person sees of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.discord.refusal import Form
from quarterdeck.testing.simulator.discord.world import BOT_ID, BOT_NAME, World

CODE: Final = re.compile(
    r"(?<!\\)(`{3})(?:[\w+#.-]*\n)?(.*?)\1|(?<![\\`])(`{1,2})(?!`)(.+?)(?<!`)\3(?!`)", re.DOTALL
)
USER: Final = re.compile(r"<@!?(\d{15,20})>")
ROLE: Final = re.compile(r"<@&(\d{15,20})>")
EVERYONE: Final = re.compile(r"@(everyone|here)")
MASKED: Final = re.compile(
    r"(?<!\\)\[((?:[^\[\]\\]|\\.)+)\]\(\s*<?((?:https?://|discord://)[^\s<>)]+(?:\([^\s<>)]*\))?)>?[^)]*\)"
)
BARE: Final = re.compile(r"(<?)(https?://[^\s<>]+|discord://[^\s<>]+)(>?)")
PAIRS: Final = (r"\*\*\*", r"\*\*", "__", "~~", r"\|\|", r"\*", "_")
ALLOWED: Final = frozenset({"users", "roles", "everyone"})


@dataclass(frozen=True, slots=True)
class Mentions:
    """Say whom a text mentions, and whom of them it pings; numbers of people and of roles."""

    users: list[int]
    roles: list[int]
    everyone: bool
    pings: tuple[str, ...]


def read_allowed(value: object, form: Form) -> Mapping[str, Any] | None:
    """Return allowed_mentions, None when everything is allowed; notes what Discord refuses."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        form.wrong("allowed_mentions", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return None
    parse = value.get("parse")
    for at, kind in enumerate(parse or ()):
        form.choice(f"allowed_mentions.parse.{at}", kind, tuple(sorted(ALLOWED)))
    for kind in ("users", "roles"):
        if value.get(kind) and kind in (parse or ()):
            code = "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"
            form.wrong(
                "allowed_mentions", code, f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            )
        form.items(f"allowed_mentions.{kind}", value.get(kind), 100)
    return value


def find_mentions(world: World, content: str, allowed: Mapping[str, Any] | None) -> Mentions:
    """Return whom `content` mentions and pings; nothing in code does either."""
    text = CODE.sub(" ", content)
    users = [int(number) for number in dict.fromkeys(USER.findall(text))]
    roles = [int(number) for number in dict.fromkeys(ROLE.findall(text)) if int(number) in world.roles]
    known = [number for number in users if number == BOT_ID or world.person_of(number)]
    said = EVERYONE.search(text) is not None
    may_everyone = allows(allowed, "everyone", 0)
    pings = [
        person.handle
        for number in known
        if (person := world.person_of(number)) and allows(allowed, "users", number)
    ]
    pings += [world.roles[number] for number in roles if allows(allowed, "roles", number)]
    if said and may_everyone:
        pings.append("everyone")
    return Mentions(known, roles, said and may_everyone, tuple(dict.fromkeys(pings)))


def allows(allowed: Mapping[str, Any] | None, kind: str, number: int) -> bool:
    """Say whether a mention may ping."""
    if allowed is None:
        return True
    if kind in (allowed.get("parse") or ()):
        return True
    return str(number) in {str(one) for one in (allowed.get(kind) or ())} if kind != "everyone" else False


def links_in(content: str) -> list[str]:
    """Return where `content` leads by a click."""
    text = CODE.sub(" ", content)
    masked = [match.group(2) for match in MASKED.finditer(text)]
    return masked + [
        match.group(2).rstrip(".,:;!?)*_~|'\"") for match in BARE.finditer(MASKED.sub(" ", text))
    ]


def previews_in(content: str) -> list[str]:
    """Return what Discord fetches to show a preview: addresses that do not stand in < >."""
    text = CODE.sub(" ", content)
    bare = [
        match.group(2)
        for match in BARE.finditer(MASKED.sub(" ", text))
        if not (match.group(1) and match.group(3))
    ]
    return bare + [match.group(2) for match in MASKED.finditer(text) if f"({match.group(2)}" in text]


def shown(world: World, content: str) -> str:
    """Return `content` as a person reads it: without signs of markup, with names for mentions."""
    kept: list[str] = []

    def keep(text: str) -> str:
        kept.append(text)
        return f"\ue000{len(kept) - 1}\ue001"

    text = CODE.sub(
        lambda match: keep((match.group(2) if match.group(1) else match.group(4)).strip("\n")), content
    )
    text = re.sub(r"\\([^a-zA-Z0-9\s])", lambda match: keep(match.group(1)), text, flags=re.ASCII)
    text = MASKED.sub(lambda match: match.group(1), text)
    text = re.sub(r"https?://[^\s<>]+", lambda match: keep(match.group()), text)
    text = re.sub(r"<(\ue000\d+\ue001)>", r"\1", text)
    text = re.sub(r"(?m)^(?:#{1,3}|-#) +", "", text)
    text = re.sub(r"(?m)^>(?:>>)? ?", "", text)
    text = re.sub(r"(?m)^( *)[-*] +", r"\1• ", text)
    for sign in PAIRS:
        edge = r"(?<!\w)" if sign in ("_", "__") else ""
        end = r"(?!\w)" if sign in ("_", "__") else ""
        text = re.sub(rf"{edge}{sign}(?=\S)(.+?)(?<=\S){sign}{end}", r"\1", text, flags=re.DOTALL)
    text = USER.sub(lambda match: f"@{name_of(world, int(match.group(1)))}", text)
    text = ROLE.sub(lambda match: f"@{world.roles.get(int(match.group(1)), 'deleted-role')}", text)
    text = re.sub(r"<#(\d+)>", lambda match: f"#{channel_name(world, int(match.group(1)))}", text)
    text = re.sub(r"<a?:(\w+):\d+>", r":\1:", text)
    while (whole := re.sub(r"\ue000(\d+)\ue001", lambda match: kept[int(match.group(1))], text)) != text:
        text = whole  # an address that was set aside holds signs that were
    return text


def name_of(world: World, number: int) -> str:
    """Return what stands for a mention of somebody."""
    person = world.person_of(number)
    return BOT_NAME if number == BOT_ID else person.handle if person else "unknown-user"


def channel_name(world: World, number: int) -> str:
    """Return what stands for a mention of a channel."""
    channel = world.channels.get(number)
    return channel.name if channel else "unknown"


def flat(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield all components, in order, wherever they stand."""
    for component in components:
        yield component
        yield from flat(component.get("components") or [])
        for inner in ("accessory", "component"):
            if isinstance(component.get(inner), dict):
                yield from flat([component[inner]])
