"""What a bot loads before its first answer: what nobody asked for is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from quarterdeck.cli import main
main(["console"])
"""

LATE = (
    "aiohttp",
    "alembic",
    "apscheduler",
    "chromadb",
    "cryptography",
    "dbos",
    "keyring",
    "numpy",
    "quarterdeck.mcp",
    "quarterdeck.models",
    "quarterdeck.rag",
    "quarterdeck.schedule",
    "quarterdeck.web",
    "quarterdeck_workflows.actions",
    "quarterdeck_workflows.engine",
    "quarterdeck_workflows.language",
)


def loaded_by(line: str, home: Path) -> set[str]:
    """Return the names of the modules of a console that answered one line."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ},
        "HOME": str(home),
        "QUARTERDECK__DATA_DIR": str(home / "data"),
        "QUARTERDECK__LOG__LEVEL": "warning",
    }
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, input=f"{line}\n", env=environment, cwd=home, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_a_ping_loads_no_wing_that_it_does_not_need(tmp_path: Path) -> None:
    """The first start made the tables; this is every start after it."""
    loaded_by("/ping", tmp_path)
    loaded = loaded_by("/ping", tmp_path)

    assert [] == [name for name in LATE if any(one == name or one.startswith(f"{name}.") for one in loaded)]


def test_a_workflow_file_brings_the_language_along(tmp_path: Path) -> None:
    """Its command must be known to the first `/help`."""
    folder = tmp_path / "data" / "user" / "workflows"
    folder.mkdir(parents=True)
    (tmp_path / "data").chmod(0o700)
    (folder / "greet.yaml").write_text(
        "title: Say hello\nsteps:\n  - action: message.post\n    with: {text: hi}\n"
    )

    assert "quarterdeck_workflows.language" in loaded_by("/help", tmp_path)
