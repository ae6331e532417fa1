"""Read sitemaps and feeds: lists of what else there is."""

from __future__ import annotations

import calendar
import io
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING

from quarterdeck.core.errors import UsageError
from quarterdeck.rag.reading.formats.parsed import decode

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

SITEMAP_BYTES = 50 * 1024 * 1024  # sitemaps.org, protocol, 2026-11-21: the most that one may hold unpacked
ENTRY_LIMIT = 50_000  # likewise
FEED_ENTRIES = 1000
ENTRY_LENGTH = 500_000  # characters of one entry

_PLACE = re.compile(r"<(url|sitemap)\b[^>]{0,500}>(.{0,8000}?)</\1>", re.DOTALL)
_LOC = re.compile(r"<loc\b[^>]{0,200}>\s*(?:<!\[CDATA\[)?\s*(.{1,4000}?)\s*(?:\]\]>)?\s*</loc>", re.DOTALL)
_LASTMOD = re.compile(r"<lastmod\b[^>]{0,200}>\s*([0-9T:.+Z-]{4,40})\s*</lastmod>")


def unpacked(data: bytes, limit_bytes: int = SITEMAP_BYTES) -> bytes:
    """Return data that may be gzipped.

    Raises:
        UsageError: it unpacks to more than `limit_bytes`, or is damaged.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        opened = zlib.decompressobj(wbits=31)
        plain = opened.decompress(data, limit_bytes + 1)
    except zlib.error as error:
        raise UsageError("it is damaged") from error
    if len(plain) > limit_bytes:
        raise UsageError("it unpacks to far more than its size")
    return plain


def read_sitemap(data: bytes) -> list[Mapping[str, Json]]:
    """Return `{"kind": "page" | "sitemap", "url", "modified_at_ms"}` for each entry, in order.

    Nothing here knows entities or document types: what is no plain `<loc>` is not seen.

    Raises:
        UsageError: it is no sitemap, or holds too much.
    """
    text = decode(unpacked(data))
    if "<urlset" not in text and "<sitemapindex" not in text:
        urls = [
            line.strip() for line in text.splitlines() if line.strip().startswith(("https://", "http://"))
        ]
        if not urls:
            raise UsageError("it is no sitemap")
        return [{"kind": "page", "url": url, "modified_at_ms": None} for url in urls[:ENTRY_LIMIT]]
    found: list[Mapping[str, Json]] = []
    for place in _PLACE.finditer(text):
        if (loc := _LOC.search(place[2])) is None:
            continue
        lastmod = _LASTMOD.search(place[2])
        kind = "sitemap" if place[1] == "sitemap" else "page"
        at_ms = _moment(lastmod[1]) if lastmod else None
        found.append({"kind": kind, "url": unescape(loc[1]), "modified_at_ms": at_ms})
        if len(found) >= ENTRY_LIMIT:
            break
    return found


def _moment(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def read_feed(data: bytes) -> Mapping[str, Json]:
    """Return `{"title", "entries": [{"id", "url", "title", "html", "is_whole", "modified_at_ms"}]}`.

    Raises:
        UsageError: it is no feed.
    """
    import feedparser  # type: ignore[import-untyped]  # it ships no types

    # As a stream, so that no text is ever taken for an address to open.
    parsed = feedparser.parse(io.BytesIO(unpacked(data)), sanitize_html=False, resolve_relative_uris=False)
    if not parsed.get("version"):
        raise UsageError("it is neither RSS nor Atom")
    entries: list[Json] = []
    for entry in parsed.entries[:FEED_ENTRIES]:
        content = "\n".join(str(one.get("value", "")) for one in entry.get("content", ()))
        html = (content or str(entry.get("summary", "")))[:ENTRY_LENGTH]
        url = str(entry.get("link", ""))
        at = entry.get("updated_parsed") or entry.get("published_parsed")
        entries.append(
            {
                "id": str(entry.get("id") or url or entry.get("title", ""))[:2000],
                "url": url,
                "title": " ".join(str(entry.get("title", "")).split())[:300],
                "html": html,
                "is_whole": bool(content),
                "modified_at_ms": calendar.timegm(at) * 1000 if at else None,
            }
        )
    return {"title": str(parsed.feed.get("title", ""))[:300], "entries": entries}
