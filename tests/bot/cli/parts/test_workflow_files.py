"""`quarterdeck workflow validate`, `graph`, `list` and `check`: what an author and an operator see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.bot.cli.test_check import check, program

GOOD = "title: Greet\ntriggers: [command]\nsteps:\n  - {action: chat.send, with: {text: hi}}\n"
BAD = "title: Greet\nsteps:\n  - action: chat.sned\n  - {when: inputs.x, stop: succeeded}\n"


@pytest.fixture
def workflows(clean_environment: Path) -> Path:
    """Return the owner's folder of workflows; the settings name it."""
    folder = clean_environment / "mine" / "workflows"
    folder.mkdir(parents=True)
    (clean_environment / "quarterdeck.yaml").write_text("user_dir: mine\n", encoding="utf-8")
    return folder


def test_a_wrong_file_is_shown_with_line_and_fix(workflows: Path) -> None:
    """Exit status 1, for a person and for a script."""
    (workflows / "greet.yaml").write_text(BAD, encoding="utf-8")
    done, as_json = (
        program("workflow", "validate", "greet"),
        program("workflow", "validate", "greet", "--json"),
    )
    file = workflows / "greet.yaml"

    assert 1 == done.returncode
    assert (
        f"{file}:3:13: error: there is no action 'chat.sned'\n  fix: did you mean 'chat.send'?" in done.stdout
    )
    assert "1 file: 2 errors" in done.stdout
    assert [
        {
            "level": "error",
            "message": "there is no action 'chat.sned'",
            "hint": "did you mean 'chat.send'?",
            "file": str(file),
            "line": 3,
            "column": 13,
        },
        {
            "level": "error",
            "message": "`inputs.x`: there is no inputs.x",
            "hint": "inputs has nothing yet",
            "file": str(file),
            "line": 4,
            "column": 12,
        },
    ] == json.loads(as_json.stdout)["problems"]


def test_all_files_are_checked_without_a_name(workflows: Path) -> None:
    """Ours among them, and they are sound."""
    (workflows / "greet.yaml").write_text(GOOD, encoding="utf-8")
    done = program("workflow", "validate", "--json")
    found = json.loads(done.stdout)

    assert (0, []) == (done.returncode, found["problems"])
    assert {"deploy.yaml", "greet.yaml", "incident.yaml"} <= {Path(file).name for file in found["files"]}


def test_a_path_is_checked_where_it_lies(workflows: Path, clean_environment: Path) -> None:
    """Before it is put where it is found; it may call those that are."""
    (workflows / "greet.yaml").write_text(GOOD, encoding="utf-8")
    (clean_environment / "new.yaml").write_text("steps: [{call: greet}]\n", encoding="utf-8")

    assert 0 == program("workflow", "validate", "new.yaml").returncode
    assert "there is no file gone.yaml" in program("workflow", "validate", "gone.yaml").stderr
    assert "did you mean 'greet'?" in program("workflow", "validate", "gret").stderr


def test_a_schedule_that_means_nothing_and_a_taken_command_are_named(workflows: Path) -> None:
    """The bot's own reading of times and its own commands decide."""
    (workflows / "odd.yaml").write_text(
        "triggers: [{schedule: at the dawn of time, conversation: c}, {command: ping}]\nsteps: [{stop: succeeded}]\n",
        encoding="utf-8",
    )
    found = json.loads(program("workflow", "validate", "odd", "--json").stdout)["problems"]

    assert 2 == len(found)
    assert "there is already a command /ping" == found[1]["message"]


def test_workflows_are_listed_and_drawn(workflows: Path) -> None:
    """A broken one is listed too, and says so."""
    (workflows / "greet.yaml").write_text(GOOD, encoding="utf-8")
    (workflows / "broken.yaml").write_text("steps: 1\n", encoding="utf-8")
    rows = {row["name"]: row for row in json.loads(program("workflow", "list", "--json").stdout)}
    chart = program("workflow", "graph", "greet").stdout

    assert ("Greet", ["/greet"], "yours") == tuple(
        rows["greet"][key] for key in ("title", "triggers", "origin")
    )
    assert "shipped" == rows["deploy"]["origin"]
    assert "its file is wrong: quarterdeck workflow validate" == rows["broken"]["title"]
    assert chart.startswith('flowchart TD\n  n1(["/greet"])\n')


def test_check_names_broken_workflow_files(workflows: Path) -> None:
    """Everything in one go."""
    (workflows / "greet.yaml").write_text(BAD, encoding="utf-8")
    found = [one for one in json.loads(check("--json").stdout) if one["area"] == "workflows"]

    assert ["there is no action 'chat.sned'", "`inputs.x`: there is no inputs.x"] == [
        one["message"] for one in found
    ]
    assert [3, 4] == [one["line"] for one in found]
