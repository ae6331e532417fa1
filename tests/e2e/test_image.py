"""Have pictures drawn from the console, by the real program, from a vendor on loopback."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


def _picture() -> bytes:
    into = BytesIO()
    Image.new("RGB", (64, 48), "#3a6ea5").save(into, "PNG")
    return into.getvalue()


class Vendor(BaseHTTPRequestHandler):
    """Draw as OpenAI does, and refuse what it refuses."""

    seen: list[dict[str, Any]] = []  # noqa: RUF012 - each test has a class of its own

    def do_POST(self) -> None:
        """Answer an order."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        is_form = "multipart" in self.headers["Content-Type"]
        body: dict[str, Any] = {"form": raw} if is_form else json.loads(raw)
        self.seen.append({"path": self.path, **body})
        status, answer = (
            200,
            {"data": [{"b64_json": base64.b64encode(_picture()).decode()}] * body.get("n", 1)},
        )
        if "forbidden" in str(body.get("prompt")):
            error = {
                "message": "Your request was rejected by the safety system.",
                "code": "moderation_blocked",
            }
            status, answer = 400, {"error": error}
        written = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def vendor() -> Iterator[ThreadingHTTPServer]:
    """Return a vendor that listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Fresh", (Vendor,), {"seen": []}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def draws(program: Any, vendor: ThreadingHTTPServer) -> dict[str, str]:
    """Return an environment that connects the vendor."""
    url = f"http://127.0.0.1:{vendor.server_address[1]}/v1"
    return {
        "OPENAI_API_KEY": "sk-canary-draws",
        "QUARTERDECK__PROVIDERS": json.dumps({"openai": {"base_url": url}}),
    }


def test_pictures_come_as_files_with_prompt_and_cost(
    program: Any, vendor: ThreadingHTTPServer, draws: dict[str, str]
) -> None:
    """The caption names what was asked for, who drew and what it cost."""
    (line,) = program.say("/image --size 4:3 --count 2 a lighthouse in the fog", environment=draws)

    assert "answered" == line["status"]
    assert "a lighthouse in the fog\n\n_openai/gpt-image-2.5-flare, 2 pictures, $0.5_" in line["text"]
    assert "Drawing with" not in line["text"]
    assert 2 == len(line["files"])
    assert [_picture()] * 2 == [Path(one["path"]).read_bytes() for one in line["files"]]
    (order,) = vendor.RequestHandlerClass.seen  # type: ignore[attr-defined]
    assert ("/v1/images/generations", 2) == (order["path"], order["n"])


def test_an_attached_picture_is_changed(
    program: Any, vendor: ThreadingHTTPServer, draws: dict[str, str], tmp_path: Path
) -> None:
    """It is sent along with the words, and reaches the vendor whole."""
    before = tmp_path / "cat.png"
    before.write_bytes(_picture())

    (line,) = program.say(f'/upload "{before}" /image make it night', environment=draws)

    (order,) = vendor.RequestHandlerClass.seen  # type: ignore[attr-defined]
    assert ("answered", "/v1/images/edits", True) == (
        line["status"],
        order["path"],
        _picture() in order["form"],
    )


def test_a_refusal_is_said_plainly(program: Any, draws: dict[str, str]) -> None:
    """Nobody is left with a code, and nobody is told to try again later."""
    (line,) = program.say("/image something forbidden", environment=draws, expect=None)

    assert "error" == line["status"]
    assert "OpenAI does not draw this: Your request was rejected by the safety system." in line["text"]


def test_without_a_model_that_draws_the_bot_says_what_connects_one(program: Any) -> None:
    """The first minute has no key."""
    (line,) = program.say("/image a lighthouse")

    assert ("answered", True) == (line["status"], "OPENAI_API_KEY" in line["text"])


def test_use_of_pictures_is_counted(program: Any, draws: dict[str, str]) -> None:
    """`/usage` knows what drawing cost."""
    lines = program.say("/image a lighthouse", "/usage", environment=draws)

    assert "openai/gpt-image-2.5-flare" in lines[1]["text"]
    assert "$0.25" in lines[1]["text"]
