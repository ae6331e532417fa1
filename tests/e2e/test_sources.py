"""Sources from every door: the command line, a conversation, the settings file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.conftest import Program

ROOMS = "# Rooms\n\n## The large room\n\nThe large room holds twelve people and is booked in the calendar.\n"


def test_a_source_lives_from_the_command_line(program: Program, tmp_path: Path) -> None:
    """Added for an audience, listed, and followed when a file moves."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "rooms.md").write_text(ROOMS)
    (folder / "broken.docx").write_bytes(b"PK nothing")
    added = program.json("knowledge", "add", str(folder), "--audience", "role:operator", "--every", "1h")
    [listed] = program.json("knowledge", "list")
    (folder / "rooms.md").rename(folder / "large room.md")
    synced = program.json("knowledge", "sync", str(folder))

    assert (1, "it is damaged, or not what its name says") == (added["added"], added["failed"][0]["reason"])
    assert ("role:operator", 3600, "current") == tuple(
        listed["sources"][0][name] for name in ("audience", "every_s", "state")
    )
    assert (1, 0) == (synced["moved"], synced["removed"])


def test_a_source_is_exported_shared_and_removed(program: Program, tmp_path: Path) -> None:
    """What is there can be looked at, and who may read it changed."""
    (tmp_path / "rooms.md").write_text(ROOMS)
    program.call("knowledge", "add", str(tmp_path / "rooms.md"))
    program.call("knowledge", "export", str(tmp_path / "out.jsonl"))
    [line] = [json.loads(one) for one in (tmp_path / "out.jsonl").read_text().splitlines()]
    shared = program.json("knowledge", "share", "documents", "--audience", "role:owner")
    removed = program.json("knowledge", "remove", str(tmp_path / "rooms.md"))

    assert ("rooms.md", "public", 5) == (line["document"], line["audience"], line["passages"][-1]["line"])
    assert (1, 1) == (shared["documents"], removed["removed"])


def test_a_conversation_adds_lists_and_is_read_itself(program: Program, tmp_path: Path) -> None:
    """The owner may everything; what is wrong is said with the way that works."""
    (tmp_path / "rooms.md").write_text(ROOMS)
    added, listed, wrong, here = program.say(
        f"/knowledge add {tmp_path / 'rooms.md'} --every 1d",
        "/knowledge",
        "/knowledge add git@example.com:team/docs.git",
        "/knowledge add here",
        expect=1,
    )

    assert "Read: 1 added" in added["text"]
    assert "Who may read it: `person:" in added["text"]
    assert "rooms.md: current" in listed["text"]
    assert "https://" in wrong["text"]
    assert "Read:" in here["text"]


def test_the_settings_file_names_sources(program: Program, tmp_path: Path) -> None:
    """`check` refuses one that names no place, with the line to write."""
    settings = tmp_path / "wrong.yaml"
    settings.write_text("knowledge:\n  sources:\n    - collection: handbook\n")
    done = program.call("check", environment={"QUARTERDECK_CONFIG": str(settings)}, expect=1)

    assert "exactly one of path, git" in done.stdout + done.stderr
