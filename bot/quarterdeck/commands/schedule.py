"""`/schedule`: have a command run by itself at planned times."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.reply import Button, Card, Reply
from quarterdeck.core.schedule import Changes, ClockChange, FireRow, Schedule, Schedules, Understood
from quarterdeck.core.value import dataclass

ADD_EXAMPLE = '/schedule add "every weekday at 9" Europe/Berlin /digest'
EDIT_EXAMPLE = '/schedule edit 1f2e3d4c "every weekday at 10"'
QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“", "«": "»", "‘": "’"}  # noqa: RUF001  as chat programs write them
_ZONE = re.compile(r"UTC|GMT|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+|\S+/\S+")
FIRES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Hold what was given; what is empty was not."""

    trigger: str
    timezone: str
    what: str


def read_order(text: str, *, is_edit: bool = False) -> Order:
    """Read `"TRIGGER" [ZONE] /command …`; the quotes may be left out. An edit may leave out any of the three.

    Raises:
        UsageError: no command line, no trigger, or something else stands between them.
    """
    text = text.strip()
    start = re.search(r"(?:^|(?<=\s))/", text)
    if start is None and not is_edit:
        raise UsageError("which command shall run?", hint=f"such as {ADD_EXAMPLE}")
    before, what = (text[: start.start()].strip(), text[start.start() :]) if start else (text, "")
    trigger, words = _trigger(before)
    if (not trigger and not is_edit) or len(words) > 1:
        extra = f": what is {' '.join(words[1:])!r}?" if len(words) > 1 else ""
        raise UsageError(f"when shall it run{extra or '?'}", hint=f"such as {ADD_EXAMPLE}")
    return Order(trigger=trigger, timezone="".join(words), what=what)


def _trigger(text: str) -> tuple[str, list[str]]:
    """Split off the trigger; returns it and the words after it."""
    if text[:1] in QUOTES:
        end = max(text.find(QUOTES[text[0]], 1), text.find(text[0], 1))
        if end < 0:
            raise UsageError("the trigger's closing quote is missing", hint=f"such as {ADD_EXAMPLE}")
        return text[1:end].strip(), text[end + 1 :].split()
    words = text.split()
    has_zone = bool(words) and _ZONE.fullmatch(words[-1]) is not None and not re.match(r"[\d*]", words[-1])
    if not has_zone:
        return " ".join(words), []
    trigger = words[:-2] if words[-2:-1] == ["in"] else words[:-1]
    return " ".join(trigger), words[-1:]


async def schedule(call: Call) -> Reply:
    """Do what the first word says."""
    return await ACTIONS[call.text("action")](call, call.text("rest").strip())


async def _add(call: Call, text: str) -> Reply:
    order, schedules = read_order(text), call.services.schedules
    changes = _changes(call, order)
    if call.options.get("yes"):
        stored = await schedules.add(
            key=call.event_id,
            trigger=order.trigger,
            timezone=changes.timezone or "",
            what=order.what,
            conversation=call.conversation,
            owner=call.identity,
            misfire=changes.misfire or "once",
            overlap=changes.overlap or "skip",
            lateness_s=changes.lateness_s,
        )
        return Reply(text=f"Scheduled.\n\n{_described(stored, schedules)}")
    draft, understood = await schedules.draft(changes, conversation=call.conversation, owner=call.identity)
    return _question(draft.id, "Schedule this?", f"`{draft.changes.what}`", understood, "Schedule it")


async def _edit(call: Call, text: str) -> Reply:
    schedule_id, _, rest = text.partition(" ")
    schedule_id, schedules = _id(schedule_id, "edit"), call.services.schedules
    changes, version = _changes(call, read_order(rest, is_edit=True)), _version(call)
    if changes.is_empty():
        raise UsageError(
            "what shall be changed?", hint=f"such as {EDIT_EXAMPLE}, or --misfire skip before the id"
        )
    if call.options.get("yes") or not (changes.trigger or changes.timezone):
        stored = await schedules.edit(schedule_id, changes, by=call.identity, version=version)
        return Reply(text=f"Changed.\n\n{_described(stored, schedules)}")
    draft, understood = await schedules.draft(
        changes, conversation=call.conversation, owner=call.identity, edits=schedule_id, version=version
    )
    before = await schedules.get(schedule_id)
    what = f"`{changes.what or before.what}` (now: `{before.trigger}`, {before.timezone})"
    return _question(draft.id, f"Change `{schedule_id}` to this?", what, understood, "Change it")


