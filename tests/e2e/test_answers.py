"""What people do with an answer: look at its sources, say that it was wrong, and hold the next one to it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Program

RUNBOOK = """# Certificates

## Rotating the staging certificate

Run `make rotate ENV=staging` from the infrastructure repository. The certificate is valid for 90 days.
"""


def test_an_answer_leads_on_and_what_people_say_of_it_is_asked_again(
    program: Program, tmp_path: Path
) -> None:
    """The buttons below an answer, pressed; then `knowledge eval --cases` with a gate."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/certificates.md").write_text(RUNBOOK)
    program.call("knowledge", "add", str(tmp_path / "docs"))

    asked, sources, helpful = program.say(
        "/ask How do I rotate the staging certificate?",
        "/press sources",
        "/ask --path nowhere how do I rotate?",
    )
    again, praised = program.say("/ask How do I rotate the staging certificate?", "/press helpful")
    measured = program.json("knowledge", "eval", "--cases", "--gate")
    compared = program.json("knowledge", "eval", "--cases", "--gate")

    assert ["sources", "more", "helpful", "wrong"] == [button["id"] for button in asked["buttons"]]
    assert "make rotate ENV=staging" in sources["text"]
    assert "certificates.md" in sources["text"]
    assert "not_found" == helpful["status"]
    assert ("answered", "answered") == (again["status"], praised["status"])
    assert (1.0, True, None) == (measured["recall_at_5"], measured["is_accepted"], measured["before"])
    assert (0.0, []) == (compared["changes"]["recall_at_5"], compared["losses"])


def test_a_follow_up_is_about_what_was_asked_before(program: Program, tmp_path: Path) -> None:
    """ "For how long is it valid?" says nothing by itself."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/certificates.md").write_text(RUNBOOK)
    program.call("knowledge", "add", str(tmp_path / "docs"))

    _, follow = program.say("/ask How do I rotate the staging certificate?", "/ask how long is it valid?")

    assert "answered" == follow["status"]
    assert "90 days" in follow["text"]
