"""Every kind of step, buttons, files, a failure with its Retry and a Stop: in chat, on each simulated platform."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.e2e.conftest import Program

FILES = {
    "kinds": """
title: All kinds
triggers: [command]
steps:
  - {id: both, parallel: [{wait: 1s}, {action: data.transform, with: {value: {a: 1}, query: a}}]}
  - {id: each, for_each: [eu, us], as: region, steps: [{action: chat.send, with: {text: "Region ${region}"}}]}
  - {id: which, ask: Which one?, inputs: {version: {required: true, summary: Version}}, timeout_s: 1h}
  - {id: agree, approve: "Go on with ${steps.which.output.version}?", by: role:admin, timeout_s: 1h}
  - {id: nap, wait: 1s}
  - {id: order, action: http.request, with: {url: "URL"}}
  - {id: done, action: chat.send, with: {text: "All of ${steps.which.output.version} is done."}}
""",
    "nap": """
title: Sleep long
triggers: [command]
steps: [{id: nap, wait: 1h}]
""",
    "offer": """
title: Offer buttons
triggers: [command]
steps:
  - action: chat.send
    with:
      text: What now?
      buttons:
        - {label: Roll back, button: roll-back, value: api}
        - {label: Wipe, button: wipe, value: api, danger: true}
""",
    "back": """
title: Roll back
inputs: {service: {required: true}}
triggers: [{button: roll-back, with: {service: "${trigger.value}"}}]
steps:
  - {id: own, when: run.person != trigger.person, stop: failed, message: these are the rights of somebody else}
  - {id: tell, action: chat.send, with: {text: "${inputs.service} is rolled back by ${trigger.button}."}}
""",
    "wipe": """
title: Wipe
allow: admin
inputs: {service: {required: true}}
triggers: [{button: wipe, with: {service: "${trigger.value}"}}]
steps:
  - {id: tell, action: chat.send, with: {text: "${inputs.service} is wiped."}}
""",
    "take": """
title: Take a report
inputs: {report: {kind: file, required: true, summary: The report}}
triggers: [command]
steps:
  - {id: read, action: file.read, with: {file: "${inputs.report}"}}
  - {id: tell, action: chat.send, with: {text: "${inputs.report} says ${steps.read.output.content}"}}
""",
}
HEAD = """
title: A workflow
people: {ada: operator, bo: admin}
settings: {user_dir: %s, egress.allow_private: '["127.0.0.0/8"]', egress.allow_http: true}
"""
KINDS = """
steps:
  - {command: kinds, where: general}
  - expect:
      - text: "{any}All kinds{any}Waiting{any}✅ both{any}✅ each{any}⏳ which{any}Waiting for an answer"
        buttons: [Stop]
      - {text: Region eu}
      - {text: Region us}
%s    where: general
    timeout_s: 60
%s
  - expect:
      - {text: "{any}All kinds{any}✅ which{any}Waiting for an approval", buttons: [Stop], edited: true}
%s      - {text: "{any}Go on with 1.2?{any}", buttons: [Approve, Deny]}
    where: general
    timeout_s: 60
  - {press: Approve, as: bo, where: general}
  - expect:
      - text: "{any}All kinds{any}Failed{any}✅ nap{any}❌ order{any}answered 500{any}"
        buttons: [Retry]
        edited: true
      - {text: "{any}Approved, and done.", edited: true}
      - {text: "{any} is approved; it runs now."}
    where: general
    timeout_s: 60
  - {press: Retry, where: general}
  - expect:
      - {text: "{any}All kinds{any}Done{any}✅ order{any}✅ done", edited: true}
      - {text: "{any}: Resumed by {any}"}
      - {text: All of 1.2 is done.}
    where: general
    timeout_s: 60
"""
THANKS = "      - {text: Thank you; the run goes on.}\n"
FORM = """
  - {form: {title: "Which one?", inputs: [Version]}}
  - {submit: {Version: "1.2"}%s}
"""
CARD = '{text: "Which one?{any}", buttons: ["%s"]%s}'
ASKED = {  # in a form where the platform has one, alone where it can, in words elsewhere
    "slack": (
        f"      - {CARD % ('Open: Which one?', ', private: true')}\n",
        '  - {press: "Open: Which one?", where: general}' + FORM % ", where: general",
        THANKS,
    ),
    "discord": (
        "",
        f"""
  - expect: [{CARD % ("Open the form", "")}]
    timeout_s: 60
  - {{press: Open the form}}
{FORM % ""}
  - expect: [{{text: Thank you; the run goes on.}}]
    timeout_s: 60
