"""Gather pages of the web: one, those of a sitemap, the entries of a feed; through the guarded client, robots first."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from quarterdeck.core.errors import Denied, Rejected, ServiceError, UsageError
from quarterdeck.core.ports import Clock
from quarterdeck.core.sourcing import KnowledgeSource
from quarterdeck.core.web import Web
from quarterdeck.rag.ingesting.gathering import Round
from quarterdeck.rag.reading.sources import Format, Item, Same, Source, Unreadable, format_of
from quarterdeck.rag.sources.robots import CLOSED, OPEN, Rules, read_robots
from quarterdeck.runtime.process.tasks import in_thread

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

AGENT: Final = "quarterdeck"
SITEMAPS: Final = 200  # one and those that it names
PAGES: Final = 10_000
GONE: Final = (404, 410)

MEDIA: Final[Mapping[str, Format]] = {
    "text/html": "article",
    "application/xhtml+xml": "article",
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "application/json": "json",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}


class Fetching:
    """Fetch pages politely: robots.txt of each host once a round, and its delay between two pages."""

    def __init__(self, web: Web, clock: Clock, round_: Round) -> None:
        self._web, self._clock, self._round = web, clock, round_
        self._rules: dict[str, Rules] = {}
        credential = round_.source.options.get("credential", "")
        self._credential = credential if isinstance(credential, str) else ""

    async def page(self, url: str, name: str = "", *, modified_at_ms: int | None = None) -> Item:
        """Return one page; unchanged where its server says so.

        Raises:
            Denied: the address must not be reached.
        """
        root = self._round.source.root
        name = name or _name(url)
        before = self._round.known.get(url)
        headers = {"Accept": "text/html, text/markdown, text/plain, application/pdf;q=0.9, */*;q=0.5"}
        if (
            before is not None
            and before.version
            and before.state == "indexed"
            and before.cut == self._round.desk.cut
        ):
            headers |= _conditions(before.version)
        try:
            await self._may(url)
            answer = await self._web.request("GET", url, headers=headers, credential=self._credential)
        except ServiceError as error:
            is_gone = isinstance(error, Rejected) and error.status in GONE
            return Unreadable(path=url, name=name, root=root, reason=error.message, is_passing=not is_gone)
        except (Denied, UsageError) as error:
            return Unreadable(path=url, name=name, root=root, reason=error.message)
        if answer.status == 304:
            return Same(path=url)
        media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        kind = MEDIA.get(media) or format_of(Path(urlsplit(url).path))
        if kind is None:
            return Unreadable(path=url, name=name, root=root, reason=f"it is {media or 'of no known type'}")
        return await self.staged(
            url,
            name,
            "article" if kind == "html" else kind,
            answer.body,
            modified_at_ms=_modified(answer.headers) or modified_at_ms,
            version=_version(answer.headers),
        )

    async def staged(
        self,
        path: str,
        name: str,
        kind: Format,
        body: bytes,
        *,
        url: str = "",
        modified_at_ms: int | None = None,
        version: str = "",
    ) -> Source:
        """Put bytes where the reader finds them."""
        staged = self._round.staging / hashlib.sha256(path.encode(errors="replace")).hexdigest()[:32]
        await in_thread(staged.write_bytes, body)
        return Source(
            path=path,
            name=name,
            root=self._round.source.root,
            format=kind,
            size_bytes=len(body),
            file=str(staged),
            url=url,
            modified_at_ms=modified_at_ms,
            version=version,
        )

    async def listed(self, url: str, method: str) -> Json:
        """Fetch a sitemap or feed and have it read in the reader process.

        Raises:
            UsageError: it is none.
            ServiceError: it cannot be fetched.
        """
        await self._may(url)
        answer = await self._web.request("GET", url, credential=self._credential)
        staged = self._round.staging / "list"
        await in_thread(staged.write_bytes, answer.body)
        try:
            return (await self._round.desk.call(method, {"path": str(staged)})).value
        finally:
            await in_thread(staged.unlink, True)

    async def _may(self, url: str) -> None:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._rules:
            self._rules[origin] = await self._robots(origin)
        elif self._rules[origin].delay_s:
            await self._clock.sleep(self._rules[origin].delay_s)
        if not self._rules[origin].allows(url):
            raise Denied("its robots.txt asks not to read it", hint="ask who runs the site")

    async def _robots(self, origin: str) -> Rules:
        """Fetch the rules: none where there is no file, everything closed where its server fails (RFC 9309, 2.3.1)."""
        try:
            answer = await self._web.request("GET", f"{origin}/robots.txt")
        except Rejected as error:
            return OPEN if 400 <= error.status < 500 else CLOSED
        except ServiceError as error:
            if getattr(error, "status", 0) in (401, 403):
                return OPEN
            raise
        return read_robots(answer.body.decode("utf-8", "replace"), AGENT)


class Pages:
    """Gather one page."""

    keeps_absent = False

    def __init__(self, web: Web, clock: Clock) -> None:
        self._web, self._clock = web, clock

    async def items(self, round_: Round) -> AsyncIterator[Item]:
        """Yield the page."""
        round_.total = 1
        yield await Fetching(self._web, self._clock, round_).page(round_.source.location)

    def is_gone(self, source: KnowledgeSource) -> bool:
        """Keep what was read while an address is out of reach."""
        return False

    def forget(self, source: KnowledgeSource) -> None:
        """Hold nothing besides."""


class Sitemap(Pages):
    """Gather the pages that a sitemap names, on its own host."""

    async def items(self, round_: Round) -> AsyncIterator[Item]:
        """Yield pages in the order of the sitemap; one whose date is as it was is not fetched."""
        fetching = Fetching(self._web, self._clock, round_)
        found = await self._pages(fetching, round_.source)
        round_.total = len(found)
        dates = cast("Mapping[str, int]", round_.cursor.get("dates") or {})
        fresh: dict[str, int] = {}
        for url, at_ms in found.items():
            before = round_.known.get(url)
            is_good = before is not None and before.state == "indexed" and before.cut == round_.desk.cut
            if is_good and at_ms is not None and dates.get(url) == at_ms:
                item: Item = Same(path=url)
            else:
                item = await fetching.page(url, modified_at_ms=at_ms)
            if at_ms is not None and not isinstance(item, Unreadable):
                fresh[url] = at_ms
            yield item
        round_.cursor["dates"] = fresh

    async def _pages(self, fetching: Fetching, source: KnowledgeSource) -> dict[str, int | None]:
        host = urlsplit(source.location).netloc
        waiting, seen, pages = [source.location], {source.location}, dict[str, int | None]()
        limit = source.options.get("limit", PAGES)
        most = min(PAGES, limit) if isinstance(limit, int) else PAGES
        while waiting and len(pages) < most:
            entries = cast("Sequence[Mapping[str, Json]]", await fetching.listed(waiting.pop(0), "sitemap"))
            for entry in entries:
                url, at_ms = str(entry["url"]), cast("int | None", entry["modified_at_ms"])
                if urlsplit(url).netloc != host or not _is_below(url, source):
                    continue
                if entry["kind"] == "page" and len(pages) < most:
                    pages[url] = at_ms
                elif entry["kind"] == "sitemap" and url not in seen and len(seen) < SITEMAPS:
                    seen.add(url)
                    waiting.append(url)
        return pages


class Feed(Pages):
    """Gather the entries of a feed; what falls off it stays."""

    keeps_absent = True

    async def items(self, round_: Round) -> AsyncIterator[Item]:
        """Yield entries; one that is only a teaser is read where it links to."""
        fetching = Fetching(self._web, self._clock, round_)
        told = cast("Mapping[str, Json]", await fetching.listed(round_.source.location, "feed"))
        entries = cast("Sequence[Mapping[str, Json]]", told["entries"])
        round_.total = len(entries)
        for entry in entries:
            yield await self._entry(fetching, round_, entry)

    async def _entry(self, fetching: Fetching, round_: Round, entry: Mapping[str, Json]) -> Item:
        url, title, html = str(entry["url"]), str(entry["title"]), str(entry["html"])
        at_ms = cast("int | None", entry["modified_at_ms"])
        has_page = url.startswith(("https://", "http://"))
        if has_page and not entry["is_whole"]:
            item = await fetching.page(url, title, modified_at_ms=at_ms)
            if isinstance(item, Same | Source) or not html.strip():
                return item
        path = url if has_page else f"{round_.source.location}#{entry['id']}"
        whole = f"<title>{title}</title><h1>{title}</h1>\n{html}"
        version = hashlib.sha256(whole.encode(errors="replace")).hexdigest()[:32]
        return await fetching.staged(
            path,
            title or _name(path),
            "html",
            whole.encode(errors="replace"),
            modified_at_ms=at_ms,
            version=version,
        )


def _is_below(url: str, source: KnowledgeSource) -> bool:
    below = source.options.get("below", "")
    return not isinstance(below, str) or urlsplit(url).path.startswith(below)


def _name(url: str) -> str:
    """Return how a page is cited: host and path."""
    parts = urlsplit(url)
    path = PurePosixPath(parts.path).as_posix().strip("/.")
    return f"{parts.netloc}/{path}" if path else parts.netloc


def _version(headers: Mapping[str, str]) -> str:
    """Return what the server compares: an entity tag, or else a date."""
    if tag := headers.get("etag", ""):
        return f"etag {tag}"[:400]
    return f"date {headers['last-modified']}"[:100] if headers.get("last-modified") else ""


def _conditions(version: str) -> dict[str, str]:
    kind, _, value = version.partition(" ")
    name = {"etag": "If-None-Match", "date": "If-Modified-Since"}.get(kind)
    return {name: value} if name else {}


def _modified(headers: Mapping[str, str]) -> int | None:
    try:
        return round(parsedate_to_datetime(headers["last-modified"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError):
        return None
