"""`quarterdeck platform` says what platforms can do, and writes what they must be told."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from quarterdeck.router.native.parity import LABELS
from quarterdeck.runtime.platforms import OURS, names

OTHERS = [name for name in names() if name not in OURS]


def platform(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verb."""
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", "platform", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_parity_is_shown_for_every_platform_and_need() -> None:
    """As a table that can stand in the documentation, and as JSON."""
    shown, found = platform("list", "--parity"), json.loads(platform("list", "--parity", "--json").stdout)

    assert {(name, need) for name in names() for need in LABELS} == {
        (one["platform"], one["need"]) for one in found
    }
    assert {"native", "fallback"} >= {one["how"] for one in found}
    assert len(LABELS) + 2 == len([line for line in shown.stdout.splitlines() if line.startswith("|")])


@pytest.mark.parametrize("name", OTHERS)
def test_each_platform_has_its_manifest(name: str) -> None:
    """With the commands that there are, and nothing to set before."""
    done = platform("manifest", name)

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.strip()


def test_a_typo_gets_the_nearest_platform() -> None:
    """And an unknown one the list."""
    typo, unknown = platform("manifest", "telegrm"), platform("manifest", "fax")

    assert (1, 1) == (typo.returncode, unknown.returncode)
    assert "telegram" in typo.stderr
    assert all(name in unknown.stderr for name in OTHERS)


def test_all_manifests_come_at_once_by_name() -> None:
    """For a script."""
    assert set(OTHERS) == set(json.loads(platform("manifest", "--json").stdout))
