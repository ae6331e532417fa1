"""Read the journal of a run back: everything that it has done, in its parts and in workflows that it called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.durable import Done, Durable

MOST_ROWS = 2_000
ANSWERED = "DBOS.recv"  # what a wait for an answer is called in the journal
ENDED = "DBOS.getResult"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Hold one thing that was done, of the durable run `durable_id`.

    `place` is where its step stands in the file, `mark` what was done there (`ask`, `verdict` …), empty for the step
    itself; `number` counts the tries. `prefix` stands before places of a workflow that another one called: `2>`.
    `answer` is what came to a wait that began here, None while nothing has.
    """

    done: Done
    durable_id: str
    place: str
    mark: str = ""
    number: int = 1
    prefix: str = ""
    answer: Json = None


@dataclass(slots=True)
class Record:
    """Hold what a run has done; `is_cut` when it did more than is read."""

    rows: list[Row] = field(default_factory=list)
    is_cut: bool = False


async def read(durable: Durable, durable_id: str) -> Record:
    """Return what a run has done so far, its parts where they began."""
    record = Record()
    await _follow(durable, durable_id, "", record)
    return record


async def _follow(durable: Durable, durable_id: str, prefix: str, record: Record) -> None:
    steps = await durable.steps(durable_id)
    newest = {
        _first(one.child): one.child for one in steps if one.child
    }  # after a `resume` another one does it
    seen: set[str] = set()
    for at, one in enumerate(steps):
        if len(record.rows) >= MOST_ROWS:
            record.is_cut = True
            return
        if one.child:
            if _first(one.child) not in seen:
                seen.add(_first(one.child))
                await _follow(durable, newest[_first(one.child)], prefix + _call(one.child), record)
        elif not one.name.startswith("DBOS."):
            after = steps[at + 1] if at + 1 < len(steps) else None
            answer = after.output if after is not None and after.name == ANSWERED else None
            record.rows.append(_row(one, durable_id, prefix, answer))


def _row(done: Done, durable_id: str, prefix: str, answer: Json) -> Row:
    name, _, mark = done.name.partition(":")
    place, _, number = name.partition("~")
    return Row(
        done=done,
        durable_id=durable_id,
        place=place,
        mark=mark,
        number=int(number or 1),
        prefix=prefix,
        answer=answer,
    )


def _first(run_id: str) -> str:
    """Return the id that a part had before any `resume`."""
    head, slash, part = run_id.rpartition("/")
    return f"{head}{slash}{part.partition('~')[0]}"


def _call(child: str) -> str:
    """Return what stands before the places of a part: something where it is another workflow."""
    place, _, kind = _first(child).rpartition("/")[2].rpartition(":")
    return f"{place}>" if kind == "call" else ""


def said(value: Json) -> Mapping[str, Json]:
    """Return what a durable step answered, as a map."""
    return value if isinstance(value, Mapping) else {}
