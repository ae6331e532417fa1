"""Make a timeline of what stands in the journal: steps with titles, states, times, outputs and errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from quarterdeck.core.ports import Json
from quarterdeck.core.run import OVER, RunOf
from quarterdeck.core.timeline import Entry
from quarterdeck_workflows.engine.board import ASKS, called
from quarterdeck_workflows.engine.record import Record, Row, said
from quarterdeck_workflows.language.spec import (
    Ask,
    Choose,
    Do,
    ForEach,
    Parallel,
    RepeatUntil,
    Step,
    Wait,
    Workflow,
)

MOST_INNER = 300
SHOWN = 700  # characters of an output
BESIDE = "Over 100 kB; it is kept beside the journal."

Known = Mapping[str, Workflow]
"""The workflows of a run by the prefix of their places; the run's own has none."""


class Drawing:
    """Draw the entries of one run; `clean` hides secrets."""

    def __init__(self, run: RunOf, known: Known, record: Record, clean: Callable[[str], str]) -> None:
        self._run, self._known, self._clean, self._ends = run, known, clean, record.ends
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self._last: dict[str, tuple[str, str]] = {}  # by durable run: where it was last
        for row in record.rows:
            self._rows.setdefault((row.prefix, row.place), []).append(row)
            self._last[row.durable_id] = (row.prefix, row.place)

    def all(self) -> tuple[tuple[Entry, ...], int]:
        """Return the entries in the order of the file, and how many inner ones are left out."""
        places = [one for one in self._rows if self._is_inner(one)]
        left_out = max(0, len(places) - MOST_INNER)
        inner = places[left_out:]
        found = [self._entry(place) for place in self._rows if place == ("", "start")]
        for number, step in enumerate(self._known[""].steps):
            inside = [one for one in inner if _is_in(one, str(number))]
            found.append(self._outer(number, step, inside))
            found += [self._entry(one) for one in inside]
        found += [self._entry(one) for one in self._rows if not one[0] and one[1].startswith("error")]
        return tuple(found), left_out

    @staticmethod
    def _is_inner(one: tuple[str, str]) -> bool:
        prefix, place = one
        return bool(prefix) or ("." in place and not place.startswith("error"))

    def _outer(self, number: int, step: Step, inside: Sequence[tuple[str, str]]) -> Entry:
        """Show an outermost step: its state is what the run itself notes."""
        state = str(self._run.states.get(step.id) or "")
        if state in ("running", "waiting", "unknown") and self._run.state in OVER:
            state = "failed" if self._run.state == "failed" else ""
        rows = self._rows.get(("", str(number)), [])
        around = [*rows, *(row for one in inside for row in self._rows[one])]
        entry = self._drawn(("", str(number)), step, rows, state)
        error = entry.error
        if state == "failed" and not error and not any(self._entry(one).error for one in inside):
            error = self._clean(self._run.message)
        at_ms, took_ms = self._times(around, state)
        return Entry(
            place=str(number),
            title=entry.title,
            kind=entry.kind,
            state=state,
            tries=entry.tries,
            at_ms=at_ms,
            took_ms=took_ms,
            output=entry.output,
            error=error,
            hint=entry.hint,
        )

    def _entry(self, at: tuple[str, str]) -> Entry:
        rows = self._rows[at]
        step = step_at(self._known.get(at[0]), at[1])
        return self._drawn(at, step, rows, self._state(at, step, rows))

    def _drawn(self, at: tuple[str, str], step: Step | None, rows: Sequence[Row], state: str) -> Entry:
        prefix, place = at
        error = next((said(said(row.done.output).get("error")) for row in reversed(rows) if _failed(row)), {})
        at_ms, took_ms = self._times(rows, state)
        return Entry(
            place=f"{prefix}{place}",
            title=self._title(prefix, place, step),
            kind=step.action if isinstance(step, Do) else step.kind if step is not None else "",
            state=state,
            depth=_depth(prefix, place),
            tries=max((row.number for row in rows), default=1),
            at_ms=at_ms,
            took_ms=took_ms,
            output=self._short(_output(step, rows)),
            error=self._clean(str(error.get("message") or "")) if state != "succeeded" else "",
            hint=self._clean(str(error.get("hint") or "")) if state != "succeeded" else "",
        )

    def _title(self, prefix: str, place: str, step: Step | None) -> str:
        if place == "start":
            return "Before the start"
        if step is None:
            return place
        parts = place.split(".")
        around = step_at(self._known.get(prefix), ".".join(parts[:-2])) if len(parts) > 2 else None
        is_round = isinstance(around, ForEach | RepeatUntil)
        return f"{called(step)} · {int(parts[-2]) + 1}" if is_round else called(step)

    def _state(self, at: tuple[str, str], step: Step | None, rows: Sequence[Row]) -> str:
        """Read the state of an inner step off the journal: what comes after it tells that it is over."""
        last = rows[-1]
        if last.mark == "failed" or (_failed(last) and not self._goes_on(at, last)):
            return "failed"
        if _failed(last):
            return "failed" if self._last[last.durable_id] != at else self._now(at)
        is_over = last.mark in ("verdict", "closed", "decided", "planned") or "output" in said(
            last.done.output
        )
        is_over = is_over or "output_blob" in said(last.done.output) or last.durable_id in self._ends
        if is_over or self._last[last.durable_id] != at or self._run.state in OVER:
            return "succeeded" if is_over or self._run.state != "cancelled" else ""
        return self._now(at)

    def _goes_on(self, at: tuple[str, str], last: Row) -> bool:
        return self._run.state not in OVER and self._last[last.durable_id] == at

    def _now(self, at: tuple[str, str]) -> str:
        if at[1] == "start" and ASKS in self._run.states:
            return "waiting"
        return self._run.state if self._run.state not in OVER else ""

    def _times(self, rows: Sequence[Row], state: str) -> tuple[int | None, int | None]:
        starts = [row.done.started_at_ms for row in rows if row.done.started_at_ms is not None]
        at_ms = min(starts, default=None)
        if at_ms is None or state in ("running", "waiting", "unknown"):
            return at_ms, None
        return at_ms, max(self._end(row) or at_ms for row in rows) - at_ms

    def _end(self, row: Row) -> int | None:
        """Return when a row was over: a wait is so when what comes next begins, or the part that it stands in ends."""
        is_last = self._last[row.durable_id] == (row.prefix, row.place)
        ended = self._ends.get(row.durable_id) if is_last else None
        return row.until_ms or ended or row.done.finished_at_ms

    def _short(self, value: Json) -> str:
        if value is None or value in ("", [], {}):
            return ""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
        text = self._clean(text)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def step_at(workflow: Workflow | None, place: str) -> Step | None:
    """Return the step that stands at a place of a run; None where the file has none there."""
    if workflow is None:
        return None
    head, *rest = place.split(".")
    steps: Sequence[Step] = workflow.steps
    if head == "error" and rest:
        steps, (head, *rest) = workflow.on_error, rest
    if not head.isdecimal() or int(head) >= len(steps):
        return None
    step = steps[int(head)]
    while len(rest) > 1:
        (list_at, at, *rest) = rest
        lists = _lists(step, list_at)
        if lists is None or not at.isdecimal() or int(at) >= len(lists):
            return None
        step = lists[int(at)]
    return step