def _question(draft_id: str, title: str, what: str, understood: Understood, yes: str) -> Reply:
    body = f"{what} {understood_said(understood)}"
    buttons = (
        Button(id="confirm", label=yes, value=f"/schedule confirm {draft_id}"),
        Button(id="discard", label="Leave it", value=f"/schedule discard {draft_id}"),
    )
    return Reply(card=Card(title=title, body=body, buttons=buttons), status="pending")


async def _confirm(call: Call, text: str) -> Reply:
    schedules = call.services.schedules
    stored = await schedules.confirm(_id(text, "confirm"), by=call.identity)
    return Reply(
        text=f"{'Scheduled' if stored.version == 1 else 'Changed'}.\n\n{_described(stored, schedules)}"
    )


async def _discard(call: Call, text: str) -> Reply:
    await call.services.schedules.discard(_id(text, "discard"), by=call.identity)
    return Reply(text="Left as it was.")


async def _preview(call: Call, text: str) -> Reply:
    trigger, words = _trigger(text)
    if not trigger or len(words) > 1:
        raise UsageError(
            "preview which trigger?", hint='such as /schedule preview "every weekday at 9" Europe/Berlin'
        )
    understood = call.services.schedules.understand(trigger, "".join(words) or call.text("zone"))
    return Reply(text=understood_said(understood).capitalize())


async def _list(call: Call, text: str) -> Reply:
    if text not in ("", "all"):
        raise UsageError(f"list what: {text!r}?", hint="/schedule list, or /schedule list all")
    schedules = call.services.schedules
    found = await schedules.all(None if text else call.conversation.id)
    if not found:
        return Reply(text=f"No schedules {'yet' if text else 'here'}. Add one: `{ADD_EXAMPLE}`")
    return Reply(text="\n\n".join(_described(one, schedules, count=1) for one in found))


async def _show(call: Call, text: str) -> Reply:
    schedules = call.services.schedules
    one = await schedules.get(_id(text, "show"))
    fires = await schedules.fires(one.id, FIRES_SHOWN)
    history = "\n".join(f"- {_fire_line(fire, schedules, one)}" for fire in fires) or "- nothing yet"
    failing = f"\nIt fails: {one.failures} times in a row." if one.failures else ""
    return Reply(
        text=f"{_described(one, schedules)}\nOverlap: {one.overlap}. Version {one.version}.{failing}\n\n"
        f"**Last times**\n{history}"
    )


async def _pause(call: Call, text: str) -> Reply:
    stored = await call.services.schedules.pause(_id(text, "pause"), paused=True, version=_version(call))
    return Reply(text=f"Paused: {_line(stored)}. `/schedule resume {stored.id}` goes on.")


async def _resume(call: Call, text: str) -> Reply:
    schedules = call.services.schedules
    stored = await schedules.pause(_id(text, "resume"), paused=False, version=_version(call))
    return Reply(text=f"Goes on.\n\n{_described(stored, schedules)}")


async def _remove(call: Call, text: str) -> Reply:
    removed = await call.services.schedules.remove(_id(text, "remove"), version=_version(call))
    return Reply(text=f"Removed: {_line(removed)}.")


async def _run(call: Call, text: str) -> Reply:
    started = await call.services.schedules.run(_id(text, "run"), key=call.event_id)
    return Reply(text=f"Running `{started.what}` now, beside the plan.")


async def _catch_up(call: Call, text: str) -> Reply:
    words = text.split()
    if len(words) != 3 or not words[2].isdecimal():
        hint = "/schedule catch-up ID once|all|skip TIME_MS; the buttons under a missed time fill it in"
        raise UsageError("catch up with what?", hint=hint)
    runs, left = await call.services.schedules.catch_up(words[0], words[1], up_to_ms=int(words[2]))
    said = f"{_count(runs)} made up for" if runs else ""
    return Reply(
        text=", ".join(one for one in (said, f"{_count(left)} left out" if left else "") if one) + "."
    )


def _changes(call: Call, order: Order) -> Changes:
    late = call.options.get("late")
    return Changes(
        trigger=order.trigger or None,
        timezone=order.timezone or call.text("zone") or None,
        what=order.what or None,
        misfire=call.text("misfire") or None,
        overlap=call.text("overlap") or None,
        lateness_s=(round(late) or -1) if isinstance(late, float) else None,
    )


def _version(call: Call) -> int:
    version = call.options.get("version")
    return version if isinstance(version, int) else 0


def _count(number: int) -> str:
    return f"{number} missed time{'' if number == 1 else 's'}"


def _id(text: str, action: str) -> str:
    schedule_id = text.strip("`")
    if not schedule_id or " " in schedule_id:
        raise UsageError(
            f"{action} which schedule?", hint=f"/schedule {action} ID; /schedule list shows the ids"
        )
    return schedule_id


