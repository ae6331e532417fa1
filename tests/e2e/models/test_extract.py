"""Have models fill in forms for workflows: the built-in one, and a scripted one that looks at a video over a kill."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.e2e.conftest import Program

TICKET = r"""
title: Read a ticket
steps:
  - id: read
    action: model.extract
    with:
      content: The web shop is down since nine, says Ada from sales. All three servers are affected.
      schema:
        type: object
        properties:
          urgent: {type: boolean}
          servers: {type: integer, minimum: 0, maximum: 9}
          team: {type: string, enum: [sales, support, engineering]}
        required: [urgent, servers, team]
        additionalProperties: false
      max_tokens: 200
  - {id: keep, action: file.write, with: {file: ticket.json, content: "${steps.read.output.value}\n"}}
"""
FRAMES = 6


@pytest.mark.slow
@pytest.mark.needs("llama_cpp")
def test_the_built_in_model_fills_in_a_form(program: Program) -> None:
    """What it says is often wrong, its shape never: a grammar holds it to the schema."""
    folder = program.data_dir / "user" / "workflows"
    folder.mkdir(parents=True)
    program.data_dir.chmod(0o700)
    (folder / "ticket.yaml").write_text(TICKET, "utf-8")
    program.environment["QUARTERDECK__MODELS__BUILTIN__ENABLED"] = "true"
    run = program.json("workflow", "run", "ticket")
    (file,) = program.data_dir.glob("runs/*/ticket.json")
    found = json.loads(file.read_text())

    assert "succeeded" == run["state"]
    assert ["servers", "team", "urgent"] == sorted(found)
    assert (bool, True) == (type(found["urgent"]), 0 <= found["servers"] <= 9)
    assert found["team"] in ("sales", "support", "engineering")


class Eye:
    """Be an OpenAI-compatible server that sees; after `patience` answers it is silent, and says so."""

    def __init__(self, patience: int) -> None:
        self.asked = 0
        self.left, self.is_tired, self.go_on = patience, threading.Event(), threading.Event()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Listen; yields the base address."""
        eye = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                eye.asked += 1
                if eye.left <= 0:
                    eye.is_tired.set()
                    eye.go_on.wait(60)
                eye.left -= 1
                value = json.dumps({"scene": f"a wall, look {eye.asked}", "text": "EXIT"})
                delta = {"index": 0, "delta": {"role": "assistant", "content": value}, "finish_reason": None}
                end = {"index": 0, "delta": {}, "finish_reason": "stop"}
                chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "eye"}
                lines = [json.dumps({**chunk, "choices": [one]}) for one in (delta, end)]
                body = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    return  # who asked was killed

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            self.go_on.set()
            server.shutdown()
            thread.join()
            server.server_close()


def make_video(path: Path) -> None:
    """Write a video of some seconds, one frame each."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for n in range(FRAMES):
            picture = np.full((120, 160, 3), n * 30, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.mark.slow
def test_the_librarys_extraction_outlives_a_kill(program: Program) -> None:
    """What was read before the kill is not asked for again; the rows come as JSON Lines and CSV."""
    clips = program.folder / "clips"
    clips.mkdir()
    make_video(clips / "tour.mp4")
    eye = Eye(patience=3)
    program.environment |= {
        "QUARTERDECK__MEDIA__FOLDERS": json.dumps([str(clips)]),
        "QUARTERDECK__MODELS__ROLES__VISION": '["lmstudio/eye"]',
    }
    with eye.serving() as url:
        program.environment["QUARTERDECK__PROVIDERS__LMSTUDIO__BASE_URL"] = url
        program.call("workflow", "enable", "extract")
        with program.serving() as process:
            source = f"source={clips / 'tour.mp4'}"
            run = program.json("workflow", "run", "extract", source, "--no-wait")
            assert eye.is_tired.wait(60)
            process.kill()
            process.wait()
        eye.left = 100
        eye.go_on.set()
        with program.serving():
            done = until_over(program, run["run_id"])
    (lines,) = program.data_dir.glob("runs/*/tour.jsonl")
    (table,) = program.data_dir.glob("runs/*/tour.csv")
    rows = [json.loads(line) for line in lines.read_text().splitlines()]

    assert "succeeded" == done["state"], done
    assert FRAMES + 1 == eye.asked  # the one under way at the kill was asked for once more
    assert list(range(FRAMES)) == [row["frame"] for row in rows]
    in_table = csv.DictReader(table.read_text("utf-8").splitlines())
    assert [row["scene"] for row in rows] == [row["scene"] for row in in_table]


def until_over(program: Program, run_id: str) -> Any:
    """Return a run once it is over; each look is a verb of the program."""
    limit_s = time.monotonic() + 60
    while True:
        found = program.json("workflow", "show", run_id)
        if found["state"] in ("succeeded", "failed", "cancelled"):
            return found
        assert time.monotonic() < limit_s, found
