"""Start workflows through the outer doors of the real program: a webhook, the start, the clock; over a kill."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from tests.e2e.conftest import Program

KEY = secrets.token_bytes(32)
RELEASED = """
title: Take a release
triggers:
  - webhook: released
    auth: {standard-webhooks: {secret: "env:RELEASES"}}
    when: trigger.body.action == "published"
    with: {version: "${trigger.body.version}"}
inputs: {version: {required: true}}
steps:
  - {wait: 2s}
  - {id: note, set: {who: "${run.person}", version: "${inputs.version}"}}
output: ${vars.who} ${inputs.version}
"""
BOOT = """
title: At the start
triggers: [startup]
steps: [{set: {x: 1}}]
"""
AFTER = """
title: Afterwards
triggers: [{workflow: boot}]
steps: [{set: {x: 1}}]
"""
DAILY = """
title: Every minute
triggers: [{schedule: "* * * * *"}]
steps: [{set: {x: 1}}]
"""


def write(program: Program, **files: str) -> None:
    """Put workflow files into the owner's folder."""
    folder = program.data_dir / "user" / "workflows"
    program.data_dir.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")


def post(
    program: Program, body: bytes, id_: str, *, key: bytes = KEY, path: str = "released"
) -> tuple[int, Any]:
    """Send a signed webhook; returns the status and what was answered."""
    stamp = str(int(time.time()))
    signed = f"{id_}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{program.port}/hooks/{path}",
        body,
        {**headers, "Content-Type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text.startswith(b"{") else None


def until(look: Callable[[], bool]) -> None:
    """Wait until something is so; each look is a verb of the program, which takes its time."""
    limit_s = time.monotonic() + 60
    while not look():
        assert time.monotonic() < limit_s


def runs(program: Program) -> list[dict[str, Any]]:
    """Return the runs there are."""
    return [one for one in program.json("workflow", "runs") if one["workflow"] != "schedule.fire"]


@pytest.mark.slow
def test_a_signed_webhook_starts_one_run_that_a_kill_does_not_stop(program: Program) -> None:
    """Forged, unwanted and repeated deliveries start nothing more, and nothing of them is in the log."""
    write(program, released=RELEASED)
    program.environment["RELEASES"] = "whsec_" + base64.b64encode(KEY).decode()
    wanted = b'{"action": "published", "version": "canary-1.4.2"}'
    with program.serving() as process:
        nobody = post(program, wanted, "m1")
        program.call("person", "grant", "hook::released", "operator")
        forged = post(program, wanted, "m2", key=b"x" * 32)
        unknown = post(program, wanted, "m3", path="relaesed")
        unwanted = post(program, b'{"action": "drafted"}', "m4")
        first = post(program, wanted, "m5")
        again = post(program, wanted, "m5")
        process.kill()
        process.wait()
    with program.serving():
        after = post(program, wanted, "m5")
        until(lambda: [one["state"] for one in runs(program)] == ["succeeded"])
        (run,) = runs(program)
        shown = program.json("workflow", "show", run["run_id"])

    assert 403 == nobody[0]
    assert "quarterdeck person grant hook::released operator" in nobody[1]["error"]["hint"]
    assert [(401, None), (404, None), (200, {"run_id": None})] == [forged, unknown, unwanted]
    assert [first] * 2 == [again, after]
    assert (202, {"run_id": run["run_id"]}) == first
    assert shown["run_id"] == run["run_id"]
    rows = [json.loads(line) for line in program.call("audit", "export").stdout.splitlines()]
    started = [row["detail"] for row in rows if row["kind"] == "trigger"]
    assert {"hook::released"} == {one["who"] for one in started}
    assert "canary" not in json.dumps(started)


@pytest.mark.slow
def test_what_nobody_starts_runs_as_the_workflows_own_account(program: Program) -> None:
    """Until an owner lets it, it does not; then each start of the program is one run, and one more comes after it."""
    write(program, boot=BOOT, after=AFTER, daily=DAILY)
    with program.serving():
        until(lambda: bool(program.json("workflow", "list")))
        before = runs(program)
        program.call("person", "grant", "workflow::boot", "operator")
        program.call("person", "grant", "workflow::daily", "operator")
    with program.serving():
        until(lambda: {"boot", "after"} <= {one["workflow"] for one in runs(program)})
        until(lambda: bool(program.json("schedule", "list")))
        (planned,) = program.json("schedule", "list")
        until(lambda: any(one["workflow"] == "daily" for one in runs(program)))
        found = runs(program)

    assert [] == before
    assert ["after", "boot"] == sorted(one["workflow"] for one in found if one["workflow"] != "daily")
    assert "* * * * *" in planned["trigger"]
    assert {"workflow:boot", "workflow:daily"} == {one["conversation"] for one in found}


SHIP = """
title: Ship a service
inputs:
  service: {choices: [api, web], required: true, summary: What to ship}
triggers:
  - command: ship
  - {reaction: "🚀", with: {service: web}}
  - {message: '(?i)^please ship (?P<name>\\w+)', with: {service: "${trigger.groups.name}"}}
steps:
  - {id: agree, when: inputs.service == "api", approve: "Ship **${inputs.service}**?", by: role:admin, timeout_s: 1h}
  - id: say
    action: chat.send
    with: {text: "**${inputs.service}** is shipped by ${trigger.kind}."}
"""
TALK = """
title: A workflow
people: {ada: operator, bo: admin, cy: viewer}
settings: {user_dir: %s}
steps:
  - complete: {command: ship, option: service, typed: w, offers: [web]}
    on: [discord]
  - {command: ship, typed: api, options: {service: api}, where: general}
  - expect:
      - {text: "{any}Ship a service{any}Waiting{any}agree{any}say{any}Waiting for an approval", buttons: [Stop]}
      - {text: "{any}Ship **api**?{any}", buttons: [Approve, Deny]}
    where: general
    timeout_s: 60
  - {restart: kill}
  - {say: "/ping"}
  - expect: [{text: Pong.}]
    timeout_s: 60
  - {press: Approve, as: bo, where: general}
  - expect:
      - {text: "{any}Ship a service{any}Done{any}✅ agree{any}✅ say", edited: true}
      - {text: "{any}Approved, and done.", edited: true}
      - {text: "{any} is approved; it runs now."}
      - {text: "api is shipped by command."}
    where: general
    timeout_s: 60
  - {say: "please ship web", where: general, as: cy}
  - {say: "please ship web", where: general, name: wish}
  - expect:
      - {text: "{any}Ship a service{any}Done{any}"}
      - {text: "web is shipped by message."}
    where: general
    timeout_s: 60
  - {react: "🚀", to: wish, where: general}
  - expect:
      - {text: "{any}Ship a service{any}Done{any}"}
      - {text: "web is shipped by reaction."}
    where: general
    timeout_s: 60
"""


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["slack", "discord"])
def test_people_start_follow_and_approve_workflows_in_chat(program: Program, platform: str) -> None:
    """By native command, message and reaction; over a kill, with a yes of somebody else; a viewer starts nothing."""
    folder = program.folder / "theirs"
    (folder / "workflows").mkdir(parents=True)
    (folder / "workflows" / "ship.yaml").write_text(SHIP, "utf-8")
    talk = program.folder / "talk.yaml"
    talk.write_text(TALK % folder, "utf-8")

    done = program.call("simulate", str(talk), "--platform", platform, expect=None)

    assert (0, "") == (done.returncode, "\n".join(done.stderr.splitlines()[-60:]))
