"""`policy test` is right about what is right, and shows what is not; what the documentation shows is real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.core.roles import Roles
from quarterdeck.router.command.catalogue import discover
from quarterdeck.router.policy.cases import Declared, FixedTime, Result, run_cases, wrong
from quarterdeck.router.policy.directory import read_directory
from quarterdeck.router.policy.operations import Declarations
from quarterdeck.router.policy.reading import read_policy

DOCS = Path(__file__).parents[4] / "docs"

RULES = """
groups: {oncall: {platforms: slack:T1:S1, role: operator}}
rules:
  - {name: nights, deny: /deploy, when: {hours: 22:00-06:00, zone: Europe/Berlin}}
  - {name: prod, allow: /deploy, group: oncall, arguments: {env: prod}, approval: {by: role:admin}}
"""


def run(
    folder: Path, cases: str, rules: str = RULES, declared: Declared = lambda action: ("editor", "write")
) -> list[Result]:
    """Hold rules to cases; everything declares the role editor unless it is said."""
    (folder / "policy.yaml").write_text(rules, "utf-8")
    (folder / "cases.yaml").write_text(cases, "utf-8")
    time, roles = FixedTime(), Roles()
    policy = read_policy(folder / "policy.yaml", roles=roles, now=time.now)
    return run_cases(folder / "cases.yaml", policy, roles, time, declared)


def test_cases_that_come_as_expected_are_right(tmp_path: Path) -> None:
    """Role, group, arguments, time and rule."""
    results = run(
        tmp_path,
        "cases:\n"
        "  - {role: editor, do: /deploy, expect: allow, rule: commands by role}\n"
        "  - {role: viewer, do: /deploy, expect: deny, rule: no rule}\n"
        "  - {groups: [oncall], do: /deploy, arguments: {env: prod}, expect: approval, rule: prod}\n"
        "  - {role: owner, do: /deploy, at: 2026-11-21T23:00, zone: Europe/Berlin, expect: deny, rule: nights}\n"
        "  - {role: owner, do: /deploy, at: '2026-11-21T20:59:59+00:00', expect: allow}\n"
        "  - {role: owner, do: operation:person.grant, way: tool, expect: deny}\n",
    )

    assert (6, []) == (len(results), wrong(results))


def test_a_case_that_comes_otherwise_shows_what_was_tried(tmp_path: Path) -> None:
    """With the line of the table, and the rule."""
    (result,) = wrong(run(tmp_path, "cases:\n  - {role: viewer, do: /deploy, expect: allow}\n"))

    assert ("cases.yaml:2", "allow", "deny") == (result.place, result.expected, result.got)
    assert "viewer /deploy" == result.question
    assert any("nights" in line and "22:00-06:00" in line for line in result.trace)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("{role: boss, do: /a, expect: deny}", "no role 'boss'"),
        ("{groups: [leads], do: /a, expect: deny}", "no group 'leads'"),
        ("{do: /a, expect: maybe}", "expect"),
        ("{do: /a, at: tomorrow, expect: deny}", "no time"),
        ("{do: /a, identity: anna, expect: deny}", "is not an identity"),
        ("{do: /a, wy: tool, expect: deny}", "not a known key"),
    ],
)
def test_a_wrong_table_is_named_with_its_place(tmp_path: Path, case: str, message: str) -> None:
    """A case that asks nothing proves nothing."""
    with pytest.raises(SetupError) as refusal:
        run(tmp_path, f"cases:\n  - {case}\n")

    assert (2, True) == (refusal.value.line, message in refusal.value.message)


def blocks(page: str) -> list[str]:
    """Return the indented blocks of a page, as files."""
    found = re.findall(r"\n\n((?: {4}.*\n|\n)+)", (DOCS / page).read_text("utf-8"))
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in found]


def test_the_policy_and_the_cases_that_the_documentation_shows_agree(tmp_path: Path) -> None:
    """Somebody will begin with them."""
    shown = blocks("policy.md")
    (rules,) = [one for one in shown if one.startswith("groups:")]
    (cases,) = [one for one in shown if one.startswith("cases:")]
    results = run(tmp_path, cases, rules, Declarations(discover("quarterdeck.commands")).of)

    assert (3, []) == (len(results), [(one.question, one.got, one.rule) for one in wrong(results)])


def test_the_directory_that_the_documentation_shows_is_one(tmp_path: Path) -> None:
    """As it stands."""
    (shown,) = [one for one in blocks("people.md") if one.startswith("people:")]
    (tmp_path / "people.yaml").write_text(shown, "utf-8")

    assert ["anna"] == list(read_directory(tmp_path / "people.yaml"))


def qd(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env=os.environ | {"QUARTERDECK__DATA_DIR": str(cwd / "data")},
    )


def test_the_verbs_say_who_may_what_and_why(tmp_path: Path) -> None:
    """One walk through them as an owner does it, from settings to a refusal that is explained."""
    (tmp_path / "quarterdeck.yaml").write_text(
        "access:\n  policy: ./rules.yaml\n  roles: {releaser: operator}\n", "utf-8"
    )
    (tmp_path / "rules.yaml").write_text(RULES, "utf-8")
    (tmp_path / "good.yaml").write_text("cases: [{role: viewer, do: /ping, expect: allow}]", "utf-8")
    (tmp_path / "bad.yaml").write_text("cases: [{role: viewer, do: /status, expect: allow}]", "utf-8")
    good, bad = (
        qd("policy", "test", "good.yaml", cwd=tmp_path),
        qd("policy", "test", "bad.yaml", cwd=tmp_path),
    )
    granted = qd("person", "grant", "slack:T1:U1", "releaser", "--name", "Anna", cwd=tmp_path)
    explained = qd("policy", "explain", "slack:T1:U1", "/launch", "--arg", "env=prod", "--json", cwd=tmp_path)
    token = qd("person", "token", "slack:T1:U1", "--json", cwd=tmp_path)
    shown = qd("person", "show", "slack:T1:U1", cwd=tmp_path)
    checked = qd("check", cwd=tmp_path)
    (tmp_path / "rules.yaml").write_text("rules: [{name: x, allow: deploy}]\n", "utf-8")
    broken = qd("check", "--json", cwd=tmp_path)
    started = qd("person", "list", cwd=tmp_path)

    assert (0, 1) == (good.returncode, bad.returncode), (good.stderr, bad.stderr)
    assert "- expected: allow" in bad.stdout
    assert "+ got:      deny" in bad.stdout
    assert "releaser" in granted.stdout, granted.stderr
    assert "deny" == json.loads(explained.stdout)["decision"]
    assert json.loads(token.stdout)["token"].startswith("qd_")
    assert "releaser" in shown.stdout
    assert "rules.yaml" in checked.stdout
    problem = next(one for one in json.loads(broken.stdout) if one["area"] == "policy")
    assert ("error", 1, 26) == (problem["level"], problem["line"], problem["column"])
    assert 1 == started.returncode
    assert "rules.yaml" in started.stderr


def test_what_a_model_may_use_can_be_held_to_cases(tmp_path: Path) -> None:
    """Our tools are known by what they stand for; of others a case says what they declare."""
    declared = Declarations(discover("quarterdeck.commands")).of
    results = run(
        tmp_path,
        "cases:\n"
        "  - {role: viewer, do: 'tool:knowledge.search', way: tool, expect: allow}\n"
        "  - {role: operator, do: 'tool:command.status', way: tool, expect: allow}\n"
        "  - {role: operator, do: 'tool:command.remember', way: tool, expect: approval}\n"
        "  - {role: viewer, do: 'tool:command.remember', way: tool, expect: deny}\n"
        "  - {role: owner, do: 'tool:command.approve', way: tool, expect: deny, rule: people agree themselves}\n"
        "  - {role: editor, do: 'tool:mcp.git.push', way: tool, declares: editor, effect: write, expect: approval}\n"
        "  - {role: viewer, do: 'tool:mcp.git.log', way: tool, declares: editor, effect: read, expect: deny}\n",
        declared=declared,
    )

    assert [] == wrong(results)


def test_a_role_that_a_case_invents_is_refused(tmp_path: Path) -> None:
    """A table with a slip in it would prove nothing."""
    with pytest.raises(SetupError, match="there is no role 'editr'"):
        run(tmp_path, "cases: [{role: editor, do: 'tool:x.y', declares: editr, expect: deny}]")
