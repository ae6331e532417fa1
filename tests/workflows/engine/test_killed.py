"""kill -9 at random moments of workflows with loops, branches, approvals, sleeps and sends (F3).

`QUARTERDECK_KILLS=1000 pytest -s` kills a thousand times; CI a few. Only kills that hit runs under way are counted.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.forks import Forks
from tests.workflows.engine.killed_runs import KEPT, under_way

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "tests.workflows.engine.killed_runs"]
KILLS = int(os.environ.get("QUARTERDECK_KILLS", "10"))
KILLS_A_FOLDER = 20
NEW_RUNS = 2  # that each process starts, beside those that were left to it
EARLY = 0.2  # of all kills hit a process that is still taking up what was left
RECOVERY_S = float(os.environ.get("QUARTERDECK_RECOVERY_S", "60"))  # the goal, on a quiet machine, is 5
EARLY_S = 0.6  # within which they are hit
LONGEST_S = 1.0  # that a process lives after that
EVERY_WHOLE = 10  # of so many processes one is started from nothing; others are forked after the imports


@dataclass(slots=True)
class Folder:
    """Hold what was seen of the bot in one folder; `finished` are the steps whose result was on disk at a kill."""

    path: Path
    runs: int = 0
    kills: int = 0
    read_to: int = 0
    finished: set[str] = field(default_factory=set)
    repeated: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Hold what reached the world since the last look to what was finished before it; then look anew."""
        lines = (self.path / "effects").read_text().splitlines() if (self.path / "effects").exists() else []
        self.repeated += [line for line in lines[self.read_to :] if line.partition("|")[0] in self.finished]
        self.read_to = len(lines)
        self.finished |= finished_steps(self.path / "durable.db")


def finished_steps(journal: Path) -> set[str]:
    """Return the keys of all steps that a journal holds the output of, whatever block or part they stand in."""
    if not journal.exists():
        return set()
    with closing(sqlite3.connect(journal)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'operation_outputs'").fetchall():
            return set()
        rows = database.execute(
            "SELECT workflow_uuid, function_name, output FROM operation_outputs WHERE output IS NOT NULL"
        ).fetchall()
    return {
        f"{run_id.partition('/')[0]}:{name.partition('~')[0]}"
        for run_id, name, output in rows
        if not name.startswith("DBOS.")
        and isinstance(found := json.loads(output), dict)
        and "output" in found
    }


@pytest.mark.slow
@pytest.mark.timeout(max(300, KILLS * 20))
def test_killed_at_random_moments_no_run_is_lost_and_no_finished_step_repeated(tmp_path: Path) -> None:
    """What was in flight is done again with the same key where the other side knows it, and held where it does not."""
    began_s = time.monotonic()
    chance, left, number = random.Random(20261121), KILLS, 0
    whole, forked = list[float](), list[float]()
    with Forks("tests.workflows.engine.killed_runs", "quarterdeck.runtime.durable.engine") as forks:
        while left:
            folder = Folder(tmp_path / str(number))
            folder.path.mkdir()
            number += 1
            while left and folder.kills < KILLS_A_FOLDER:
                folder.runs += NEW_RUNS
                if left % EVERY_WHOLE == 0:
                    whole.append(killed_whole(folder, chance))
                elif (took_s := killed(folder, forks, chance)) is not None:
                    forked.append(took_s)
                if under_way(folder.path / "durable.db"):
                    folder.kills += 1
                    left -= 1
                folder.look()
            finish(folder, forks)
            print(f"{KILLS - left} kills, {time.monotonic() - began_s:.0f} s, {tell(whole)}", flush=True)
    print(
        f"{KILLS} kills, {number} folders, load {os.getloadavg()[0]:.1f}, 0 lost, 0 finished steps repeated"
    )
    print(f"recovery of {len(whole)} processes started from nothing: {tell(whole)}")
    print(f"recovery of {len(forked)} processes forked after the imports: {tell(forked)}")
    assert p99(whole) <= RECOVERY_S


def p99(taken_s: list[float]) -> float:
    """Return what 99 of a hundred were not slower than."""
    return sorted(taken_s)[int(len(taken_s) * 0.99)]


def tell(taken_s: list[float]) -> str:
    """Say how long it took."""
    if not taken_s:
        return "none yet"
    return f"p50 {statistics.median(taken_s):.2f} s, p99 {p99(taken_s):.2f} s, longest {max(taken_s):.2f} s"


def killed(folder: Folder, forks: Forks, chance: random.Random) -> float | None:
    """Run the bot and kill it; returns how long after its start all that was left was under way, if it came to that."""
    life, took_s = forks.start(folder.path, folder.runs), None
    if chance.random() < EARLY:
        is_recovered = life.line(chance.uniform(0.0, EARLY_S)) == "recovered"
    else:
        is_recovered = life.line() == "recovered"
        assert is_recovered, "it died by itself"
    if is_recovered:
        took_s = time.monotonic() - life.began_s
        life.line(chance.uniform(0.0, LONGEST_S))
    assert life.kill() in (-signal.SIGKILL, 0)
    return took_s


def killed_whole(folder: Folder, chance: random.Random) -> float:
    """Do the same to a process that is started from nothing, with the interpreter and all imports."""
    command, began_s = [*COMMAND, str(folder.path), str(folder.runs)], time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert "recovered\n" == child.stdout.readline()
        took_s = time.monotonic() - began_s
        with suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0.0, LONGEST_S))
        child.send_signal(signal.SIGKILL)
    assert child.returncode in (-signal.SIGKILL, 0)
    return took_s


def finish(folder: Folder, forks: Forks) -> None:
    """Let the bot come to the end, and hold what reached the world to what should have."""
    said = forks.start(folder.path, folder.runs).rest()
    assert ["recovered", f"done {' '.join(['succeeded'] * folder.runs)}"] == said
    folder.look()
    assert [] == folder.repeated
    keys, by_run = Counter[str](), dict[str, set[str]]()
    for line in (folder.path / "effects").read_text().splitlines():
        key, _, text = line.partition("|")
        keys[key] += 1
        by_run.setdefault(key.partition(":")[0], set()).add(text)
    assert [{*KEPT, "sent"}] * folder.runs == list(by_run.values())  # none lost
    assert folder.runs * (len(KEPT) + 1) == len(keys)  # one key a step
    assert set(keys) == folder.finished  # and the journal was read rightly: each of them came to be finished
