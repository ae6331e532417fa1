"""Read a trigger in any form, and show what was understood: the next times, and what the coming clock change does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from quarterdeck.core.errors import UsageError
from quarterdeck.core.schedule import ClockChange, Understood
from quarterdeck.schedule import trigger as triggers
from quarterdeck.schedule.words.read import HOW, in_words
from quarterdeck.schedule.words.say import said

AHEAD = timedelta(days=370)  # how far a change of clocks is looked for
BACK = timedelta(days=40)  # how far before it a planned time is looked for
NEXT = 5
_CRON_LIKE = re.compile(r"[\d*][\d*/,-]*(?: [^ ;]+){1,5}(?:;.*)?")
_FIELDS = re.compile(r"[\d*][\d*/,-]* [\d*][\d*/,-]* \S+ \S+ \S+(?: ?; ?.*)?")


def understand(text: str, timezone: str, now: datetime) -> Understood:
    """Return what a trigger means, in `timezone`, seen from `now`.

    Raises:
        UsageError: trigger or timezone is wrong, or no time is to come.
    """
    zone = triggers.zone_of(timezone)
    stored = _stored(text, zone, now)
    trigger = triggers.parse(stored, timezone)
    planned = [moment.astimezone(zone) for moment in islice(triggers.times(trigger, now), NEXT)]
    if not planned:
        raise UsageError(f"{text!r} has no time to come", hint=HOW)
    return Understood(
        trigger=stored,
        timezone=timezone,
        said=said(stored, zone),
        next=tuple(planned),
        change=None if isinstance(trigger, triggers.Once) else _change(trigger, zone, now),
    )


def _stored(text: str, zone: ZoneInfo, now: datetime) -> str:
    plain = triggers.canonical(text)
    if len(plain) > triggers.LONGEST:
        raise UsageError(f"a trigger has at most {triggers.LONGEST} characters", hint=HOW)
    if _FIELDS.fullmatch(plain) or ("*" in plain and _CRON_LIKE.fullmatch(plain)):
        return plain
    if re.fullmatch(r"every \d+ ?[a-z]+", plain) and _is_interval(plain):
        return plain
    if re.match(r"\d{4}-\d\d-\d\d[t ]\d", plain, re.IGNORECASE):
        return _moment(plain, zone)
    return in_words(text, zone, now)


def _is_interval(text: str) -> bool:
    unit = text.split(" ", 1)[1].lstrip("0123456789 ")
    return (unit in triggers.UNITS_S or unit.removesuffix("s") in triggers.UNITS_S) or len(unit) == 1


def _moment(text: str, zone: ZoneInfo) -> str:
    """Return a moment with its offset; one without is of the zone's clocks."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a moment: {error}", hint=HOW) from error
    if moment.tzinfo is not None:
        return text
    there = moment.replace(tzinfo=zone)
    if there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise UsageError(
            f"{text!r} does not exist there: clocks go forward over it", hint="write another time"
        )
    return there.isoformat()


def _change(trigger: triggers.Trigger, zone: ZoneInfo, now: datetime) -> ClockChange | None:
    change = triggers.clock_change(zone, now.astimezone(UTC), now.astimezone(UTC) + AHEAD)
    if change is None:
        return None
    before = triggers.latest(trigger, after=max(change - BACK, now), until=change - triggers.SECOND, limit=1)
    after = trigger.after(change - triggers.SECOND)
    return ClockChange(
        at=change.astimezone(zone),
        before=before[-1].astimezone(zone) if before else None,
        after=after.astimezone(zone) if after else None,
    )
