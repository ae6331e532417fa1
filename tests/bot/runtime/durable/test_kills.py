"""Prove with `kill -9` of a real process that runs survive."""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from tests.forks import Forks

KILLS = 12


@pytest.mark.slow
def test_killed_at_random_moments_no_run_is_lost_and_no_finished_step_repeated(tmp_path: Path) -> None:
    """`kill -9`, a dozen times: a step whose result was seen is never done again."""
    runs, steps = 8, 40
    chance = random.Random(20261121)
    with Forks("tests.bot.runtime.durable.durable_program", "quarterdeck.runtime.durable.engine") as forks:
        for _ in range(KILLS):
            life = forks.start(tmp_path, runs, steps)
            assert "launched" == life.line()
            life.line(chance.uniform(0.0, 0.5))
            assert -signal.SIGKILL == life.kill()
        said = forks.start(tmp_path, runs, steps).rest(100)

    lines = (tmp_path / "effects").read_text().splitlines()
    expected = {(f"run-{run}", str(step)) for run in range(runs) for step in range(steps)}
    results = " ".join([str(sum(range(steps)))] * runs)
    assert ["launched", f"done {results}"] == said
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
