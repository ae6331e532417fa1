"""Prove with `kill -9` of a real process that runs survive."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAM = HERE / "durable_program.py"
KILLS = 12


@pytest.mark.slow
def test_killed_at_random_moments_no_run_is_lost_and_no_finished_step_repeated(tmp_path: Path) -> None:
    """`kill -9`, a dozen times: a step whose result was seen is never done again."""
    runs, steps = 8, 40
    chance = random.Random(20261121)
    command = [sys.executable, str(PROGRAM), str(tmp_path), str(runs), str(steps)]
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert "launched\n" == child.stdout.readline()
            with suppress(subprocess.TimeoutExpired):
                child.wait(chance.uniform(0.0, 0.5))
            child.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == child.returncode

    finished = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)

    lines = (tmp_path / "effects").read_text().splitlines()
    expected = {(f"run-{run}", str(step)) for run in range(runs) for step in range(steps)}
    results = " ".join([str(sum(range(steps)))] * runs)
    assert f"launched\ndone {results}\n" == finished.stdout
    assert expected == {tuple(line.split()[:2]) for line in lines}
    assert [] == repeated_after_kept(lines)


def repeated_after_kept(lines: list[str]) -> list[str]:
    """Return the steps that were done again although the body had seen their result."""
    kept: Counter[str] = Counter()
    repeated = []
    for line in lines:
        name = line.removesuffix(" kept")
        if line.endswith(" kept"):
            kept[name] += 1
        elif kept[name]:
            repeated.append(line)
    return repeated
