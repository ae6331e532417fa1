"""Say where a passage stands, as exactly as its document lets us: heading, page, lines; and how old it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from quarterdeck.core.knowledge import Found
from quarterdeck.core.ports import Passage
from quarterdeck.rag.reading.document import HEADING_SEPARATOR

DAY_MS = 86_400_000
OLD_DAYS = 180  # from where on the age is shown
_NO_SLUG = re.compile(r"[^\w\- ]")


def passage_of(one: Found, score: float, signals: Mapping[str, float]) -> Passage:
    """Return a stored chunk as what was found."""
    return Passage(
        chunk_id=one.id,
        document=one.name,
        collection=one.collection,
        heading=one.heading or (f"page {one.page}" if one.page else ""),
        text=one.text,
        url=_url(one),
        score=score,
        signals=signals,
        place=_place(one),
        modified_at_ms=one.modified_at_ms,
        audience=one.audience,
    )


def _url(one: Found) -> str:
    """Return the address of the place itself: of the page, the heading or the line."""
    url = one.url or (one.path if "://" in one.path else Path(one.path).as_uri())
    if "#" in url:
        return url
    if one.page:
        return f"{url}#page={one.page}"
    if url.startswith("file:"):
        return url if one.line is None else f"{url}#L{one.line}"
    heading = one.heading.rpartition(HEADING_SEPARATOR)[2]
    return f"{url}#{slug(heading)}" if HEADING_SEPARATOR in one.heading and slug(heading) else url


def slug(heading: str) -> str:
    """Return a heading as most sites name its anchor."""
    return _NO_SLUG.sub("", heading.lower()).strip().replace(" ", "-")


def _place(one: Found) -> str:
    if one.page:
        return f"page {one.page}"
    if one.line is None:
        return ""
    if one.end_line is None or one.end_line == one.line:
        return f"line {one.line}"
    return f"lines {one.line}–{one.end_line}"


def age(modified_at_ms: int | None, now_ms: int) -> str:
    """Return how long ago a document was changed, where that is long; empty otherwise, and when nobody knows."""
    if modified_at_ms is None:
        return ""
    days = (now_ms - modified_at_ms) // DAY_MS
    if days < OLD_DAYS:
        return ""
    if days < 2 * 365:
        return f"last changed {days // 30} months ago"
    return f"last changed {days // 365} years ago"
