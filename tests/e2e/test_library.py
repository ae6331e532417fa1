"""Switch workflows of the library on and off in the real program, and see what people are offered."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import Program

PIPELINE = "pipeline=http://127.0.0.1:9/orders"


@pytest.mark.slow
def test_the_library_is_offered_once_an_owner_switched_it_on(program: Program) -> None:
    """Before that there is no command, no entry in help, no run, and no menu; each place says how it comes."""
    with program.serving():
        found, run, native, helped = program.say(
            "/workflows cert", "/run deploy service=api", "/deploy api", "/help", expect=None
        )
        refused = program.call("workflow", "enable", "deploy", "pipline=x", expect=2).stderr
        wrong = program.call("workflow", "enable", "watch", "days=many", expect=2).stderr
        nearest = program.call("workflow", "enable", "deplyo", expect=1).stderr
        on = program.call("workflow", "enable", "watch", "days=21").stdout
        before = program.call("platform", "manifest", "slack").stdout
        program.call("workflow", "enable", "deploy", PIPELINE)
        after = program.call("platform", "manifest", "slack").stdout
        (listed,) = program.say("/workflows deploy")
        (fails,) = program.say("/deploy api", expect=None)
        rows = {one["name"]: one["enabled"] for one in program.json("workflow", "list")}
        off = program.call("workflow", "disable", "deploy").stdout
        (gone,) = program.say("/deploy api", expect=None)

    assert (
        "In the library, and not switched on:\n- `runbook`: A runbook by buttons\n- `watch`: Watch an address\n\n"
        "An owner switches one on: `quarterdeck workflow enable runbook`"
    ) == found["text"]
    assert "is a workflow of the library that is not switched on" in run["text"]
    assert "an owner does so: `quarterdeck workflow enable deploy`" in run["text"].lower()
    assert (
        "There is no command /deploy.\n"
        "The library has it; an owner switches it on: `quarterdeck workflow enable deploy`"
    ) == native["text"]
    assert "/deploy" not in helped["text"]
    assert "did you mean 'pipeline'?" in refused
    assert "days" in wrong
    assert "did you mean 'deploy'?" in nearest
    assert "watch is on with days=21: Watch an address\n" == on
    assert [False, True] == ["/deploy" in one for one in (before, after)]
    assert "- `/run deploy service=…`: Deploy a service" in listed["text"]
    assert "Deploy a service" in fails["text"]
    assert (True, True, False) == (rows["watch"], rows["deploy"], rows["incident"])
    assert "deploy is off.\n" == off
    assert "there is no command /deploy" in gone["text"].lower()


@pytest.mark.slow
def test_what_a_newcomer_types_first_is_answered_with_the_way(program: Program) -> None:
    """A workflow without a command, and one whose file is wrong, are there; they only go by another way."""
    folder = program.data_dir / "user" / "workflows"
    folder.mkdir(parents=True)
    program.data_dir.chmod(0o700)
    (folder / "ship.yaml").write_text("title: Ship\nsteps: [{stop: succeeded}]\n", "utf-8")
    (folder / "sail.yaml").write_text("title: Sail\nsteps:\n  - {stop: wel}\n", "utf-8")
    native, wrong = program.say("/ship", "/run sail", expect=None)

    assert (
        "There is no command /ship.\n"
        "`/run ship` starts a workflow; `triggers: [command]` in its file makes it a command"
    ) == native["text"]
    assert "The file of sail is wrong, line 3: " in wrong["text"]
    assert "`quarterdeck workflow validate sail` shows all of it" in wrong["text"]


@pytest.mark.slow
def test_a_workflow_without_its_address_says_what_to_do(program: Program) -> None:
    """Not an error of some server that nobody knows."""
    with program.serving():
        program.call("workflow", "enable", "deploy")
        run = program.json_of_failed("workflow", "run", "deploy", "service=api")

    assert "Nobody said where deployments are ordered." in run["message"]
    assert "`quarterdeck workflow enable deploy pipeline=https://…`" in run["message"]


@pytest.mark.slow
def test_the_settings_switch_on_too(program: Program) -> None:
    """For who keeps everything in one file; then the verb says where it stands."""
    program.environment["QUARTERDECK__WORKFLOWS__LIBRARY"] = '{"watch": {"days": 9}}'
    found = program.json("workflow", "list")
    refused = program.call("workflow", "disable", "watch", expect=2).stderr

    assert ["watch"] == [one["name"] for one in found if one["enabled"]]
    assert "workflows.library.watch" in refused
