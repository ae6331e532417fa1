"""Read the journal of a run back: everything that it has done, in its parts and in workflows that it called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.durable import Done, Durable

MOST_ROWS = 2_000
ANSWERED, SLEPT = "DBOS.recv", "DBOS.sleep"  # what waits are called in the journal
ENDED = "DBOS.getResult"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Hold one thing that was done, of the durable run `durable_id`.

    `place` is where its step stands in the file, `mark` what was done there (`ask`, `verdict` …), empty for the step
    itself; `number` counts the tries. `prefix` stands before places of a workflow that another one called: `2>`.
    `answer` is what came to a wait that began here, None while nothing has; `until_ms` when that wait was over.
    """

    done: Done
    durable_id: str
    place: str
    mark: str = ""
    number: int = 1
    prefix: str = ""
    answer: Json = None
    until_ms: int | None = None


@dataclass(slots=True)
class Record:
    """Hold what a run has done; `is_cut`: it did more than is read. `ends` has the parts that are over, and when."""

    rows: list[Row] = field(default_factory=list)
    ends: dict[str, int | None] = field(default_factory=dict)
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
            if one.name == ENDED:
                record.ends[one.child] = one.finished_at_ms
            if _first(one.child) not in seen:
                seen.add(_first(one.child))
                await _follow(durable, newest[_first(one.child)], prefix + _call(one.child), record)
        elif not one.name.startswith("DBOS."):
            record.rows.append(_row(one, durable_id, prefix, steps[at + 1 :]))


def _row(done: Done, durable_id: str, prefix: str, after: Sequence[Done]) -> Row:
    waited = after[0] if after and after[0].name in (ANSWERED, SLEPT) else None
    following = next((one for one in after if one.name not in (ANSWERED, SLEPT)), None)
    name, _, mark = done.name.partition(":")
    place, _, number = name.partition("~")
    return Row(
        done=done,
        durable_id=durable_id,
        place=place,
        mark=mark,
        number=int(number or 1),
        prefix=prefix,
        answer=waited.output if waited is not None and waited.name == ANSWERED else None,
        until_ms=following.started_at_ms if waited is not None and following is not None else None,
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
