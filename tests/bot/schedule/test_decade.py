"""Run the decade of `benchmarks/schedule_decade.py` for a few zones and one year; the whole of it is one command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "benchmarks" / "schedule_decade.py"
ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll")


@pytest.mark.slow
def test_no_planned_time_is_missed_doubled_or_invented() -> None:
    """Half an hour of change, Ramadan, two hours of change: against an oracle that looks at every minute."""
    command = [sys.executable, str(PROGRAM), "--years", "1", "--zones", *ZONES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=True)
    counts = json.loads(done.stdout)

    assert (0, 0, 0) == (counts["missed"], counts["doubled"], counts["invented"])
    assert (4, 12, 4) == (counts["zones"], counts["lines"], counts["intervals"])
    assert counts["fires"] > 100_000
