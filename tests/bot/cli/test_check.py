"""`quarterdeck check` tells an operator everything in one go."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.runtime.faults import POINTS


def check(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `quarterdeck check`."""
    return program("check", *arguments, **environ)


def program(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program as an operator does."""
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(clean_environment: Path) -> Path:
    """Return the working folder of this test."""
    return clean_environment


def test_an_empty_machine_is_fine(folder: Path) -> None:
    """And it says what is off and what would switch it on."""
    done = check("--json")
    found = json.loads(done.stdout)

    assert (0, "") == (done.returncode, done.stderr)
    assert {"set OPENAI_API_KEY", "set ANTHROPIC_API_KEY"} <= {
        one["fix"] for one in found if one["level"] == "off"
    }
    assert {"level", "area", "message", "fix", "file", "line", "column"} == set(found[0])


def test_every_mistake_is_shown_with_its_place_and_its_fix(folder: Path) -> None:
    """Exit 1, and no need to start again after each."""
    (folder / "quarterdeck.yaml").write_text("http:\n  prot: 1\nlog:\n  level: loud\n", encoding="utf-8")
    done = check()

    assert 1 == done.returncode
    assert (
        f"error     settings: {folder / 'quarterdeck.yaml'}:2:3: http.prot is not a known key" in done.stdout
    )
    assert "fix: did you mean 'port'?" in done.stdout
    assert "quarterdeck.yaml:4:10: log.level" in done.stdout


def test_a_file_that_is_no_yaml_is_shown_too(folder: Path) -> None:
    """Reading stops there; checking does not crash."""
    (folder / "quarterdeck.yaml").write_text("http: [\n", encoding="utf-8")
    done = check("--json")

    assert (1, 1) == (done.returncode, len(json.loads(done.stdout)))


def test_critical_findings_fail_the_check(folder: Path) -> None:
    """Whatever keeps `run` from starting."""
    done = check("--json", QUARTERDECK__HTTP__HOST="0.0.0.0")

    assert 1 == done.returncode
    assert ["exposure"] == [one["area"] for one in json.loads(done.stdout) if one["level"] == "critical"]


def test_people_see_the_worst_last(folder: Path) -> None:
    """Next to the prompt, with a count."""
    done = check(QUARTERDECK__HTTP__HOST="0.0.0.0", QUARTERDECK_DATA_DIR="x")
    lines = done.stdout.splitlines()

    assert "1 critical" in lines[-1]
    assert "critical  exposure" in done.stdout
    assert done.stdout.index("off       ") < done.stdout.index("warning   ") < done.stdout.index("critical  ")


def test_secrets_in_the_store_are_looked_for_by_name(folder: Path) -> None:
    """A reference to one that nobody has set is as wrong as a literal."""
    settings = (
        "providers:\n  openai: {key: secret:here}\n  anthropic: {key: secret:gone}\nvault: {key: env:VAULT}\n"
    )
    (folder / "quarterdeck.yaml").write_text(settings, encoding="utf-8")
    vault = base64.b64encode(bytes(32)).decode()
    stored = program("secret", "set", "here", stdin="canary-value\n", VAULT=vault)
    done = check("--json", VAULT=vault)
    found = {one["message"]: one for one in json.loads(done.stdout)}

    assert 0 == stored.returncode, stored.stderr
    assert "ok" == found["providers.openai.key is secret:here"]["level"]
    missing = found["providers.anthropic.key: there is no secret gone"]
    assert ("error", 3, "run `quarterdeck secret set gone`") == (
        missing["level"],
        missing["line"],
        missing["fix"],
    )
    assert "canary" not in done.stdout + done.stderr
    refused = program("console", "--json", VAULT=vault)
    assert (1, True) == (refused.returncode, "there is no secret gone" in refused.stderr)


def test_fault_points_are_listed(folder: Path) -> None:
    """Tests of crashes start from this list."""
    assert list(POINTS) == check("--fault-points").stdout.split()
    assert list(POINTS) == json.loads(check("--fault-points", "--json").stdout)


def test_no_secret_is_printed(folder: Path) -> None:
    """Neither where it was written by mistake, nor where it is referred to."""
    (folder / "quarterdeck.yaml").write_text(
        "platforms: {slack: {bot_token: canary-value}}\n", encoding="utf-8"
    )
    done = check(SLACK_APP_TOKEN="canary-value", DISCORD_TOKEN="change-me-canary-value")

    assert 1 == done.returncode
    assert "canary" not in done.stdout + done.stderr
