"""The API in front of the real program, judged by schemathesis: it reads the document and tries to break its word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import TIMEOUT_S, Program

pytestmark = pytest.mark.slow
EXAMPLES = 15  # of each operation, after the ones at every border
NOT_JUDGED = (
    "(events|uploads)$"  # streams do not end; in a form every value is text, which the judge does not know
)
JUDGE_S = 300.0  # bounds a hang


@pytest.mark.timeout(JUDGE_S + TIMEOUT_S)
def test_the_api_keeps_the_word_of_its_document(tmp_path: Path) -> None:
    """No server error, no answer that is not declared, nothing valid refused, nothing invalid taken."""
    program = Program(tmp_path)
    program.call("person", "grant", "web::anna", "owner")
    token = re.search(r"qd_\S+", program.call("person", "token", "web::anna").stdout)
    assert token is not None
    with program.serving():
        judged = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "schemathesis"), "run"),
                f"http://127.0.0.1:{program.port}/api/v1/openapi.json",
                *("--header", f"Authorization: Bearer {token[0]}"),
                *("--checks", "all", "--max-examples", str(EXAMPLES), "--generation-deterministic"),
                *("--request-timeout", "20", "--exclude-path-regex", NOT_JUDGED, "--no-color"),
            ],
            capture_output=True,
            text=True,
            timeout=JUDGE_S,
            cwd=tmp_path,
            check=False,
        )

    assert 0 == judged.returncode, judged.stdout[-6000:]
