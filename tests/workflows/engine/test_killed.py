"""kill -9 at random moments of workflows with loops, branches, approvals, sleeps and sends (F3).

`QUARTERDECK_KILLS=1000` kills a thousand times; CI a few. Only kills that hit runs under way are counted.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.workflows.engine.killed_runs import KEPT, under_way

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "tests.workflows.engine.killed_runs"]
KILLS = int(os.environ.get("QUARTERDECK_KILLS", "10"))
KILLS_A_FOLDER = 20
NEW_RUNS = 3  # that each process starts, beside those that were left to it
EARLY = 0.2  # of all kills hit a process that is still taking up what was left
RECOVERY_S = float(os.environ.get("QUARTERDECK_RECOVERY_S", "60"))  # the goal, on a quiet machine, is 5
LONGEST_S = 1.0  # that a process lives after that


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
    chance, left, recoveries, number = random.Random(20261121), KILLS, list[float](), 0
    while left:
        folder = Folder(tmp_path / str(number))
        folder.path.mkdir()
        number += 1
        while left and folder.kills < KILLS_A_FOLDER:
            folder.runs += NEW_RUNS
            took_s = killed(folder, chance)
            recoveries += [] if took_s is None else [took_s]
            if under_way(folder.path / "durable.db"):
                folder.kills += 1
                left -= 1
            folder.look()
        finish(folder)
    recoveries.sort()
    p99_s = recoveries[int(len(recoveries) * 0.99)]
    print(
        f"{KILLS} kills, {number} folders, load {os.getloadavg()[0]:.1f}; recovery p50 "
        f"{recoveries[len(recoveries) // 2]:.2f} s, p99 {p99_s:.2f} s, longest {recoveries[-1]:.2f} s"
    )
    assert p99_s <= RECOVERY_S


def killed(folder: Folder, chance: random.Random) -> float | None:
    """Run the bot and kill it; returns how long after its start all that was left was under way, if it came to that."""
    command = [*COMMAND, str(folder.path), str(folder.runs)]
    began_s, took_s = time.monotonic(), list[float]()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        output, recovered = child.stdout, threading.Event()
        assert output is not None

        def read() -> None:
            if output.readline():
                took_s.append(time.monotonic() - began_s)
                recovered.set()

        reader = threading.Thread(target=read)
        reader.start()
        if chance.random() < EARLY:
            recovered.wait(chance.uniform(0.3, 2.0))
        else:
            assert recovered.wait(60)
            with suppress(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0.0, LONGEST_S))
        child.send_signal(signal.SIGKILL)
        reader.join()
    assert child.returncode in (-signal.SIGKILL, 0)
    return took_s[0] if took_s else None


def finish(folder: Folder) -> None:
    """Let the bot come to the end, and hold what reached the world to what should have."""
    command = [*COMMAND, str(folder.path), str(folder.runs)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert f"done {' '.join(['succeeded'] * folder.runs)}" == out.stdout.splitlines()[-1], out.stderr[-3000:]
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
