"""The main job: questions about real documents, schedules that fire, digests that arrive, through every crash."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Program

RUNBOOKS = {
    "certificates.md": """# Certificates

## Rotating the staging certificate

Run `make rotate ENV=staging` from the infrastructure repository. The certificate is valid for 90 days.
Tell the people in #platform before you start, since the ingress restarts.

## Who owns the certificates

The platform team owns all certificates. Escalate to the on-call engineer.
""",
    "database.md": """# Database

## Restoring a backup

Fetch the newest dump from the `dumps` bucket and run `pg_restore --clean`. A restore of 40 GB takes half an hour.

## Connection limits

The primary accepts 400 connections; the pool of each service is limited to 20.
""",
    "deploy.html": "<html><head><title>Deploying</title></head><body><h1>Deploying</h1><h2>Rolling back</h2>"
    "<p>To roll back a release, run deployctl undo with the name of the service.</p></body></html>",
    "holidays.txt": "Requests for annual leave go through the human resources portal at least two weeks ahead.\n",
}


@pytest.fixture
def runbooks(tmp_path: Path) -> Path:
    """Write a small handbook."""
    folder = tmp_path / "runbooks"
    folder.mkdir()
    for name, text in RUNBOOKS.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("question", "document", "heading"),
    [
        ("How do I rotate the staging certificate?", "certificates.md", "Rotating the staging certificate"),
        ("how long does a restore of the database take", "database.md", "Restoring a backup"),
        ("How can I roll back a release?", "deploy.html", "Rolling back"),
    ],
)
def test_a_question_is_answered_from_the_right_document(
    program: Program, runbooks: Path, question: str, document: str, heading: str
) -> None:
    """An answer names the document and the heading that it comes from."""
    program.call("knowledge", "add", str(runbooks))

    (line,) = program.say(f"/ask {question}")

    assert "answered" == line["status"]
    assert (document, heading) == (
        line["citations"][0]["document"],
        line["citations"][0]["heading"].split(" › ")[-1],
    )


def test_an_absurd_question_is_not_found(program: Program, runbooks: Path) -> None:
    """An honest "not found" is worth more than an invention."""
    program.call("knowledge", "add", str(runbooks))

    lines = program.say("/ask Which cheese do penguins on the moon prefer?", "/ask qwzx vbnm plof")

    assert ["not_found", "not_found"] == [line["status"] for line in lines]
    assert [] == lines[0]["citations"]


def indexed(program: Program) -> list[Any]:
    """Return what the knowledge base holds, as comparable rows."""
    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database:
        rows = database.execute(
            "SELECT d.name, d.sha256, c.n, c.heading, c.text, c.embedding"
            " FROM documents d JOIN chunks c ON c.document_id = d.id ORDER BY d.name, c.n"
        )
        return rows.fetchall()


@pytest.mark.parametrize("passage", [1, 2, 3])
def test_a_killed_ingest_ends_like_an_undisturbed_one(
    program: Program, runbooks: Path, tmp_path: Path, passage: int
) -> None:
    """kill -9 at any moment leaves whole documents; the next run completes them."""
    undisturbed = Program(tmp_path / "other")
    undisturbed.folder.mkdir()
    undisturbed.call("knowledge", "add", str(runbooks))
    for point in ("knowledge.stored.before", "knowledge.stored"):
        fault = {"QUARTERDECK_FAULT": f"{point}:{passage}:kill"}
        program.call("--testing", "knowledge", "add", str(runbooks), expect=None, environment=fault)

    program.call("knowledge", "add", str(runbooks))

    assert indexed(undisturbed) == indexed(program)


def test_a_removed_document_is_no_longer_cited(program: Program, runbooks: Path) -> None:
    """Deletions reach the index."""
    program.call("knowledge", "add", str(runbooks))
    (runbooks / "deploy.html").unlink()
    program.call("knowledge", "sync")

    (line,) = program.say("/ask How can I roll back a release?")

    assert "deploy.html" not in {citation["document"] for citation in line["citations"]}


INSTANT, ORDINARY = "/echo", "/whoami"  # one commit for event and answer, and two
POINTS = [
    "outbox.answered.before",
    "outbox.answered",
    "inbox.accepted.before",
    "inbox.accepted",
    "outbox.queued.before",
    "outbox.queued",
    "transcript.appended.before",
    "transcript.appended",
    "outbox.sent.before",
    "outbox.sent",
]


def books(program: Program) -> tuple[list[str], list[str]]:
    """Return the keys of accepted events, and the causes of what stands on the screen, both sorted."""
    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database:
        accepted = database.execute("SELECT platform || ':' || workspace || ':' || event_id FROM inbox")
        shown = database.execute("SELECT cause FROM transcript")
        return sorted(key for (key,) in accepted), sorted(cause for (cause,) in shown)


@pytest.mark.parametrize("passage", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_bot_answers_each_accepted_message_once(program: Program, point: str, passage: int) -> None:
    """F1, F2, F4: what was accepted before a kill -9 is answered once after the restart, nothing twice."""
    fault = {"QUARTERDECK_FAULT": f"{point}:{passage}:kill"}
    line = ORDINARY if point.startswith(("inbox", "outbox.queued")) else INSTANT
    with program.serving("--testing", environment=fault) as process:
        program.say(*(line if line == ORDINARY else f"{line} {n}" for n in range(5)), expect=None)
        process.wait(timeout=60)
    with program.serving():
        program.say("/echo last")

    accepted, shown = books(program)
    assert accepted == shown
    assert {"sent"} == {row["state"] for row in program.json("delivery", "list")}


def test_a_schedule_survives_a_restart_and_lists_its_next_times(program: Program) -> None:
    """What a person ordered stands until they take it back."""
    asked, added = program.say('/schedule add "every weekday at 9" Europe/Berlin /digest', "/press confirm")

    assert "at 09:00, Monday to Friday, Europe/Berlin (`0 9 * * mon-fri`)" in asked["text"]
    assert ["pending", "answered"] == [asked["status"], added["status"]]
    (row,) = program.json("schedule", "list")
    assert ("0 9 * * mon-fri", "Europe/Berlin", "/digest", "once", False, 5) == (
        row["trigger"],
        row["timezone"],
        row["what"],
        row["misfire"],
        row["paused"],
        len(row["next"]),
    )


def test_a_digest_holds_what_was_said_since_the_last_one(program: Program) -> None:
    """The second digest does not repeat the first."""
    program.say("Decision: the release of the billing service moves to Thursday because of the migration.")
    (first,) = program.say("/digest")
    program.say("The staging database was restored from the dump of Monday by Anna.")
    (second,) = program.say("/digest")

    assert "Thursday" in first["text"]
    assert ("Thursday" in second["text"], "Monday" in second["text"]) == (False, True)
