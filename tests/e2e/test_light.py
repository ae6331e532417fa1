"""What nobody has asked for yet is not loaded: it would cost every bot its time to start and its memory."""

import os
import subprocess
import sys
from pathlib import Path

UNUSED = {
    *("anthropic", "google.genai", "openai", "mcp", "opentelemetry", "prometheus_client"),
    *("slack_bolt", "slack_sdk", "discord", "telegram", "httpx"),
    *("cryptography", "sqlalchemy.dialects.postgresql", "dbos", "psycopg"),
    *(
        "av",
        "cel",
        "numpy",
        "PIL",
        "torch",
        "feedparser",
        "trafilatura",
        "openpyxl",
        "docx",
        "pptx",
        "jmespath",
    ),
    "prompt_toolkit",
}
SCRIPT = (
    "import sys; from quarterdeck.cli import main\n"
    "try: main(['console'])\n"
    f"finally: print(*sorted(set(sys.modules) & {UNUSED!r}), file=sys.stderr)"
)


def test_a_bot_that_has_answered_a_light_command_has_loaded_nothing_heavy(tmp_path: Path) -> None:
    """Workflows, pictures, MCP and tracing cost nothing until they are used."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input="/ping\n",
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr.strip().rpartition("\n")[2]), done.stderr
    assert "Pong" in done.stdout
