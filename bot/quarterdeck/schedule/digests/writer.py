"""Write the next issue of a digest for one channel: gather, leave out what was told or muted, lay out, remember."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol
from zoneinfo import ZoneInfo

from quarterdeck.core.digest import Issue, Mark, Noted
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.core.schedule import DigestSource, Item, SourceSpec
from quarterdeck.core.value import dataclass
from quarterdeck.schedule.digests.definition import Definition
from quarterdeck.schedule.digests.edition import Edition, Shown
from quarterdeck.schedule.digests.fetched import hashed, host_of
from quarterdeck.schedule.digests.issue import Window
from quarterdeck.schedule.digests.summary import Summariser
from quarterdeck.schedule.moments import moment_of, ms_of

FIRST_MS = 24 * 3600 * 1000  # how far the first issue looks back, where a source knows times
SOURCE_LIMIT_S = 30.0
AT_ONCE = 4
LONGEST_REASON = 100

log = logging.getLogger(__name__)


class IssueRows(Protocol):
    """Remember what each digest told which channel."""

    async def issues(self, conversation_id: str, name: str) -> list[Issue]:
        """Return the delivered issues of a digest in a channel, newest first."""

    async def told(self, keys: Sequence[str]) -> dict[str, list[Noted]]:
        """Return what issues found, by key."""

    async def marks(self, name: str, conversation_id: str) -> list[Mark]:
        """Return what was said of items in a channel, the latest last."""

    async def record_issue(
        self, issue: Issue, conversation_id: str, name: str, *, code: str, items: Sequence[Noted], now_ms: int
    ) -> None:
        """Write down an issue with what it found, about to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Hold what a channel was told before; `first` is true until an issue was delivered."""

    since_ms: int
    is_first: bool
    told: Mapping[str, str]
    still_open: Sequence[Noted]
    marks: Mapping[str, str]
    failing: Mapping[str, str]


class Writer:
    """Write issues; `limits` bounds the characters of a post by platform."""

    def __init__(
        self,
        rows: IssueRows,
        sources: Mapping[str, DigestSource],
        summariser: Summariser,
        clock: Clock,
        *,
        limit: Limit,
    ) -> None:
        self._rows, self._sources, self._summariser = rows, sources, summariser
        self._clock, self._limit = clock, limit

    async def write(
        self, definition: Definition, place: Conversation, *, zone: ZoneInfo, key: str = ""
    ) -> Reply | None:
        """Return the next issue, None where there is no news and silence was chosen; recorded under a given `key`."""
        now_ms = ms_of(self._clock.now())
        past = await self._past(definition, place, now_ms)
        found, failing = await self._gather(definition, place, past.since_ms)
        fresh = [one for one in found if _is_fresh(one, past)]
        again = tuple(sorted(set(past.failing) - set(failing)))
        changed = [one.id in past.told for one in fresh]
        shown = tuple(
            Shown(n=n, item=one, is_changed=is_changed)
            for n, (one, is_changed) in enumerate(zip(fresh, changed, strict=True), start=1)
        )[: definition.most]
        code = hashed(key or "preview", place.id, str(now_ms))[:8]
        edition = Edition(
            title=definition.title or definition.name,
            code=code,
            window=Window(
                since=moment_of(past.since_ms).astimezone(zone), until=moment_of(now_ms).astimezone(zone)
            ),
            items=shown,
            more=len(fresh) - len(shown),
            still_open=tuple(
                (n, one.title, one.url) for n, one in enumerate(past.still_open, start=len(shown) + 1)
            ),
            failing=failing,
            again=again,
            has_ack=definition.carry > 0,
        )
        is_news = bool(shown or past.still_open or again or set(failing) - set(past.failing))
        if not is_news and definition.empty == "silence":
            return None
        reply, count = await self._worded(edition, definition, place)
        if key:
            noted = [Noted(item=one.id, mark=one.mark, n=0, title=one.title, url=one.url) for one in found]
            numbers = {one.item.id: one.n for one in shown[:count]}
            carried = [
                Noted(item=one.item, mark=one.mark, n=n, title=one.title, url=one.url)
                for n, one in enumerate(past.still_open, start=len(shown) + 1)
            ]
            items = {one.item: one for one in noted}
            items |= {
                one.item: Noted(
                    item=one.item, mark=one.mark, n=numbers[one.item], title=one.title, url=one.url
                )
                for one in noted
                if one.item in numbers
            }
            items |= {one.item: one for one in carried}
            issue = Issue(key=key, up_to_ms=now_ms, failing=failing)
            await self._rows.record_issue(
                issue, place.id, definition.name, code=code, items=list(items.values()), now_ms=now_ms
            )
        return reply

    async def _past(self, definition: Definition, place: Conversation, now_ms: int) -> Past:
        issues = await self._rows.issues(place.id, definition.name)
        told = await self._rows.told([issue.key for issue in issues])
        marks = {one.item: one.kind for one in await self._rows.marks(definition.name, place.id)}
        latest: dict[str, str] = {}
        for issue in reversed(issues):
            latest |= {one.item: one.mark for one in told[issue.key]}
        recent = [one for issue in issues[: definition.carry] for one in told[issue.key] if one.n]
        begun = {one.item for issue in issues[definition.carry :] for one in told[issue.key] if one.n}
        still_open = {one.item: one for one in recent if one.item not in marks and one.item not in begun}
        return Past(
            since_ms=issues[0].up_to_ms if issues else now_ms - FIRST_MS,
            is_first=not issues,
            told=latest,
            still_open=list(still_open.values()) if definition.carry else (),
            marks=marks,
            failing=issues[0].failing if issues else {},
        )

    async def _gather(
        self, definition: Definition, place: Conversation, since_ms: int
    ) -> tuple[list[Item], dict[str, str]]:
        """Read all sources, some at a time; returns what they have, and why some have nothing."""
        room = asyncio.Semaphore(AT_ONCE)
        failing: dict[str, str] = {}

        async def read(spec: SourceSpec) -> list[Item]:
            try:
                async with room, asyncio.timeout(SOURCE_LIMIT_S):
                    source = self._sources[spec.kind]
                    return await source.items(spec, since_ms=since_ms, reader=definition.owner, place=place)
            except (QuarterdeckError, TimeoutError, KeyError) as error:
                reason = "it took too long" if isinstance(error, TimeoutError) else str(error)
                failing[named(spec)] = " ".join(reason.split())[:LONGEST_REASON]
                log.warning("A source of a digest failed", extra={"digest": definition.name, "error": reason})
                return []

        groups = await asyncio.gather(*map(read, definition.sources))
        found = {one.id: one for group in groups for one in group}
        return list(found.values()), failing

    async def _worded(
        self, edition: Edition, definition: Definition, place: Conversation
    ) -> tuple[Reply, int]:
        limit = self._limit(place.platform)
        if definition.summary == "auto" and edition.items:
            summary, note = await self._summariser.summary(edition.items, conversation_id=place.id)
            if summary and len(summary) < limit - 600:
                return edition.reply(limit=limit, summary=summary, note=note)
        return edition.reply(limit=limit)


class Limit(Protocol):
    """Say how many characters a post may have on a platform."""

    def __call__(self, platform: str) -> int: ...


def named(spec: SourceSpec) -> str:
    """Return what readers know a source by."""
    return spec.title or (host_of(spec.target) if "://" in spec.target else f"{spec.kind} {spec.target}")


def _is_fresh(item: Item, past: Past) -> bool:
    if past.marks.get(item.id) == "mute" or past.told.get(item.id) == item.mark:
        return False
    if past.is_first and item.at is not None:
        return ms_of(item.at) >= past.since_ms
    return True
