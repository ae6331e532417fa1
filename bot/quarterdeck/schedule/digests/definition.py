"""Declare a digest: what it gathers, where it goes, when it keeps quiet. Checked when it is declared, not later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from quarterdeck.core.errors import UsageError
from quarterdeck.core.person import Identity
from quarterdeck.core.schedule import SourceSpec
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.schedule.digests.query import checked_path
from quarterdeck.schedule.trigger import zone_of

KINDS = ("conversation", "workflow", "knowledge", "feed", "json")
EMPTY = ("silence", "line")
SUMMARY = ("auto", "never")
PATHS = ("items", "id", "title", "url", "text", "at")
MOST_SOURCES, MOST_PLACES, MOST_ITEMS, MOST_CARRIED = 30, 50, 50, 10
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_QUIET = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Hold one digest. `to` are conversation ids, `readers` get it directly, by their own clock.

    `at` is a trigger in stored form, empty: somebody schedules or sends it. `quiet` is `22:00-07:00` or empty. `empty`
    says what an issue without news is: silence or one line. `carry`: in how many more issues an item is named that
    nobody has seen to. `is_fixed`: it stands in the settings file.
    """

    name: str
    owner: Identity
    sources: tuple[SourceSpec, ...] = ()
    title: str = ""
    to: tuple[str, ...] = ()
    readers: tuple[Identity, ...] = ()
    at: str = ""
    timezone: str = "UTC"
    quiet: str = ""
    empty: str = "silence"
    carry: int = 0
    most: int = 20
    summary: str = "auto"
    is_fixed: bool = False
    version: int = 0

    def json(self) -> dict[str, object]:
        """Write it as plain JSON."""
        return {
            "sources": [
                {
                    "kind": one.kind,
                    "target": one.target,
                    "title": one.title,
                    "paths": dict(one.paths),
                    "credential": one.credential,
                }
                for one in self.sources
            ],
            "title": self.title,
            "to": list(self.to),
            "readers": [str(one) for one in self.readers],
            "at": self.at,
            "timezone": self.timezone,
            "quiet": self.quiet,
            "empty": self.empty,
            "carry": self.carry,
            "most": self.most,
            "summary": self.summary,
        }

    @classmethod
    def from_json(
        cls, name: str, owner: Identity, body: Mapping[str, Any], *, version: int = 0
    ) -> Definition:
        """Read what `json` wrote."""
        values = dict(body)
        values["sources"] = tuple(SourceSpec(**one) for one in values.get("sources", ()))
        values["to"] = tuple(values.get("to", ()))
        values["readers"] = tuple(Identity.parse(one) for one in values.get("readers", ()))
        return cls(name=name, owner=owner, version=version, **values)


def checked(definition: Definition) -> Definition:
    """Return the definition when all of it can work.

    Raises:
        UsageError: names what is wrong and how to write it.
    """
    if not _NAME.fullmatch(definition.name) or definition.name in RESERVED:
        hint = "1 to 40 of a-z, 0-9, - and _, beginning with a letter or digit; not a word of /digest"
        raise UsageError(f"{definition.name!r} cannot name a digest", hint=hint)
    if not definition.sources:
        raise UsageError(f"digest {definition.name!r} has no source", hint="/digest add NAME feed https://…")
    for count, most, what in (
        (len(definition.sources), MOST_SOURCES, "sources"),
        (len(definition.to) + len(definition.readers), MOST_PLACES, "channels and readers"),
    ):
        if count > most:
            raise UsageError(f"a digest has at most {most} {what}", hint="make two of it")
    _one_of("empty", definition.empty, EMPTY)
    _one_of("summary", definition.summary, SUMMARY)
    if not (1 <= definition.most <= MOST_ITEMS and 0 <= definition.carry <= MOST_CARRIED):
        raise UsageError(
            "a number is out of range", hint=f"most: 1 to {MOST_ITEMS}, carry: 0 to {MOST_CARRIED}"
        )
    zone_of(definition.timezone)
    quiet_hours(definition.quiet)
    return replace(definition, sources=tuple(map(checked_source, definition.sources)))


RESERVED = [
    "add",
    "set",
    "list",
    "show",
    "preview",
    "send",
    "remove",
    "drop",
    "ack",
    "mute",
    "unmute",
    "me",
    "here",
]


def checked_source(spec: SourceSpec) -> SourceSpec:
    """Return a source when it can be read in principle.

    Raises:
        UsageError: it has no such kind, or its address or paths are wrong.
    """
    _one_of("a source", spec.kind, KINDS)
    if not spec.target or len(spec.target) > 1000:
        raise UsageError(f"which {spec.kind}?", hint="/digest add NAME KIND TARGET")
    if spec.kind in ("feed", "json") and not spec.target.startswith(("https://", "http://")):
        raise UsageError(f"{spec.target[:80]!r} is no address", hint="write https://…")
    for name, path in spec.paths.items():
        if spec.kind != "json" or name not in PATHS:
            raise UsageError(f"{name!r} is no path of a {spec.kind} source", hint=f"json: {', '.join(PATHS)}")
        checked_path(path)
    return spec


def quiet_hours(text: str) -> tuple[time, time] | None:
    """Read `22:00-07:00`; None when there are none.

    Raises:
        UsageError: it has another form.
    """
    if text in ("", "none"):
        return None
    match = _QUIET.fullmatch(text)
    try:
        if match is not None:
            begin, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
            if begin != end:
                return begin, end
    except ValueError:
        pass
    raise UsageError(f"{text!r} are no quiet hours", hint="write 22:00-07:00, or none")


def quiet_until(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return when the quiet hours end in which `now` lies, aware; None when it lies in none."""
    hours = quiet_hours(text)
    if hours is None:
        return None
    begin, end = hours
    local = now.astimezone(zone)
    clock = local.time().replace(tzinfo=None)
    is_quiet = begin <= clock < end if begin < end else clock >= begin or clock < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if begin > end and clock >= begin else 0)
    return datetime.combine(day, end, tzinfo=zone)


def _one_of(what: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        hint = did_you_mean(word, known) or f"write one of {', '.join(known)}"
        raise UsageError(f"{what} cannot be {word[:60]!r}", hint=hint)


def with_value(definition: Definition, field: str, text: str) -> Definition:
    """Return the definition with one of its settings changed, from what somebody typed.

    Raises:
        UsageError: there is no such setting, or the value is wrong.
    """
    if field in ("carry", "most"):
        if not text.isdecimal():
            raise UsageError(
                f"{field} is a whole number, not {text[:40]!r}", hint=f"/digest set NAME {field} 3"
            )
        return replace(definition, **cast("Any", {field: int(text)}))
    if field in ("title", "empty", "summary"):
        return replace(definition, **cast("Any", {field: text}))
    if field == "quiet":
        return replace(definition, quiet="" if text == "none" else text)
    if field in ("zone", "timezone"):
        return replace(definition, timezone=text)
    known = ("title", "empty", "summary", "quiet", "zone", "carry", "most", "at", "to", "readers")
    raise UsageError(
        f"a digest has no {field!r}", hint=did_you_mean(field, known) or f"one of {', '.join(known)}"
    )
