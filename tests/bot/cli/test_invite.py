"""`quarterdeck person invite` and `sign-out` work whether or not the bot runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def person(tmp_path: Path):
    """Return a function that runs the verb on a folder of its own."""
    settings = {
        "QUARTERDECK_CONFIG": str(tmp_path / "quarterdeck.yaml"),
        "QUARTERDECK__DATA_DIR": str(tmp_path / "data"),
        "QUARTERDECK__VAULT__KEY": "file",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    (tmp_path / "quarterdeck.yaml").write_text("{}\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "quarterdeck", "person", *arguments],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_each_invitation_is_another_code(person) -> None:
    """With the address and the end of its time."""
    first, other = (json.loads(person("invite", "viewer", "--json").stdout) for _ in range(2))

    assert first["code"] != other["code"]
    assert f"/sign-in#code={first['code']}" in first["link"]
    assert {"code", "address", "link", "role", "name", "email", "expires_at"} == set(first)


def test_an_invitation_by_mail_is_for_an_address_that_is_one(person) -> None:
    """What accounts are joined by is written plainly, or refused with the way to write it."""
    made = json.loads(person("invite", "viewer", "--email", "Anna@Example.com", "--json").stdout)
    refused = person("invite", "viewer", "--email", "anna+x@example.com")

    assert ("anna@example.com", 2) == (made["email"], refused.returncode)
    assert "such as anna@example.com" in refused.stderr


def test_an_invitation_without_a_role_that_exists_is_refused(person) -> None:
    """With the nearest one."""
    done = person("invite", "viewr")

    assert 2 == done.returncode
    assert "viewer" in done.stderr


def test_signing_out_names_accounts_of_the_page_alone(person) -> None:
    """Others have no sessions here."""
    foreign, unknown = person("sign-out", "slack:T1:U1"), person("sign-out", "web::nobody")

    assert (2, 1) == (foreign.returncode, unknown.returncode)
    assert "web::NAME" in foreign.stderr
    assert "nobody" in unknown.stderr
