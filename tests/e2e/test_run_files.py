"""Hand files to workflows from the command line, the console and the web; bound what a run keeps; watch real TLS."""

from __future__ import annotations

import json
import urllib.request
import uuid
from typing import Any

import pytest
from tests.e2e.conftest import Program
from tests.e2e.test_runs import run_of, write

TAKE = """
title: Take a report
inputs:
  report: {kind: file, required: true, summary: The report}
  other: {kind: file, summary: One more}
triggers: [command]
steps:
  - {id: read, action: file.read, with: {file: "${inputs.report}"}}
  - {id: more, when: inputs.other != null, action: file.read, with: {file: "${inputs.other}"}}
  - {id: inside, call: inner, with: {paper: "${inputs.report}"}}
  - {id: apart, action: workflow.start, with: {workflow: inner, inputs: {paper: "${inputs.report}"}}}
  - {id: tell, action: chat.send, with: {text: "${inputs.report} says ${steps.inside.output}"}}
output: ${steps.read.output.content}
"""
INNER = """
title: Read a paper
inputs: {paper: {kind: file, required: true}}
steps: [{id: read, action: file.read, with: {file: "${inputs.paper}"}}]
output: ${steps.read.output.content}
"""
FILL = """
title: Fill the disk
inputs: {blob: {kind: file, required: true}}
steps:
  - {id: read, action: file.read, with: {file: "${inputs.blob}"}}
  - for_each: [a, b, c, d, e]
    steps: [{action: file.write, with: {file: "${item}.txt", content: "${steps.read.output.content}"}}]
"""


@pytest.mark.slow
def test_files_reach_the_runs_folder_by_every_door(program: Program) -> None:
    """By path, sent along in the console, uploaded to the web; workflows that are called and started have them too."""
    write(program, take=TAKE, inner=INNER)
    (program.folder / "march.csv").write_text("a;b")
    (program.folder / "sub").mkdir()
    (program.folder / "sub" / "march.csv").write_text("c;d")
    with program.serving():
        both = program.json("workflow", "run", "take", "report=march.csv", "other=sub/march.csv")
        absent = program.call("workflow", "run", "take", "report=april.csv", "--json", expect=1).stderr
        missing = program.call("workflow", "run", "take", "--json", expect=2).stderr
        (said,) = program.say(f'/upload "{program.folder / "march.csv"}" /take')
        (by_run,) = program.say(f'/upload "{program.folder / "march.csv"}" /run take')
        (refused,) = program.say("/run take report=march.csv", expect=None)
        web = uploaded(program, "March report.csv", b"from the web")
        runs = [both["run_id"], said["run_id"], by_run["run_id"], web]
        done = [run_of(program, one, "succeeded", "failed") for one in runs]
        apart = [one for one in program.json("workflow", "runs") if one["workflow"] == "inner"]
        for one in apart:
            run_of(program, one["run_id"], "succeeded")
    kept = sorted(path.name for path in program.data_dir.glob("runs/*/*"))

    assert ["succeeded"] * 4 == [one["state"] for one in done], done
    assert 4 == len(apart)
    assert ["March report.csv"] * 2 + ["march.csv"] * 6 + ["other-march.csv"] == kept
    assert "report: there is no file" in absent
    assert "april.csv" in absent
    assert "report" in missing
    assert "send the file in the same message" in refused["text"]


def uploaded(program: Program, name: str, content: bytes) -> str:
    """Upload a file to the web door, run `/take` with it as the page does; returns the run's id."""
    token = program.json("person", "token", "console::0")["token"]
    boundary = uuid.uuid4().hex
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    body = part + content + f"\r\n--{boundary}--\r\n".encode()
    file = asked(program, token, "/uploads", body, f"multipart/form-data; boundary={boundary}")
    command = {"command": {"name": "take", "options": {}, "files": [file["id"]]}}
    asked(program, token, "/conversations/ops/messages", json.dumps(command).encode(), "application/json")
    while True:
        shown = asked(program, token, "/conversations/ops/messages")
        found = [one["run_id"] for one in shown["messages"] if one["run_id"]]
        if found:
            return str(found[0])


def asked(program: Program, token: str, path: str, body: bytes | None = None, kind: str = "") -> Any:
    """Ask the API."""
    headers = {"Authorization": f"Bearer {token}", **({"Content-Type": kind} if kind else {})}
    if body is not None:
        headers["Idempotency-Key"] = uuid.uuid4().hex
    url = f"http://127.0.0.1:{program.port}/api/v1{path}"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_a_run_may_fill_its_folder_and_no_more(program: Program) -> None:
    """The error names the setting; what was written before stays for who looks."""
    write(program, fill=FILL)
    (program.folder / "blob.txt").write_text("x" * 200_000)
    program.environment["QUARTERDECK__WORKFLOWS__RUN_FOLDER_BYTES"] = str(1024**2)
    run = program.json_of_failed("workflow", "run", "fill", "blob=blob.txt")
    kept = sorted(path.name for path in program.data_dir.glob("runs/*/*"))

    assert "the run's files may hold 1.0 MiB altogether" in run["message"]
    assert "workflows.run_folder_bytes" in run["message"]
    assert ["a.txt", "b.txt", "blob.txt", "c.txt", "d.txt"] == kept
