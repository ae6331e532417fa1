"""Prove that two processes on one database fire each planned time once, whichever of them is killed.

On SQLite the lock of the data folder refuses the second process; a PostgreSQL takes as many as come.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from tests.forks import Forks, Life
from tests.postgres import postgresql

PROGRAM = "tests.bot.schedule.shared_program"
BEFORE = ("quarterdeck.runtime.durable.engine", "psycopg", "sqlalchemy.dialects.postgresql.psycopg")
KILLS = 6


class Pair:
    """Hold two processes that fire the same schedule."""

    def __init__(self, folder: Path, address: str, forks: dict[str, Forks]) -> None:
        self._folder, self._address, self._forks = folder, address, forks
        self.lives: dict[str, Life] = {}

    def start(self, name: str, *seconds: int) -> None:
        """Start one, and wait until it serves."""
        self.lives[name] = self._forks[name].start(self._folder, name, self._address, *seconds)
        assert "serving" == self.lives[name].line(60)

    def kill(self, name: str) -> None:
        """Kill one."""
        assert -9 == self.lives.pop(name).kill()


def last_to_fire(database: Engine) -> str:
    """Name the process whose fire reached the inbox last."""
    with database.connect() as connection:
        return str(
            connection.execute(text("SELECT reason FROM inbox ORDER BY seq DESC LIMIT 1")).scalar_one()
        )


def wait_for_one_more(database: Engine, chance: random.Random, life: Life) -> None:
    """Let fires come, and a random moment pass."""
    query, seen = text("SELECT count(*) FROM inbox"), -1
    while True:
        with database.connect() as connection:
            count = int(connection.execute(query).scalar_one())
        if -1 < seen < count:
            break
        seen = count if seen < 0 else seen
        life.line(0.05)
    life.line(chance.uniform(0.0, 0.8))


@pytest.mark.slow
@pytest.mark.needs("postgresql")
def test_two_processes_fire_each_second_once_also_when_the_one_that_fires_is_killed(tmp_path: Path) -> None:
    """F33 over processes: both find each time due, and its run, its event and its mark are each taken once."""
    chance, folder = random.Random(33), tmp_path
    with postgresql() as address, Forks(PROGRAM, *BEFORE) as one, Forks(PROGRAM, *BEFORE) as other:
        database = create_engine(address)
        pair = Pair(folder, address, {"a": one, "b": other})
        pair.start("a")  # alone, so that one of them makes the tables
        pair.start("b")
        killed = []
        for _ in range(KILLS):
            wait_for_one_more(database, chance, pair.lives["a"])
            killed.append(last_to_fire(database))
            pair.kill(killed[-1])
            pair.start(killed[-1])
        pair.kill("a")
        pair.start("a", 1)
        first, last = pair.lives["a"].line(60).split()
        pair.kill("b")

        with database.connect() as connection:
            came = [row[0] for row in connection.execute(text("SELECT event_id FROM inbox ORDER BY seq"))]
            marks = connection.execute(text("SELECT planned_at_ms, outcome FROM fires ORDER BY 1")).all()
        database.dispose()

    planned = seconds(first, last)
    came_in_time = [one for one in came if one <= f"cron:dense:{last}"]
    assert sorted(f"cron:dense:{moment.isoformat()}" for moment in planned) == sorted(came_in_time)
    upto_ms = int(planned[-1].timestamp() * 1000)
    expected = [(int(moment.timestamp() * 1000), "fired") for moment in planned]
    assert expected == [tuple(mark) for mark in marks if mark[0] <= upto_ms]
    assert {"a", "b"} >= set(killed)
    assert both_tried(folder) > 0


def seconds(first: str, last: str) -> list[datetime]:
    """Return every second from one moment to another."""
    moment, end = datetime.fromisoformat(first).astimezone(UTC), datetime.fromisoformat(last)
    found = []
    while moment <= end:
        found.append(moment)
        moment += timedelta(seconds=1)
    return found


def both_tried(folder: Path) -> int:
    """Count the planned times that both processes began: without that the test would show nothing."""
    tries = {tuple(line.split()) for line in (folder / "attempts").read_text().splitlines()}
    return sum(1 for count in Counter(run for _name, run in tries).values() if count > 1)
