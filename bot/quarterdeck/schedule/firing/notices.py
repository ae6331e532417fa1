"""Word what a schedule has to say of itself: missed times, times a person decides about, failures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from quarterdeck.core.reply import Button, Card, Reply
from quarterdeck.core.schedule import Schedule, Streak
from quarterdeck.schedule.moments import moment_of, ms_of
from quarterdeck.schedule.words.say import moment_said

NAMED = 5  # missed times that are named one by one


def missed(schedule: Schedule, times: Sequence[datetime], *, made_up: Sequence[datetime]) -> Reply:
    """Return what is posted when planned times passed without a fire."""
    zone = ZoneInfo(schedule.timezone)
    then = ""
    if made_up:
        then = f" The time of {moment_said(made_up[-1].astimezone(zone))} is made up for now."
    why = f"missed times: {schedule.misfire}"
    if schedule.lateness_s is not None:
        why += f", at most {span(schedule.lateness_s)} late"
    return Reply(
        text=f"**Missed**: `{schedule.what}` did not run at {_listed(times, zone)}.{then}"
        f"\n_Schedule `{schedule.id}`, {why}._"
    )


def asked(schedule: Schedule, times: Sequence[datetime]) -> Reply:
    """Return the question what becomes of missed times; its buttons answer it."""
    zone, up_to = ZoneInfo(schedule.timezone), ms_of(times[-1])

    def button(choice: str, label: str) -> Button:
        value = f"/schedule catch-up {schedule.id} {choice} {up_to}"
        return Button(id=choice, label=label, value=value)

    several = (button("all", f"Run all {len(times)}"),) if len(times) > 1 else ()
    buttons = (button("once", "Run once"), *several, button("skip", "Leave out"))
    body = f"`{schedule.what}` did not run at {_listed(times, zone)}. Shall it run now?"
    return Reply(card=Card(title="Missed", body=body, buttons=buttons), status="pending")


def skipped(schedule: Schedule, times: Sequence[datetime], running: datetime) -> Reply:
    """Return what is posted when a fire was left out because an earlier one had not ended."""
    zone = ZoneInfo(schedule.timezone)
    return Reply(
        text=f"**Skipped**: `{schedule.what}` of {_listed(times, zone)}, since the one of "
        f"{moment_said(running.astimezone(zone))} still runs. I say so once.\n"
        f"_Schedule `{schedule.id}`, overlap: {schedule.overlap}._"
    )


def failing(schedule: Schedule, text: str) -> Reply:
    """Return the answer of the first fire in a row that failed."""
    note = (
        f"_Schedule `{schedule.id}` failed. It goes on as planned; I say so once, and again when it works. "
        f"`/schedule show {schedule.id}` shows each time._"
    )
    return Reply(text=f"{text}\n\n{note}" if text else note, status="error")


def recovered(schedule: Schedule, streak: Streak) -> Reply:
    """Return what is posted when a fire worked after a row of failures."""
    since = moment_said(moment_of(streak.since_ms).astimezone(ZoneInfo(schedule.timezone)))
    times = "once" if streak.failures == 1 else f"{streak.failures} times"
    return Reply(
        text=f"**Works again**: `{schedule.what}` (schedule `{schedule.id}`) failed {times} since {since}."
    )


def span(seconds: int) -> str:
    """Write an amount of time: `2h`, `90m`."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _listed(times: Sequence[datetime], zone: ZoneInfo) -> str:
    named = [moment_said(one.astimezone(zone)) for one in times]
    if len(named) <= NAMED:
        return ", ".join(named)
    return f"{named[0]} and {len(named) - 1} more times, the last {named[-1]}"