def _line(one: Schedule) -> str:
    return f"`{one.id}` `{one.what}` at `{one.trigger}`, {one.timezone}"


def understood_said(understood: Understood) -> str:
    """Say what was made of a trigger: in words, as it is stored, the next times, the coming change of clocks."""
    lines = [f"{understood.said}, {understood.timezone} (`{understood.trigger}`). Next:"]
    lines += [f"- {_moment(moment)}" for moment in understood.next]
    if understood.change is not None:
        lines += ["", _clocks(understood.change)]
    return "\n".join(lines)


def _clocks(change: ClockChange) -> str:
    around = [
        f"{word} it {_moment(at)}" for word, at in (("before", change.before), ("after", change.after)) if at
    ]
    return f"Clocks change on {_moment(change.at)}: {', '.join(around) or 'no planned time is near'}."


def _described(one: Schedule, schedules: Schedules, *, count: int = 5) -> str:
    missed = f"missed times: {one.misfire}"
    if one.paused:
        return f"{_line(one)} ({missed}; paused)"
    planned = schedules.preview(one.trigger, one.timezone, count)
    if not planned:
        return f"{_line(one)} (no time to come)"
    if count == 1:
        return f"{_line(one)} ({missed}); next {_moment(planned[0])}"
    return "\n".join([f"{_line(one)} ({missed}). Next:", *(f"- {_moment(moment)}" for moment in planned)])


def _fire_line(fire: FireRow, schedules: Schedules, one: Schedule) -> str:
    state = {"fired": "running", "asked": "waits for a decision", "due": "waits its turn"}.get(
        fire.outcome, fire.outcome
    )
    if fire.outcome == "fired" and fire.ended_at_ms is not None:
        state = fire.result or "done"
    reason = f": {fire.reason[:120]}" if fire.result == "failed" and fire.reason else ""
    return f"{_moment(local_moment(fire.planned_ms, one.timezone))}: {state}{reason}"


def _moment(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M} ({moment:%Z}, UTC{moment.isoformat()[-6:]})"


def local_moment(at_ms: int, timezone: str) -> datetime:
    """Return a stored moment in a zone."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone))


ACTIONS: dict[str, Callable[[Call, str], Awaitable[Reply]]] = {
    "add": _add,
    "list": _list,
    "show": _show,
    "edit": _edit,
    "pause": _pause,
    "resume": _resume,
    "remove": _remove,
    "run": _run,
    "preview": _preview,
    "confirm": _confirm,
    "discard": _discard,
    "catch-up": _catch_up,
}

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
            choices=tuple(ACTIONS),
            default="list",
            positional=True,
        ),
        Option(
            name="misfire", summary="Missed times: skip, once (default), all, all <= N, or ask", max_length=20
        ),
        Option(
            name="overlap",
            summary="While an earlier one runs: skip (default), queue, parallel, or cancel it",
            kind="choice",
            choices=("skip", "queue", "parallel", "cancel"),
        ),
        Option(
            name="late",
            summary="How late a missed time may be made up for, such as 2h; 0 is any",
            kind="duration",
        ),
        Option(name="zone", summary="Time zone, such as Europe/Berlin", max_length=80),
        Option(
            name="version", summary="Change it only if it still has this version", kind="integer", minimum=1
        ),
        Option(name="yes", summary="Store it at once, without asking", kind="boolean"),
        Option(
            name="rest",
            summary='For add: "TRIGGER" [ZONE] /command; for edit: ID and what changes; for the others: the id',
            kind="text",
            positional=True,
            rest=True,
        ),
    ),
    examples=(
        ADD_EXAMPLE,
        "/schedule add --misfire ask in 20 minutes /status",
        '/schedule add "every 15 minutes between 9 and 17 on weekdays" /status',
        EDIT_EXAMPLE,
        "/schedule show 1f2e3d4c",
        "/schedule pause 1f2e3d4c",
    ),
    detail=(
        "The trigger is plain words (every weekday at 9; in 20 minutes; on the first monday of the month at 10:30), a "
        "cron line of five fields (minute, hour, day, month, weekday; Monday is 1, Sunday 7 or 0), `every 10m`, or "
        "one moment such as 2027-01-31T09:00:00+01:00. What was understood is shown with its next times before it is "
        "stored. A schedule runs with the rights that its maker has at that time, and in its own time zone: when "
        "clocks go forward, a time in the gap runs once, right after it; when they go back, it runs once. No jitter "
        "is added."
    ),
)
