"""Read feeds and JSON from the web, through the one guarded client."""

from __future__ import annotations

import hashlib
import html
import json
import re
from calendar import timegm
from datetime import UTC, datetime
from typing import Any

from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Web
from quarterdeck.core.schedule import Item, SourceSpec
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.schedule.digests.query import picked

MOST_BYTES = 4 * 1024 * 1024
TIMEOUT_S = 20.0
MOST_ITEMS = 500
LONGEST_TEXT, LONGEST_TITLE = 400, 200
ACCEPT_FEED = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"
_TAG = re.compile(r"<[^<>]{0,2000}>")
_URL = re.compile(r"https?://[^\s<>\"'`\\]{1,2000}")


class Feeds:
    """Read RSS and Atom (the `DigestSource` port)."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def items(
        self, spec: SourceSpec, *, since_ms: int, reader: Identity, place: Conversation
    ) -> list[Item]:
        """Return all entries, oldest first."""
        body = await _body(self._web, spec, ACCEPT_FEED)
        return await in_thread(_entries, spec, body)


class JsonLists:
    """Read a list out of any JSON document (the `DigestSource` port)."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def items(
        self, spec: SourceSpec, *, since_ms: int, reader: Identity, place: Conversation
    ) -> list[Item]:
        """Return what the paths pick, in the document's order."""
        body = await _body(self._web, spec, "application/json")
        return await in_thread(_rows, spec, body)


async def _body(web: Web, spec: SourceSpec, accept: str) -> bytes:
    answer = await web.request(
        "GET",
        spec.target,
        headers={"accept": accept},
        max_bytes=MOST_BYTES,
        timeout_s=TIMEOUT_S,
        credential=spec.credential,
    )
    return answer.body


def _entries(spec: SourceSpec, body: bytes) -> list[Item]:
    import feedparser  # type: ignore[import-untyped]  # it ships no types

    found = feedparser.parse(body)
    if not found.entries and (found.bozo or not found.get("version")):
        raise UsageError("what came is no feed", hint="give the address of an RSS or Atom feed")
    group = spec.title or plain(str(found.feed.get("title", "")), 80) or host_of(spec.target)
    items = []
    for entry in found.entries[:MOST_ITEMS]:
        title, text = plain(str(entry.get("title", "")), LONGEST_TITLE), plain(str(entry.get("summary", "")))
        url = safe_url(str(entry.get("link", "")))
        stamp = entry.get("published_parsed") or dict.get(entry, "updated_parsed")  # its own `get` would warn
        items.append(
            Item(
                id=hashed(spec.kind, spec.target, str(entry.get("id") or url or title)),
                mark=hashed(title, text, url),
                title=title or url or "(no title)",
                url=url,
                text=text,
                at=datetime.fromtimestamp(timegm(stamp), UTC) if stamp else None,
                group=group,
            )
        )
    items.reverse()
    return items


def _rows(spec: SourceSpec, body: bytes) -> list[Item]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("what came is no JSON", hint="give an address that answers with JSON") from error
    rows = picked(spec.paths.get("items", "@"), data)
    if not isinstance(rows, list):
        raise UsageError("the path `items` finds no list", hint="such as items=data.entries")
    return [_row(spec, row) for row in rows[:MOST_ITEMS] if isinstance(row, (dict, str))]


def _row(spec: SourceSpec, row: Any) -> Item:
    def text_of(name: str, fallback: str) -> str:
        path = spec.paths.get(name)
        if path is None and not isinstance(row, dict):
            return str(row) if name == "title" else ""
        value = picked(path if path is not None else fallback, row)
        return (
            ""
            if value is None
            else value
            if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False)
        )

    title, url = (
        plain(text_of("title", "title || name"), LONGEST_TITLE),
        safe_url(text_of("url", "url || link")),
    )
    text, identity = plain(text_of("text", "text || summary")), text_of("id", "id || key")
    return Item(
        id=hashed(spec.kind, spec.target, identity or url or title),
        mark=hashed(title, text, url),
        title=title or url or "(no title)",
        url=url,
        text=text,
        at=_moment(text_of("at", "updated_at || date")),
        group=spec.title or host_of(spec.target),
    )


def _moment(text: str) -> datetime | None:
    try:
        if text.isdecimal() and len(text) in (10, 13):
            return datetime.fromtimestamp(int(text) / (1 if len(text) == 10 else 1000), UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def plain(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return text without tags, entities, control characters and line breaks, shortened at a word."""
    bare = html.unescape(_TAG.sub(" ", text[: 20 * limit]))
    bare = " ".join("".join(sign for sign in bare if sign.isprintable() or sign.isspace()).split())
    return bare if len(bare) <= limit else bare[: limit - 1].rsplit(" ", 1)[0].rstrip() + "…"


def safe_url(text: str) -> str:
    """Return a web address that can stand in a link; anything else is empty."""
    text = text.strip()
    return text.replace("(", "%28").replace(")", "%29") if _URL.fullmatch(text) else ""


def host_of(url: str) -> str:
    """Return the host of an address."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or url


def hashed(*parts: str) -> str:
    """Return a short name of some text, the same in every process."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