def _lists(step: Step, at: str) -> Sequence[Step] | None:
    """Return the steps of a branch or a case, or of any round of a loop."""
    match step:
        case ForEach() | RepeatUntil():
            return step.steps
        case Parallel():
            lists: Sequence[Sequence[Step]] = step.branches
        case Choose():
            lists = (*(case.steps for case in step.cases), step.otherwise)
        case _:
            return None
    return lists[int(at)] if at.isdecimal() and int(at) < len(lists) else None


def _is_in(one: tuple[str, str], number: str) -> bool:
    whole = "".join(one)
    return whole.startswith((f"{number}.", f"{number}>"))


def _depth(prefix: str, place: str) -> int:
    calls = [len(part.split(".")) // 2 + 1 for part in prefix.split(">") if part]
    return sum(calls) + len(place.removeprefix("error.").split(".")) // 2


def _failed(row: Row) -> bool:
    return bool(said(row.done.output).get("error"))


def _output(step: Step | None, rows: Sequence[Row]) -> Json:
    """Return what a step came to."""
    for row in reversed(rows):
        found = said(row.done.output)
        if row.mark == "verdict":
            named = found.get("by")
            by = ", ".join(str(one) for one in named) if isinstance(named, list) else ""
            comment = f": {found['comment']}" if found.get("comment") else ""
            return f"{found.get('state')}{f' by {by}' if by else ''}{comment}"
        if "output_blob" in found:
            return BESIDE
        if "output" in found:
            return found["output"]
        if isinstance(step, Ask | Wait) and not row.mark and row.answer is not None:
            answer = said(row.answer)
            return answer.get("values", answer.get("payload"))
        if found.get("unknown"):
            return str(found["unknown"])
    return None
