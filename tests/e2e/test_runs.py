"""Run workflows through the real program: from the command line and in chat, over kills, with people in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.e2e.conftest import Program

OTHER = ("--as", "console::4242")  # another account, an admin's
SHIP = """
title: Ship a service
inputs: {service: {choices: [api, web], required: true}}
steps:
  - {id: plan, action: file.write, with: {file: plan.txt, content: "${inputs.service}"}}
  - {id: agree, approve: "Ship ${inputs.service}?", by: "role:admin", timeout_s: 1h}
  - {id: which, ask: Which version?, inputs: {version: {required: true}}, timeout_s: 1h}
  - {id: pause, wait: 1s}
  - {id: tell, action: chat.send, with: {text: "shipped ${inputs.service} ${steps.which.output.version}"}}
output: ${inputs.service} ${steps.which.output.version}
tests:
  - name: all of it
    inputs: {service: api}
    answers: {agree: approve, which: {version: "1.2"}}
    actions: {file.write: {output: {}}, chat.send: {output: {}}}
    expect: {state: succeeded, output: "api 1.2"}
"""
READ = """
title: Read what somebody must put there
steps:
  - {id: first, action: file.write, with: {file: first.txt, content: one}}
  - {id: read, action: file.read, with: {file: wanted.txt}}
"""
NAP = """
title: Sleep long
steps: [{wait: 1h}]
"""
ORDER = """
title: Order something once
steps:
  - {id: order, action: http.request, with: {method: POST, url: "URL", json: {}}}
"""


def write(program: Program, **files: str) -> None:
    """Put workflow files into the owner's folder."""
    program.data_dir.mkdir(mode=0o700, exist_ok=True)
    folder = program.data_dir / "user" / "workflows"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")


def run_of(program: Program, run_id: str, *states: str) -> dict[str, Any]:
    """Return a run once it is in one of these states; each look is a verb of the program."""
    limit_s = time.monotonic() + 60
    while True:
        found: dict[str, Any] = program.json("workflow", "show", run_id)
        if found["state"] in states:
            return found
        assert time.monotonic() < limit_s, found


def places(run: dict[str, Any]) -> list[str]:
    """Return what a run did, step by step."""
    return [one["place"] for one in run["timeline"]]


@pytest.mark.slow
def test_a_run_outlives_kills_and_goes_on_by_what_people_say(program: Program) -> None:
    """Checked, tried, started, approved by another account, asked, killed twice, and each step done once."""
    write(program, ship=SHIP)
    checked = program.call("workflow", "validate", "ship").stdout
    tried = program.call("workflow", "test", "ship").stdout
    with program.serving() as process:
        program.call("person", "grant", OTHER[1], "admin")
        run = program.json("workflow", "run", "ship", "service=api")
        process.kill()
        process.wait()
    with program.serving() as process:
        (waiting,) = program.say("/approve", options=OTHER)
        request = waiting["text"].split("/approve ")[1].split("`")[0]
        (own,) = program.say(f"/approve {request}", expect=None)
        (agreed,) = program.say(f"/approve {request}", options=OTHER)
        while run_of(program, run["run_id"], "waiting")["step"] != "which":
            pass
        process.kill()
        process.wait()
    with program.serving():
        (listed, taken) = program.say("/runs", "1.4.2")
        done = run_of(program, run["run_id"], "succeeded")
        again = program.call("workflow", "cancel", run["run_id"]).stdout

    assert "1 file: nothing is wrong\n" == checked
    assert "ok  ship: all of it\n" == tried
    assert ("waiting", "agree") == (run["state"], run["step"])
    assert "denied" == own["status"]
    assert f"{request} is approved; it runs now." == agreed["text"]
    assert f"- `{run['run_id']}`: waiting, at which" == listed["text"]
    assert "Thank you; the run goes on." == taken["text"]
    assert ["0", "1:ask", "1:verdict", "2", "2:closed", "3", "4"] == places(done)
    assert f"{run['run_id']}: succeeded\n" == again
    assert ["api"] == [one.read_text() for one in program.data_dir.glob("runs/*/plan.txt")]


