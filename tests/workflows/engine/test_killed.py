"""kill -9 at random moments of workflows with loops, branches, approvals, sleeps and sends (F3).

`QUARTERDECK_KILLS=1000` kills a thousand times; CI a few.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from tests.workflows.engine.killed_runs import KEPT

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "tests.workflows.engine.killed_runs"]
KILLS = int(os.environ.get("QUARTERDECK_KILLS", "10"))
RUNS = 6  # of one folder
KILLS_A_FOLDER = 20
LONGEST_S = 2.5  # that a process lives


@pytest.mark.slow
@pytest.mark.timeout(max(120, KILLS * 15))
def test_killed_at_random_moments_no_run_is_lost_and_no_finished_step_repeated(tmp_path: Path) -> None:
    """What was in flight is done again with the same key where the other side knows it, and held where it does not."""
    chance, left, launches = random.Random(20261121), KILLS, list[float]()
    for number in range(-(-KILLS // KILLS_A_FOLDER)):
        folder = tmp_path / str(number)
        folder.mkdir()
        for _ in range(min(left, KILLS_A_FOLDER)):
            launches.append(killed(folder, chance.uniform(0.05, LONGEST_S)))
        left -= KILLS_A_FOLDER
        out = subprocess.run(
            [*COMMAND, str(folder), str(RUNS)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert f"done {' '.join(['succeeded'] * RUNS)}" == out.stdout.splitlines()[-1], out.stderr[-3000:]
        assert_whole(folder)
    launches.sort()
    print(f"{KILLS} kills; launch p50 {launches[len(launches) // 2]:.2f} s, longest {launches[-1]:.2f} s")


def killed(folder: Path, after_s: float) -> float:
    """Run the bot and kill it so long after its engine came up; returns how long that took."""
    with subprocess.Popen(
        [*COMMAND, str(folder), str(RUNS)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        began_s = time.monotonic()
        word = child.stdout.readline().split()
        assert ["launched"] == word[:1]
        took_s = float(word[1])
        with suppress(subprocess.TimeoutExpired):
            child.wait(after_s)
        child.send_signal(signal.SIGKILL)
    assert child.returncode in (-signal.SIGKILL, 0)
    assert time.monotonic() - began_s < 60
    return took_s


def assert_whole(folder: Path) -> None:
    """Hold what reached the world to what should have."""
    lines = [line.split("|") for line in (folder / "effects").read_text().splitlines()]
    by_run: dict[str, Counter[str]] = {}
    for key, text in lines:
        by_run.setdefault(key.partition(":")[0], Counter())[text] += 1
    assert RUNS == len(by_run)
    for counts in by_run.values():
        assert {*KEPT, "sent"} == set(counts)
    # A step in flight at a kill may come twice, under one key; more than one for each kill and lane cannot be.
    keys = Counter(key for key, _ in lines)
    assert len(keys) == RUNS * (len(KEPT) + 1)
    assert_nothing_after_its_end(lines)


def assert_nothing_after_its_end(lines: list[list[str]]) -> None:
    """Hold each repeated effect to have been the last of its branch when it was repeated: it was not finished."""
    order = ["start", "loop a", "loop b", "loop c"]
    for run in {key.partition(":")[0] for key, _ in lines}:
        seen = [text for key, text in lines if key.startswith(f"{run}:")]
        assert sorted(order, key=seen.index) == order
        for earlier, later in itertools.pairwise(order):
            last = len(seen) - 1 - seen[::-1].index(earlier)
            assert last < seen.index(later), (run, earlier, seen)
