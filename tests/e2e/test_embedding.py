"""Have documents embedded by a provider on loopback, by the real program, and found by its vectors."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

DIMENSIONS = 64


class Vendor(BaseHTTPRequestHandler):
    """Embed by the words' hashes, in OpenAI's form."""

    asked: list[str] = []  # noqa: RUF012 - each test has a class of its own

    def do_POST(self) -> None:
        """Answer with one vector a text."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.extend(body["input"])
        data = [{"index": n, "embedding": _vector(text)} for n, text in enumerate(body["input"])]
        written = json.dumps({"data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _vector(text: str) -> list[float]:
    numbers = [0.01] * DIMENSIONS
    for word in text.lower().replace(".", " ").replace("?", " ").split():
        numbers[hashlib.sha256(word.encode()).digest()[0] % DIMENSIONS] += 1.0
    return numbers


@pytest.fixture
def vendor() -> Iterator[ThreadingHTTPServer]:
    """Return a vendor that listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Fresh", (Vendor,), {"asked": []}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_provider_embeds_documents_and_questions(
    program: Any, vendor: ThreadingHTTPServer, tmp_path: Path
) -> None:
    """`models.roles.embed` is all that it takes."""
    url = f"http://127.0.0.1:{vendor.server_address[1]}/v1"
    program.environment |= {
        "QUARTERDECK__PROVIDERS": json.dumps({"mine": {"base_url": url}}),
        "QUARTERDECK__MODELS__ROLES__EMBED": '["mine/hashes"]',
    }
    handbook = tmp_path / "handbook"
    handbook.mkdir()
    (handbook / "certificates.md").write_text(
        "# Certificates\n\nRotate the staging certificate with certctl.\n"
    )
    (handbook / "lunch.md").write_text("# Lunch\n\nLunch is at noon in the garden.\n")

    program.call("knowledge", "add", str(handbook))
    (line,) = program.say("/ask how do I rotate the staging certificate?")

    asked = vendor.RequestHandlerClass.asked  # type: ignore[attr-defined]
    assert ("answered", ["certificates.md"]) == (
        line["status"],
        [one["document"] for one in line["citations"]],
    )
    assert "how do I rotate the staging certificate?" in asked
    assert any("certctl" in text for text in asked)
