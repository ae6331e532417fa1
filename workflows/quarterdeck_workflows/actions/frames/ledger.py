"""Keep what was read in each frame, one line each, on disk before the next: a kill costs the frames under way."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from quarterdeck.core.ports import Json
from quarterdeck_workflows.actions.kit.rows import harmless

SUFFIX: Final = ".ledger"
FIRST: Final = ("frame", "time_s", "source")
FILE_MODE: Final = 0o600

Line = Mapping[str, Json]


class Ledger:
    """Hold the lines of one source and question, which `digest` names; lines of others are thrown away.

    `claim` is asked before each line whether there is room for so many bytes; it raises where there is not.
    """

    def __init__(self, path: Path, digest: str, claim: Callable[[int], None] = lambda _size: None) -> None:
        self._claim = claim
        self._path, self._digest = path.with_name(path.name + SUFFIX), digest
        self.done: set[int] = set()
        self._places: dict[int, int] = {}  # where each frame's line begins
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        """Read what is there; a line that a kill cut off is taken away, so are failures, which are tried again."""
        kept: list[bytes] = []
        if self._path.is_file() and not self._path.is_symlink():
            with self._path.open("rb") as file:
                head, *lines = file.read().splitlines(keepends=True) or [b""]
            if _parsed(head) == {"digest": self._digest}:
                kept = [line for line in lines if (found := _parsed(line)) is not None and "value" in found]
        partial = self._path.with_name(self._path.name + ".partial")
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
        with os.fdopen(handle, "wb") as fresh:
            fresh.write(_written({"digest": self._digest}))
            fresh.writelines(kept)
            fresh.flush()
            os.fsync(fresh.fileno())
        partial.replace(self._path)
        self._file = self._path.open("ab")
        self._find()

    def add(self, line: Line) -> None:
        """Append a frame's line; it is on disk when this returns."""
        assert self._file is not None
        place, written = self._file.tell(), _written(line)
        self._claim(len(written))
        self._file.write(written)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._note(line, place)

    @property
    def size_bytes(self) -> int:
        """Return how much is in it."""
        return self._path.stat().st_size

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def lines(self) -> Iterator[Line]:
        """Yield the lines by frame, one in memory at a time."""
        with self._path.open("rb") as file:
            for n in sorted(self._places):
                file.seek(self._places[n])
                line = _parsed(file.readline())
                if line is not None:
                    yield line

    def _find(self) -> None:
        with self._path.open("rb") as file:
            file.readline()
            while True:
                place = file.tell()
                raw = file.readline()
                if not raw:
                    return
                line = _parsed(raw)
                if line is not None:
                    self._note(line, place)

    def _note(self, line: Line, place: int) -> None:
        n = line["frame"]
        assert isinstance(n, int)
        self._places[n] = place
        if "value" in line:
            self.done.add(n)


def rows_of(lines: Iterator[Line], rows_at: str) -> Iterator[Line]:
    """Yield rows: one for each frame, or one for each item of the list `rows_at` in it."""
    for line in lines:
        value = line.get("value")
        if not isinstance(value, Mapping):
            continue
        about = {name: line.get(name) for name in FIRST}
        items = value.get(rows_at) if rows_at else (value,)
        for item in items if isinstance(items, (list, tuple)) else ():
            yield {**(item if isinstance(item, Mapping) else {"value": item}), **about}


def publish(ledger: Ledger, stem: Path, columns: Sequence[str], rows_at: str) -> int:
    """Write STEM.jsonl and STEM.csv, each whole or not at all, and return how many rows there are."""
    count = 0
    names = [*FIRST, *(column for column in columns if column not in FIRST)]
    json_file, csv_file = (stem.with_name(f".{stem.name}{end}.partial") for end in (".jsonl", ".csv"))
    with _fresh(json_file) as lines, _fresh(csv_file) as table:
        writer = csv.writer(table, lineterminator="\r\n")
        writer.writerow([harmless(name) for name in names])
        for row in rows_of(ledger.lines(), rows_at):
            count += 1
            lines.write(
                json.dumps({**{name: row.get(name) for name in names}, **row}, ensure_ascii=False) + "\n"
            )
            writer.writerow([harmless(row.get(name)) for name in names])
    json_file.replace(stem.with_name(f"{stem.name}.jsonl"))
    csv_file.replace(stem.with_name(f"{stem.name}.csv"))
    return count


def _fresh(path: Path) -> IO[str]:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    return os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="")


def _written(line: Line) -> bytes:
    return json.dumps(line).encode() + b"\n"


def _parsed(raw: bytes) -> Line | None:
    if not raw.endswith(b"\n"):
        return None
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