""",
        "",
    ),
    "telegram": (
        '      - {text: "Which one?: Version?{any}"}\n',
        '  - {say: "@bot 1.2", where: general}',
        THANKS,
    ),
}
BUTTONS = """
steps:
  - {say: "/ping"}
  - expect: [{text: Pong.}]
    timeout_s: 60
  - {command: offer, where: general}
  - expect:
      - {text: "{any}Offer buttons{any}Done{any}"}
      - {text: What now?, buttons: [Roll back, Wipe]}
    where: general
    timeout_s: 60
  - {press: Wipe, where: general, as: ada}
  - expect:
      - {text: "{any}You may not use workflow:wipe{any}"%s
    timeout_s: 60
  - {press: Roll back, where: general, as: bo}
  - expect:
      - {text: "{any}Roll back{any}Done{any}✅ tell"}
      - {text: api is rolled back by roll-back.}
    where: general
    timeout_s: 60
  - {press: Wipe, where: general, as: bo}
  - expect:
      - {text: "{any}Wipe{any}Done{any}✅ tell"}
      - {text: api is wiped.}
    where: general
    timeout_s: 60
  - {say: "@bot take", files: {march.csv: "a;b"}, where: general}
  - expect:
      - {text: "{any}Take a report{any}Done{any}"}
      - {text: march.csv says a;b}
    where: general
    timeout_s: 60
  - {command: nap, where: general}
  - expect: [{text: "{any}Sleep long{any}Waiting{any}", buttons: [Stop]}]
    where: general
    timeout_s: 60
  - {press: Stop, where: general}
  - expect:
      - {text: "{any}Sleep long{any}Stopped{any}Stopped by {any}", edited: true}
      - {text: "{any}: Stopped by {any}"}
    where: general
    timeout_s: 60
"""
THERE = ", private: true}\n    where: general"
TOLD = """
    timeout_s: 60
  - expect: [{text: "The answer is for you alone{any}"}]
    where: general"""
REFUSED = {
    "slack": THERE,
    "discord": THERE,
    "telegram": "}" + TOLD,
}  # alone to who pressed, by direct message if need be


@contextmanager
def moody() -> Iterator[str]:
    """Answer the first request with 500 and all others with 200; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        asked = 0

        def do_GET(self) -> None:
            type(self).asked += 1
            self.send_response(500 if type(self).asked == 1 else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def play(program: Program, platform: str, steps: str, url: str = "") -> None:
    """Play a transcript with our workflows on one platform; nothing else may be seen."""
    folder: Path = program.folder / "theirs" / "workflows"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / f"{name}.yaml").write_text(text.replace("URL", url), "utf-8")
    talk = program.folder / "talk.yaml"
    talk.write_text(HEAD % folder.parent + steps, "utf-8")
    done = program.call("simulate", str(talk), "--platform", platform, expect=None)

    assert (0, "") == (done.returncode, "\n".join(done.stderr.splitlines()[-60:]))


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["slack", "discord", "telegram"])
def test_every_kind_of_step_is_followed_in_chat(program: Program, platform: str) -> None:
    """Branches, loops, a form, an approval, a wait, a failure and its Retry: one message, changed in place."""
    with moody() as url:
        play(program, platform, KINDS % ASKED[platform], url)


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["slack", "discord", "telegram"])
def test_buttons_start_workflows_with_the_rights_of_who_presses(program: Program, platform: str) -> None:
    """Whoever posted them; a file that was sent is the run's; Stop stops."""
    play(program, platform, BUTTONS % REFUSED[platform])


LINKED = """
steps:
  - {command: nap, where: general}
  - expect: [{text: "{any}Sleep long{any}Waiting{any}", buttons: [Stop]}]
    where: general
    timeout_s: 60
"""


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["slack", "discord", "telegram"])
def test_the_message_of_a_run_links_to_its_page(program: Program, platform: str) -> None:
    """As a live link, once people can reach the page; before that there is none."""
    folder: Path = program.folder / "theirs" / "workflows"
    folder.mkdir(parents=True)
    (folder / "nap.yaml").write_text(FILES["nap"], "utf-8")
    talk, head = program.folder / "talk.yaml", HEAD % folder.parent
    seen = []
    for more in ("", 'http.public_url: "https://chat.example.com", '):
        talk.write_text(head.replace("{user_dir", f"{{{more}user_dir") + LINKED, "utf-8")
        seen.append(
            program.call("simulate", str(talk), "--platform", platform, "--record", expect=None).stdout
        )

    assert [False, True] == ["- https://chat.example.com/runs/nap-" in one for one in seen]
    assert [False, True] == ["Timeline" in one for one in seen]
