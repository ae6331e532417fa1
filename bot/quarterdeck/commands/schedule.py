"""`/schedule`: have a command run by itself at planned times."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Schedule, Schedules
from quarterdeck.core.reply import Reply

ADD_EXAMPLE = '/schedule add "0 9 * * mon-fri" Europe/Berlin /digest'
QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“", "«": "»", "‘": "’"}  # noqa: RUF001  as chat programs write them
CRON_FIELDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Hold what `add` was given; `timezone` is empty when none was."""

    trigger: str
    timezone: str
    what: str


def read_order(text: str) -> Order:
    """Read `"TRIGGER" [ZONE] /command …`; the quotes may be left out.

    Raises:
        UsageError: no command line, no trigger, or something else stands between them.
    """
    text = text.strip()
    start = re.search(r"(?:^|(?<=\s))/", text)
    if start is None:
        raise UsageError("which command shall run?", hint=f"such as {ADD_EXAMPLE}")
    trigger, words = _trigger(text[: start.start()].strip())
    if not trigger or len(words) > 1:
        extra = f": what is {' '.join(words[1:])!r}?" if len(words) > 1 else ""
        raise UsageError(f"when shall it run{extra or '?'}", hint=f"such as {ADD_EXAMPLE}")
    return Order(trigger=trigger, timezone="".join(words), what=text[start.start() :])


def _trigger(text: str) -> tuple[str, list[str]]:
    """Split off the trigger; returns it and the words after it."""
    if text[:1] in QUOTES:
        end = max(text.find(QUOTES[text[0]], 1), text.find(text[0], 1))
        if end < 0:
            raise UsageError("the trigger's closing quote is missing", hint=f"such as {ADD_EXAMPLE}")
        return text[1:end].strip(), text[end + 1 :].split()
    words = text.split()
    size = _size(words)
    return " ".join(words[:size]), words[size:]


def _size(words: Sequence[str]) -> int:
    if words[:1] == ["every"]:
        return 3 if len(words) > 2 and words[1].isdigit() else 2
    return 1 if words and re.match(r"\d{4}-\d", words[0]) else CRON_FIELDS


async def schedule(call: Call) -> Reply:
    """Do what the first word says."""
    actions: dict[str, Callable[[Call, str], Awaitable[Reply]]] = {
        "add": _add,
        "list": _list,
        "pause": _pause,
        "resume": _resume,
        "remove": _remove,
        "run": _run,
    }
    return await actions[call.text("action")](call, call.text("rest").strip())


async def _add(call: Call, text: str) -> Reply:
    order = read_order(text)
    schedules = call.services.schedules
    stored = await schedules.add(
        key=call.event_id,
        trigger=order.trigger,
        timezone=order.timezone,
        what=order.what,
        conversation=call.conversation,
        owner=call.identity,
        misfire=call.text("misfire") or "once",
    )
    return Reply(text=f"Scheduled.\n\n{_described(stored, schedules, count=5)}")


async def _list(call: Call, text: str) -> Reply:
    if text not in ("", "all"):
        raise UsageError(f"list what: {text!r}?", hint="/schedule list, or /schedule list all")
    schedules = call.services.schedules
    found = await schedules.all(None if text else call.conversation.id)
    if not found:
        return Reply(text=f"No schedules {'yet' if text else 'here'}. Add one: `{ADD_EXAMPLE}`")
    return Reply(text="\n\n".join(_described(one, schedules, count=1) for one in found))


async def _pause(call: Call, text: str) -> Reply:
    stored = await call.services.schedules.pause(_id(text, "pause"), paused=True)
    return Reply(text=f"Paused: {_line(stored)}. `/schedule resume {stored.id}` goes on.")


async def _resume(call: Call, text: str) -> Reply:
    schedules = call.services.schedules
    stored = await schedules.pause(_id(text, "resume"), paused=False)
    return Reply(text=f"Goes on.\n\n{_described(stored, schedules, count=5)}")


async def _remove(call: Call, text: str) -> Reply:
    removed = await call.services.schedules.remove(_id(text, "remove"))
    return Reply(text=f"Removed: {_line(removed)}.")


async def _run(call: Call, text: str) -> Reply:
    started = await call.services.schedules.run(_id(text, "run"), key=call.event_id)
    return Reply(text=f"Running `{started.what}` now, beside the plan.")


def _id(text: str, action: str) -> str:
    schedule_id = text.strip("`")
    if not schedule_id or " " in schedule_id:
        raise UsageError(
            f"{action} which schedule?", hint=f"/schedule {action} ID; /schedule list shows the ids"
        )
    return schedule_id


def _line(one: Schedule) -> str:
    return f"`{one.id}` `{one.what}` at `{one.trigger}`, {one.timezone}"


def _described(one: Schedule, schedules: Schedules, *, count: int) -> str:
    missed = f"missed times: {one.misfire}"
    if one.paused:
        return f"{_line(one)} ({missed}; paused)"
    planned = schedules.preview(one.trigger, one.timezone, count)
    if not planned:
        return f"{_line(one)} (no time to come)"
    if count == 1:
        return f"{_line(one)} ({missed}); next {_moment(planned[0])}"
    return "\n".join([f"{_line(one)} ({missed}). Next:", *(f"- {_moment(moment)}" for moment in planned)])


def _moment(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M} ({moment:%Z}, UTC{moment.isoformat()[-6:]})"


COMMAND = Command(
    name="schedule",
    summary="Have a command run by itself at planned times",
    handler=schedule,
    allow="operator",
    effect="write",
    options=(
        Option(
            name="action",
            summary="What to do",
            kind="choice",
            choices=("add", "list", "pause", "resume", "remove", "run"),
            default="list",
            positional=True,
        ),
        Option(
            name="misfire",
            summary="What becomes of times missed while the bot was down",
            kind="choice",
            choices=("skip", "once", "all"),
            default="once",
        ),
        Option(
            name="rest",
            summary='For add: "TRIGGER" [ZONE] /command; for the others: the schedule\'s id',
            kind="text",
            positional=True,
            rest=True,
        ),
    ),
    examples=(
        ADD_EXAMPLE,
        '/schedule add "every 2h" /status',
        "/schedule list",
        "/schedule pause 1f2e3d4c",
    ),
    detail=(
        "The trigger is a cron line of five fields (minute, hour, day, month, weekday; Monday is 1, Sunday 7 "
        "or 0), `every 10m`, or one moment such as 2027-01-31T09:00:00+01:00. Cron lines go by the clock of "
        "the time zone, an IANA name. A schedule runs with the rights that its maker has at that time. When "
        "the clocks go forward, a time in the gap runs once, right after it; when they go back, it runs once."
    ),
)
