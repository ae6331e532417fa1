"""Whether any planned time is missed or doubled in ten simulated years of every IANA time zone.

  engine    the bot's own triggers, asked as the scheduler asks them: wake at a moment, take all planned times
            between the mark and now, move the mark. Wakes are minutes to weeks apart, some at the planned instant
            itself, so every run is thousands of restarts
  oracle    the stated rules of docs/schedules.md, counted by looking at every minute of the decade: at each real one
            for lines that go by elapsed time and for intervals, at each one that a clock on the wall could show for
            lines that name their minutes and hours. It shares no code with the engine and does not use cronsim

Twelve cron lines and four intervals. Zones whose clocks show the same at every minute of the decade are run once for
all of them, and under each of their names for the line that clocks hurt most. Exit status 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import numpy.typing as npt

from quarterdeck.schedule.trigger import Trigger, parse, times

HARDEST = "30 2 * * *"
LINES = (
    "*/20 * * * *",
    "0 * * * *",
    "7-59/30 */6 * * *",
    "*/30 2 * * *",
    "0 9 * * 1-5",
    HARDEST,
    "0,30 1-3 * * *",
    "15 0 * * *",
    "0 0 1 * *",
    "59 23 28-31 * *",
    "0 12 13 * 5",
    "5 4 29 2 *",
)
INTERVALS_MIN = (45, 90, 7 * 60, 24 * 60)
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
START = datetime(2026, 11, 21, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY_MIN = 24 * 60
MARGIN_MIN = 2 * DAY_MIN  # walls are looked at so far beyond both ends

Minutes = npt.NDArray[np.int64]  # since the epoch; of UTC, or of the clock on the wall


@dataclass(frozen=True)
class Result:
    """Count what one trigger did in one zone."""

    zone: str
    trigger: str
    planned: int
    missed: int
    doubled: int
    invented: int


@dataclass(frozen=True)
class Clocks:
    """Hold when a zone has which offset: from `starts[n]` on (UTC minutes) `offsets[n]`, minutes east."""

    starts: tuple[int, ...]
    offsets: tuple[int, ...]


def minute_of(moment: datetime) -> int:
    """Return whole minutes since the epoch."""
    return (moment - EPOCH) // MINUTE


def clocks_of(zone: ZoneInfo, start: int, end: int) -> Clocks:
    """Look at the offset of every day, and of every minute of a day on which it changes."""

    def offset(minute: int) -> int:
        passed = (EPOCH + minute * MINUTE).astimezone(zone).utcoffset() or timedelta()
        return passed // MINUTE

    starts, offsets = [start], [offset(start)]
    for day in range(start, end, DAY_MIN):
        if offset(day + DAY_MIN) != offsets[-1]:
            for minute in range(day, day + DAY_MIN + 1):
                if offset(minute) != offsets[-1]:
                    starts.append(minute)
                    offsets.append(offset(minute))
    return Clocks(tuple(starts), tuple(offsets))


@cache
def values_of(text: str, low: int, high: int) -> frozenset[int]:
    """Read one field: numbers, ranges, steps, joined by commas."""
    found: set[int] = set()
    for term in text.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        begin = low if first == "*" else int(first)
        end = high if first == "*" or (step and not last) else int(last or first)
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


@cache
def days_that_match(line: str, first_day: int, count: int) -> npt.NDArray[np.bool_]:
    """Tell for each day, counted from the epoch, whether the three fields of the date fit it."""
    fields = line.split()
    in_month, months, in_week = (values_of(fields[n], *BOUNDS[n]) for n in (2, 3, 4))
    found = np.zeros(count, dtype=bool)
    for n in range(count):
        day = (EPOCH + timedelta(days=first_day + n)).date()
        by_month = day.day in in_month
        by_week = day.isoweekday() in in_week or (day.isoweekday() == 7 and 0 in in_week)
        is_either = not (fields[2].startswith("*") or fields[4].startswith("*"))
        found[n] = day.month in months and (by_month or by_week if is_either else by_month and by_week)
    return found


def matching(line: str, walls: Minutes) -> npt.NDArray[np.bool_]:
    """Tell for each minute of a clock on the wall whether the line fits it."""
    fields = line.split()
    of_day = np.zeros(DAY_MIN, dtype=bool)
    for hour in values_of(fields[1], *BOUNDS[1]):
        for minute in values_of(fields[0], *BOUNDS[0]):
            of_day[hour * 60 + minute] = True
    first = int(walls.min()) // DAY_MIN
    days = days_that_match(line, first, int(walls.max()) // DAY_MIN - first + 1)
    fits: npt.NDArray[np.bool_] = of_day[walls % DAY_MIN] & days[walls // DAY_MIN - first]
    return fits


def oracle(line: str, clocks: Clocks, start: int, end: int) -> Minutes:
    """Return the planned minutes (UTC) later than `start`, up to `end`."""
    is_elapsed = any(text.startswith("*") for text in line.split()[:2])
    found = _elapsed(line, clocks, end) if is_elapsed else _by_the_wall(line, clocks, end)
    every = np.unique(np.concatenate(found))
    return every[(every > start) & (every <= end)]


def _pieces(clocks: Clocks, end: int) -> Iterable[tuple[int, int, int]]:
    for n, begin in enumerate(clocks.starts):
        following = clocks.starts[n + 1] if n + 1 < len(clocks.starts) else end + MARGIN_MIN
        yield begin, following, clocks.offsets[n]


def _elapsed(line: str, clocks: Clocks, end: int) -> list[Minutes]:
    found = []
    for begin, following, offset in _pieces(clocks, end):
        real = np.arange(begin, following, dtype=np.int64)
        found.append(real[matching(line, real + offset)])
    return found


def _by_the_wall(line: str, clocks: Clocks, end: int) -> list[Minutes]:
    """Map each wall minute to its first real one; those in a gap to the first real minute after the gap."""
    found, shown_until = [], None
    for begin, following, offset in _pieces(clocks, end):
        first_wall, last_wall = begin + offset, following + offset
        if shown_until is not None and first_wall > shown_until:  # a gap
            skipped = np.arange(shown_until, first_wall, dtype=np.int64)
            if matching(line, skipped).any():
                found.append(np.array([begin], dtype=np.int64))
        new_from = first_wall if shown_until is None else max(first_wall, shown_until)
        walls = np.arange(new_from, last_wall, dtype=np.int64)
        if len(walls):
            found.append(walls[matching(line, walls)] - offset)
        shown_until = last_wall if shown_until is None else max(shown_until, last_wall)
    return found


def engine(text: str, zone: str, start: int, end: int, *, seed: str) -> list[int]:
    """Return what fires when a bot wakes at all sorts of moments and takes what is due since its mark."""
    trigger, chance = parse(text, zone), random.Random(seed)
    mark, until = EPOCH + start * MINUTE, EPOCH + end * MINUTE
    fired: list[int] = []
    while (following := trigger.after(mark)) is not None and following <= until:
        nap_s = chance.choice((0, 1, 59, 3600, 86_400, 20 * 86_400)) * chance.random()
        taken = due(trigger, mark, min(following + timedelta(seconds=nap_s), until))
        fired += map(minute_of, taken)
        mark = taken[-1]
    return fired


def due(trigger: Trigger, mark: datetime, now: datetime) -> list[datetime]:
    """Return the planned times later than `mark`, up to `now`."""
    return list(takewhile(lambda planned: planned <= now, times(trigger, mark)))


def compared(zone: str, trigger: str, expected: Minutes, fired: Sequence[int]) -> Result:
    """Count the differences."""
    planned = set(expected.tolist())
    came = set(fired)
    return Result(
        zone=zone,
        trigger=trigger,
        planned=len(planned),
        missed=len(planned - came),
        doubled=len(fired) - len(came),
        invented=len(came - planned),
    )


def run(zone: str, start: int, end: int, lines: Sequence[str], intervals: Sequence[int]) -> list[Result]:
    """Run all triggers in one zone."""
    clocks = clocks_of(ZoneInfo(zone), start - MARGIN_MIN, end + MARGIN_MIN)
    results = []
    for line in lines:
        fired = engine(line, zone, start, end, seed=f"{zone} {line}")
        results.append(compared(zone, line, oracle(line, clocks, start, end), fired))
    for every in intervals:
        real = np.arange(start + 1, end + 1, dtype=np.int64)
        text = f"every {every}m"
        fired = engine(text, zone, start, end, seed=f"{zone} {text}")
        results.append(compared(zone, text, real[real % every == 0], fired))
    return results


def main() -> int:
    """Run what the command line asks for; print one JSON document."""
    options = _options()
    start, end = minute_of(START), minute_of(START.replace(year=START.year + options.years))
    names = options.zones or sorted(available_timezones())
    alike: dict[Clocks, str] = {}
    for name in names:
        alike.setdefault(clocks_of(ZoneInfo(name), start - MARGIN_MIN, end + MARGIN_MIN), name)
    began_s = time.monotonic()
    results: list[Result] = []
    with ProcessPoolExecutor(max_workers=options.processes) as pool:
        jobs = [pool.submit(run, name, start, end, LINES, INTERVALS_MIN) for name in alike.values()]
        rest = set(names) - set(alike.values())
        jobs += [pool.submit(run, name, start, end, (HARDEST,), ()) for name in sorted(rest)]
        for done, job in enumerate(jobs, start=1):
            results += job.result()
            if sys.stderr.isatty():
                print(f"\r{done}/{len(jobs)}", end="", file=sys.stderr)
    wrong = [asdict(one) for one in results if one.missed or one.doubled or one.invented]
    document = {
        "years": options.years,
        "zones": len(names),
        "distinct_clocks": len(alike),
        "lines": len(LINES),
        "intervals": len(INTERVALS_MIN),
        "fires": sum(one.planned for one in results),
        "missed": sum(one.missed for one in results),
        "doubled": sum(one.doubled for one in results),
        "invented": sum(one.invented for one in results),
        "took_s": round(time.monotonic() - began_s),
        "wrong": wrong[:20],
    }
    print(json.dumps(document))
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--zones", nargs="*", help="IANA names; all of them unless given")
    parser.add_argument("--processes", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
