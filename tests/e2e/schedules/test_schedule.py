"""Schedules as people and scripts use them: real processes, pipes, restarts, kills."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Program

PATIENCE_S = 60.0  # bounds a hang


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the program with an empty home."""
    return Program(tmp_path)


def add(program: Program, *arguments: str) -> Any:
    """Add a schedule from the command line."""
    return program.json("schedule", "add", "--yes", *arguments)


def minutes_ago(*minutes: int) -> str:
    """Return a cron line of which the last times were so many minutes ago, none of them near now."""
    now_min = int(time.time() // 60)
    return f"{','.join(str((now_min - ago) % 60) for ago in minutes)} * * * *"


def set_back(program: Program, schedule_id: str, seconds: float) -> None:
    """Let a schedule have been made some time ago, as if the bot had been down since."""
    past_ms = round((time.time() - seconds) * 1000)
    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database, database:
        database.execute("UPDATE schedules SET created_at_ms = ? WHERE id = ?", (past_ms, schedule_id))


def shown(program: Program) -> list[str]:
    """Return what stands on the console's screen, oldest first."""
    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database:
        return [row[0] for row in database.execute("SELECT body FROM transcript ORDER BY seq")]


def wait_for(program: Program, words: str, count: int = 1) -> list[str]:
    """Wait until something on the screen says so."""
    end = time.monotonic() + PATIENCE_S
    while sum(words in text for text in shown(program)) < count:
        assert time.monotonic() < end, f"{words!r} did not come: {shown(program)}"
        time.sleep(0.1)
    return shown(program)


def test_what_was_understood_is_shown_before_it_is_stored(program: Program) -> None:
    """Nothing is stored until somebody says yes; what is left is left."""
    asked, left, listed = program.say(
        '/schedule add "on the first monday of the month at 10:30" Europe/Berlin /status',
        "/press discard",
        "/schedule list",
    )

    assert "pending" == asked["status"]
    assert "at 10:30, on the first Monday of the month, Europe/Berlin (`30 10 * * mon#1`)" in asked["text"]
    assert 5 == asked["text"].count("Mon ") - asked["text"].count("before it Mon") - asked["text"].count(
        "after it Mon"
    )
    assert "Clocks change on" in asked["text"]
    assert "Left as it was." == left["text"]
    assert listed["text"].startswith("No schedules here.")


def test_a_yes_twice_is_one_schedule(program: Program) -> None:
    """People press twice."""
    lines = program.say("/schedule add in 20 minutes /status", "/press confirm", "/press confirm")

    assert ["pending", "answered", "answered"] == [line["status"] for line in lines]
    assert 1 == len(program.json("schedule", "list"))


def test_without_a_terminal_nobody_can_agree(program: Program) -> None:
    """A script says --yes."""
    refused = program.call("schedule", "add", "every weekday at 9", "UTC", "/status", expect=2)

    assert "--yes" in refused.stderr
    assert [] == program.json("schedule", "list")


def test_what_is_not_understood_is_refused_with_the_fix(program: Program) -> None:
    """Both ways of counting are named, neither is guessed."""
    (line,) = program.say("/schedule add every other monday at 9 /status", expect=1)
    refused = program.call("schedule", "preview", "whenever", expect=2)

    assert "does not say from which day it counts" in line["text"]
    assert "every weekday at 9" in refused.stderr


def test_two_edits_of_one_version_are_one(program: Program) -> None:
    """F30: the second is told, from chat as from the command line."""
    schedule_id = add(program, "every weekday at 9", "UTC", "/status")["id"]
    edited = program.json("schedule", "edit", schedule_id, "--misfire", "all ≤ 3", "--version", "1")
    refused = program.call("schedule", "edit", schedule_id, "--misfire", "skip", "--version", "1", expect=2)
    (line,) = program.say(f"/schedule edit --version 1 --overlap queue {schedule_id}", expect=1)

    assert "all <= 3" == edited["misfire"]
    assert "changed meanwhile" in refused.stderr
    assert "changed meanwhile" in line["text"]
    assert 2 == program.json("schedule", "show", schedule_id)["version"]


def test_a_change_of_the_time_is_shown_before_it_is_stored(program: Program) -> None:
    """And refused when somebody else was faster in between."""
    schedule_id = add(program, "every weekday at 9", "UTC", "/status")["id"]
    asked, stored = program.say(f'/schedule edit {schedule_id} "every day at 10"', "/press confirm")
    late, _, refused = program.say(
        f'/schedule edit {schedule_id} "every day at 11"',
        f"/schedule pause {schedule_id}",
        "/press confirm",
        expect=1,
    )

    assert ("pending", "answered") == (asked["status"], stored["status"])
    assert "0 10 * * *" == program.json("schedule", "list")[0]["trigger"]
    assert "pending" == late["status"]
    assert "changed meanwhile" in refused["text"]


def test_missed_times_are_posted_as_missed_and_one_is_made_up_for(program: Program) -> None:
    """U1: down for half an hour, with the default rule."""
    schedule_id = add(program, minutes_ago(10, 15, 20), "UTC", "/echo here I am")["id"]
    set_back(program, schedule_id, 1800)
    with program.serving():
        texts = wait_for(program, "here I am")

    missed = [text for text in texts if "**Missed**" in text]
    assert 1 == len(missed)
    assert "is made up for now" in missed[0]
    outcomes = [fire["outcome"] for fire in program.json("schedule", "show", schedule_id)["fires"]]
    assert ["fired", "missed", "missed"] == outcomes


def test_a_person_is_asked_about_missed_times(program: Program) -> None:
    """One press decides; a restart in between changes nothing."""
    schedule_id = add(program, "--misfire", "ask", minutes_ago(10, 20), "UTC", "/echo asked for")["id"]
    set_back(program, schedule_id, 1500)
    with program.serving():
        wait_for(program, "Shall it run now?")
    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database:
        (last_ms,) = database.execute("SELECT max(planned_at_ms) FROM fires").fetchone()
    line, again = program.say(
        f"/schedule catch-up {schedule_id} once {last_ms}", f"/schedule catch-up {schedule_id} all {last_ms}"
    )
    with program.serving():
        texts = wait_for(program, '"text": "asked for"')

    assert "1 missed time made up for" in line["text"]
    assert "not_found" == again["status"]
    assert 1 == sum('"text": "asked for"' in text for text in texts)


def test_what_is_too_late_is_not_made_up_for(program: Program) -> None:
    """A reminder of this morning is no use at night."""
    schedule_id = add(program, "--late", "5", "15 3 * * *", "UTC", "/echo good morning")["id"]
    set_back(program, schedule_id, 2 * 86_400)
    with program.serving():
        texts = wait_for(program, "**Missed**")

    assert not any("good morning" in text and "Missed" not in text for text in texts)


def test_eight_failures_are_one_alert_and_one_recovery(program: Program) -> None:
    """U4: nobody wants the same error eight times overnight."""
    commands = program.data_dir / "user" / "commands"
    commands.mkdir(parents=True)
    (commands / "flaky.py").write_text(FLAKY)
    program.data_dir.chmod(0o700)
    schedule_id = add(
        program, "--misfire", "all", "--overlap", "parallel", "every 5m", f"/flaky {program.folder}/well"
    )["id"]
    set_back(program, schedule_id, 8 * 300)
    with program.serving():
        wait_for(program, "I say so once")
        end = time.monotonic() + PATIENCE_S
        while program.json("schedule", "show", schedule_id)["failures"] < 8:
            assert time.monotonic() < end
            time.sleep(0.2)
    alerts = [text for text in shown(program) if "It broke" in text]
    (program.folder / "well").touch()
    set_mark_back(
        program, schedule_id, 10 * 300
    )  # two times that were never planned before: a time fires once
    with program.serving():
        texts = wait_for(program, "**Works again**")

    assert 1 == len(alerts)
    assert "failed 8 times since" in next(text for text in texts if "Works again" in text)


FLAKY = '''
from pathlib import Path
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.reply import Reply

async def flaky(call: Call) -> Reply:
    """Fail until the file is there."""
    if not Path(call.text("path")).exists():
        raise UsageError("it broke", hint="mend it")
    return Reply(text="all well")

COMMAND = Command(name="flaky", summary="Fail", handler=flaky,
                  options=(Option(name="path", summary="x", positional=True),))
'''


def set_mark_back(program: Program, schedule_id: str, seconds: float) -> None:
    """Let the last time that was dealt with lie further back, and forget what came since."""
    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database, database:
        (mark,) = database.execute("SELECT last_at_ms FROM schedules WHERE id = ?", (schedule_id,)).fetchone()
        past_ms = min(mark, round((time.time() - seconds) * 1000))
        database.execute("UPDATE schedules SET last_at_ms = ? WHERE id = ?", (past_ms, schedule_id))
        database.execute("DELETE FROM fires WHERE planned_at_ms > ?", (past_ms,))


def test_a_failed_yes_is_shown_as_json(program: Program) -> None:
    """Scripts read the error."""
    refused = program.call("schedule", "edit", "nothing", "--misfire", "skip", "--json", expect=1)

    assert "there is no schedule 'nothing'" == json.loads(refused.stderr)["error"]["message"]