@pytest.mark.slow
def test_a_failed_run_goes_on_at_its_failed_step_once_the_cause_is_gone(program: Program) -> None:
    """By the command line after a restart, and by the message in chat."""
    write(program, read=READ)
    with program.serving():
        first = program.call("workflow", "run", "read", "--json", expect=1)
        (answer,) = program.say("/run read")
        second = run_of(program, answer["run_id"], "failed")
    with program.serving():
        (shown,) = program.say(f"/runs {second['run_id']}")
        for folder in (program.data_dir / "runs").iterdir():
            (folder / "wanted.txt").write_text("here it is")
        ids = sorted({one["run_id"] for one in program.json("workflow", "runs")})
        other = next(one for one in ids if one != second["run_id"])
        resumed = program.json("workflow", "resume", other)
        (said,) = program.say(f"/runs {second['run_id']} resume")
        done = [run_of(program, one, "succeeded") for one in ids]
        twice = program.call("workflow", "resume", other, "--json", expect=2)

    assert '"failed"' in first.stdout
    assert "“read”" in shown["text"]
    assert "Failed" in shown["text"]
    assert "running" == resumed["state"]
    assert f"`{second['run_id']}`: Resumed by root." == said["text"]
    assert [["0", "1"]] * 2 == [places(one) for one in done]
    assert "is succeeded" in twice.stderr


@pytest.mark.slow
def test_runs_are_stopped_from_both_doors_and_stay_stopped(program: Program) -> None:
    """A stranger may not; a restart changes nothing."""
    write(program, nap=NAP)
    with program.serving():
        program.call("person", "grant", OTHER[1], "operator")
        ids = [program.json("workflow", "run", "nap", "--no-wait")["run_id"] for _ in range(2)]
        (refused,) = program.say(f"/runs {ids[0]} cancel", options=OTHER, expect=None)
        stopped = program.json("workflow", "cancel", ids[0])
        (said,) = program.say(f"/runs {ids[1]} cancel")
    with program.serving():
        found = program.json("workflow", "runs")
        missing = program.call("workflow", "cancel", "nobody", "--json", expect=1)

    assert "denied" == refused["status"]
    assert "cancelled" == stopped["state"]
    assert f"`{ids[1]}`: Stopped by root." == said["text"]
    assert ["cancelled"] * 2 == [one["state"] for one in found]
    assert "there is no run" in missing.stderr


class Shop:
    """Take orders; while `is_slow` it answers none."""

    def __init__(self) -> None:
        self.orders = 0
        self.is_slow, self.came, self.go_on = True, threading.Semaphore(0), threading.Event()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Listen; yields the address."""
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                shop.orders += 1
                shop.came.release()
                if shop.is_slow:
                    shop.go_on.wait(60)
                    return
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/orders"
        finally:
            self.go_on.set()
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.mark.slow
def test_a_step_of_which_nobody_knows_waits_for_a_word(program: Program) -> None:
    """Killed while an order was on its way: it is not sent again until somebody says so, here or there."""
    shop = Shop()
    program.environment["QUARTERDECK__EGRESS__ALLOW_PRIVATE"] = '["127.0.0.0/8"]'
    program.environment["QUARTERDECK__EGRESS__ALLOW_HTTP"] = "true"
    with shop.serving() as url:
        write(program, order=ORDER.replace("URL", url))
        with program.serving() as process:
            ids = [program.json("workflow", "run", "order", "--no-wait")["run_id"] for _ in range(3)]
            for _ in ids:
                assert shop.came.acquire(timeout=60)
            process.kill()
            process.wait()
        shop.is_slow = False
        with program.serving():
            held = [run_of(program, one, "unknown") for one in ids]
            before = shop.orders
            (said,) = program.say(f"/runs {ids[0]} skip")
            program.call("workflow", "resume", ids[1], "--step", "retry")
            program.call("workflow", "resume", ids[2], "--step", "fail")
            ends = [run_of(program, one, "succeeded", "failed")["state"] for one in ids]
            after = shop.orders

    assert (3, 4) == (before, after)
    assert ["unknown"] * 3 == [one["state"] for one in held]
    assert f"`{ids[0]}`: root decided: skip." == said["text"]
    assert ["succeeded", "succeeded", "failed"] == ends
