"""Lay out a digest as CommonMark, never longer than a platform's message or two. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from quarterdeck.core.value import dataclass
from quarterdeck.schedule.digests.extract import Discussion, Extract, Said

LONGEST = 3500  # characters
NAMED_AUTHORS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Say what a digest covers, in the reader's zone; `has_earlier`: there was more than it could take in."""

    since: datetime
    until: datetime
    has_earlier: bool = False


def clock_time(moment: datetime) -> str:
    """Write a moment for people: `Fri 20 Nov 14:05`."""
    return f"{moment:%a} {moment.day} {moment:%b %H:%M}"


def header(said: Sequence[Said], window: Window) -> str:
    """Return the first line: how much was said, by whom, from when to when."""
    authors = Counter(one.author for one in said).most_common()
    named = [f"{author} ({count})" for author, count in authors[:NAMED_AUTHORS]]
    if len(authors) > NAMED_AUTHORS:
        named.append(f"{len(authors) - NAMED_AUTHORS} more")
    span = f"{clock_time(window.since)} to {clock_time(window.until)} {window.until:%Z}".rstrip()
    earlier = " Earlier messages of this time are not in it." if window.has_earlier else ""
    return f"**Digest**, {span}: {_count(len(said), 'message')} by {_joined(named)}.{earlier}"


def listed(found: Extract) -> list[str]:
    """Return the sections of an extractive digest."""
    sections = [_discussion(discussion) for discussion in found.discussions]
    if found.more_discussions:
        sections.append(f"… and {_count(found.more_discussions, 'shorter discussion')}.")
    if found.questions:
        sections.append(_section("Questions", found.questions, found.more_questions))
    if found.links:
        lines = [f"- {link.text} ({link.author}, {clock_time(link.at)})" for link in found.links]
        sections.append("\n".join(["**Links**", *lines, *_more(found.more_links)]))
    return sections


def bounded(sections: Sequence[str]) -> str:
    """Join sections with empty lines; what does not fit is left out by whole lines, and counted."""
    lines = "\n\n".join(sections).split("\n")
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > LONGEST:
            left_out = sum(bool(rest.strip()) for rest in lines[len(kept) :])
            return "\n".join(kept).rstrip() + f"\n\n… {_count(left_out, 'line')} left out."
        kept.append(line)
    return "\n".join(kept)


def _discussion(discussion: Discussion) -> str:
    title = discussion.title or "talk"
    lines = [_point(said) for said in discussion.sentences]
    return "\n".join([f"**{title}** ({_count(discussion.messages, 'message')})", *lines])


def _section(title: str, points: Sequence[Said], more: int) -> str:
    return "\n".join([f"**{title}**", *(_point(said) for said in points), *_more(more)])


def _point(said: Said) -> str:
    return f"- {said.author}, {clock_time(said.at)}: {said.text}"


def _more(count: int) -> list[str]:
    return [f"- … and {count} more"] if count else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
