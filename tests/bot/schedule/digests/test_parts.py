"""Prove the small parts of digests: quiet hours, what a model may not do, lengths, hostile titles, feeds and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.schedule import Item, SourceSpec
from quarterdeck.schedule.digests.definition import Definition, checked, quiet_hours, quiet_until
from quarterdeck.schedule.digests.edition import Edition, Shown
from quarterdeck.schedule.digests.fetched import Feeds, JsonLists
from quarterdeck.schedule.digests.issue import Window
from quarterdeck.schedule.digests.summary import fault_of

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
ANNA = Identity(platform="slack", workspace="T1", user_id="U1")
HERE = Conversation(id="slack:T1:C1", platform="slack", kind="group")
FEED = SourceSpec(kind="feed", target="https://news.example/feed")
NEWS = Definition(name="news", owner=ANNA, sources=(FEED,))


class Answering:
    """Answer every request with the same body (the `Web` port)."""

    def __init__(self, body: str) -> None:
        self.body = body.encode()

    async def request(self, method: str, url: str, **options: Any) -> Any:
        """Return the body."""
        return SimpleNamespace(body=self.body, status=200, url=url)


@pytest.mark.parametrize(
    ("quiet", "at", "until"),
    [
        ("22:00-07:00", "2026-11-21T22:30:00", "2026-11-22T07:00:00+01:00"),
        ("22:00-07:00", "2026-11-21T06:59:00", "2026-11-21T07:00:00+01:00"),
        ("22:00-07:00", "2026-11-21T07:00:00", None),
        ("12:00-13:30", "2026-11-21T12:00:00", "2026-11-21T13:30:00+01:00"),
        ("12:00-13:30", "2026-11-21T13:30:00", None),
        ("", "2026-11-21T03:00:00", None),
    ],
)
def test_quiet_hours_end_by_the_readers_clock(quiet: str, at: str, until: str | None) -> None:
    """Also when they go over midnight."""
    berlin = ZoneInfo("Europe/Berlin")
    found = quiet_until(quiet, berlin, datetime.fromisoformat(at).replace(tzinfo=berlin).astimezone(UTC))

    assert until == (found.isoformat() if found else None)


def test_quiet_hours_are_read_strictly() -> None:
    """And nothing else is guessed."""
    assert (time(22), time(7)) == quiet_hours("22:00-07:00")
    for text in ("22-7", "25:00-07:00", "07:00-07:00", "night"):
        with pytest.raises(UsageError, match="no quiet hours"):
            quiet_hours(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Morning News"}, "cannot name"),
        ({"name": "preview"}, "cannot name"),
        ({"sources": ()}, "no source"),
        ({"sources": (replace(FEED, kind="fed"),)}, "a source cannot be 'fed'"),
        ({"sources": (replace(FEED, target="news.example"),)}, "no address"),
        ({"sources": (replace(FEED, kind="json", paths={"items": "["}),)}, "no JMESPath"),
        ({"sources": (replace(FEED, kind="json", paths={"link": "x"}),)}, "no path"),
        ({"empty": "nothing"}, "empty cannot be"),
        ({"most": 0}, "out of range"),
        ({"timezone": "Europe/Berln"}, "time zone"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_declared(changes: dict[str, Any], words: str) -> None:
    """With the fix."""
    with pytest.raises(UsageError, match=words) as caught:
        checked(replace(NEWS, **changes))

    assert caught.value.hint


def test_a_definition_is_stored_and_read_back() -> None:
    """All of it."""
    made = replace(NEWS, to=("a",), readers=(ANNA,), quiet="22:00-07:00", carry=2, version=3)

    assert made == Definition.from_json("news", ANNA, json.loads(json.dumps(made.json())), version=3)


def shown(count: int, **values: str) -> tuple[Shown, ...]:
    """Return items."""
    return tuple(
        Shown(
            n=n,
            item=Item(
                id=str(n),
                mark="m",
                title=values.get("title", f"Item {n}"),
                url=f"https://news.example/{n}",
                text=values.get("text", "x" * 200),
                group="News",
            ),
        )
        for n in range(1, count + 1)
    )


def edition(items: tuple[Shown, ...], **values: Any) -> Edition:
    """Return an issue of these."""
    window = Window(since=NOW, until=NOW)
    return Edition(
        **{"title": "News", "code": "c0de", "window": window, "items": items, "failing": {}, **values}
    )


@pytest.mark.parametrize("limit", [400, 1700, 3500])
def test_a_post_fits_its_platform(limit: int) -> None:
    """First texts give way, then items from the end, which are counted."""
    reply, count = edition(shown(40)).reply(limit=limit)
    assert reply.card is not None

    assert len(reply.card.body) <= limit
    assert f"… and {40 - count} more." in reply.card.body or count == 40


def test_what_sources_say_is_no_markup_of_ours() -> None:
    """A title cannot make a link, a heading, or close one."""
    reply, _ = edition(shown(1, title="x](https://evil.example) [y", text="`*_<b>")).reply(limit=3500)
    assert reply.card is not None

    assert "](https://evil.example)" not in reply.card.body.replace("\\](https://evil.example)", "")
    assert r"\`\*\_\<b\>" in reply.card.body


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[1] [a](https://news.example/1)\n[2] [b](https://news.example/2)", ""),
        ("[1] [a](https://news.example/1)\n[2] b", "it drops 1 links"),
        (
            "[1] a https://news.example/1 [2] https://news.example/2 https://evil.example/x",
            "it invents 1 links",
        ),
        (
            "[1] https://news.example/1 and https://news.example/2",
            "it does not name each item once by its number",
        ),
        ("", "it is empty"),
    ],
)
def test_a_summary_is_believed_only_with_every_link_and_none_of_its_own(text: str, fault: str) -> None:
    """Otherwise items speak for themselves."""
    assert fault == fault_of(text, shown(2))


RSS = """<rss version="2.0"><channel><title>News</title>
<item><guid>b</guid><title>Second &amp; last</title><link>https://news.example/b</link>
<pubDate>Sat, 21 Nov 2026 08:00:00 GMT</pubDate><description>&lt;script&gt;x&lt;/script&gt; about</description></item>
<item><guid>a</guid><title>First</title><link>javascript:alert(1)</link></item>
</channel></rss>"""


async def test_a_feed_is_read_oldest_first_without_tags_and_foreign_links() -> None:
    """What a link may be is http or https."""
    found = await Feeds(Answering(RSS)).items(FEED, since_ms=0, reader=ANNA, place=HERE)

    assert [("First", ""), ("Second & last", "https://news.example/b")] == [
        (one.title, one.url) for one in found
    ]
    assert (datetime(2026, 11, 21, 8, tzinfo=UTC), "News") == (found[1].at, found[1].group)
    assert "<" not in found[1].text


@pytest.mark.parametrize("body", ["not a feed", "<html></html>", "", "<rss"])
async def test_what_is_no_feed_is_said_to_be_none(body: str) -> None:
    """Not an empty digest."""
    with pytest.raises(UsageError, match="no feed"):
        await Feeds(Answering(body)).items(FEED, since_ms=0, reader=ANNA, place=HERE)


@pytest.mark.parametrize(
    ("paths", "document", "titles"),
    [
        ({}, [{"id": 1, "title": "a"}, {"id": 2, "name": "b"}], ["a", "b"]),
        (
            {"items": "data[?open]", "title": "say.what"},
            {"data": [{"open": True, "say": {"what": "c"}}]},
            ["c"],
        ),
        ({}, ["plain", "words"], ["plain", "words"]),
    ],
)
async def test_json_is_read_by_its_paths(paths: Mapping[str, str], document: Any, titles: list[str]) -> None:
    """With defaults that fit most lists."""
    spec = SourceSpec(kind="json", target="https://s.example/x", paths=paths)
    found = await JsonLists(Answering(json.dumps(document))).items(spec, since_ms=0, reader=ANNA, place=HERE)

    assert titles == [one.title for one in found]
    assert len(titles) == len({one.id for one in found})
