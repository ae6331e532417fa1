"""A model uses tools through the real program: it reads by itself, and changes nothing without a word."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.e2e.conftest import Program

UNKNOWN = "It is not known whether it ran"


class Vendor:
    """Be a model that asks for the tools of `script`, one a round, and then says what it was told."""

    def __init__(self, *script: tuple[str, str]) -> None:
        self.script, self.bodies = list(script), list[dict[str, Any]]()

    def stream(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the chunks of the next answer."""
        self.bodies.append(body)
        results = [one["content"] for one in body["messages"] if one["role"] == "tool"]
        if len(results) < len(self.script):
            name, arguments = self.script[len(results)]
            call = {"index": 0, "id": f"c{len(results)}", "type": "function"}
            yield {"delta": {"tool_calls": [{**call, "function": {"name": name, "arguments": arguments}}]}}
            yield {"delta": {}, "finish_reason": "tool_calls"}
            return
        yield {"delta": {"content": f"I was told: {results[-1]} See https://evil.example/x"}}
        yield {"delta": {}, "finish_reason": "stop"}

    @contextmanager
    def serving(self) -> Iterator[dict[str, str]]:
        """Listen; yields the environment that lets a bot use this model."""
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for choice in vendor.stream(body):
                    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
                    chunk["choices"] = [{"index": 0, "finish_reason": None, **choice}]
                    self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                self.wfile.write(b"data: [DONE]\n\n")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {
                "QUARTERDECK__PROVIDERS__CUSTOM__BASE_URL": f"http://127.0.0.1:{server.server_port}/v1",
                "QUARTERDECK__PROVIDERS__CUSTOM__MODELS": '["m"]',
                "QUARTERDECK__MODELS__ROLES__CHAT": '["custom/m"]',
            }
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.mark.slow
def test_a_model_reads_by_itself_and_changes_nothing_without_a_word(program: Program) -> None:
    """From the question to the note that was made, over a restart; foreign links are dead on the way."""
    vendor = Vendor(("command_usage", "{}"), ("command_remember", '{"text": "The moon is made of rock"}'))
    with vendor.serving() as environment:
        program.environment |= environment
        program.say("Remember what the moon is made of")
        (waiting,) = program.say("/approve")
        (before,) = program.say("/remember")
        request = waiting["text"].split("/approve ")[1].split("`")[0]
        program.say(f"/approve {request}")
        (after,) = program.say("/remember")
        (listed,) = program.say("/tools")

    assert "command.remember" in waiting["text"]
    assert "moon" not in before["text"]
    assert "The moon is made of rock" in after["text"]
    assert "`command.usage`" in listed["text"]
    offered = {tool["function"]["name"] for tool in vendor.bodies[0]["tools"]}
    assert {"command_remember", "find_tools"} <= offered  # it fits the question
    assert "command_usage" not in offered  # and was called all the same
    assert not {"command_approve", "command_link", "command_chat"} & offered

    rows = [json.loads(line) for line in program.call("audit", "export").stdout.splitlines()]
    asked = next(row for row in rows if row["kind"] == "approval")["detail"]["event"].partition("~")[0]
    chain = program.json("audit", "show", asked)
    kinds = [row["kind"] for row in chain["rows"]]
    assert 4 == kinds.count("model")  # the last one after the word, with what was done
    assert {"decision", "model", "tool", "approval", "delivered"} == set(kinds)
    sent = program.say("/echo over")
    assert ["over"] == [one["text"] for one in sent]


@pytest.mark.slow
@pytest.mark.parametrize("point", ["paused.begun", "paused.ended", "approval.moved", "outbox.queued"])
def test_a_bot_killed_after_the_word_goes_on_once(program: Program, point: str) -> None:
    """kill -9 between the word, the effect and what the model makes of it: one note at the most, one continuation."""
    vendor = Vendor(("command_remember", '{"text": "The moon is made of rock"}'))
    with vendor.serving() as environment:
        program.environment |= environment
        program.say("Remember what the moon is made of")
        (waiting,) = program.say("/approve")
        request = waiting["text"].split("/approve ")[1].split("`")[0]
        fault = {"QUARTERDECK_FAULT": f"{point}:1:kill"}
        with program.serving("--testing", environment=fault) as process:
            program.say(f"/approve {request}", expect=None)
            process.wait(timeout=60)
        before = len(vendor.bodies)
        with program.serving():
            (after,) = program.say("/remember")
            (again,) = program.say(f"/tools run {request}")

    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database:
        shown = [json.loads(body)["text"] for (body,) in database.execute("SELECT body FROM transcript")]
    notes = after["text"].count("The moon is made of rock")
    went_on = [
        text for text in shown if ("I was told" in text and "as was agreed" in text) or UNKNOWN in text
    ]
    assert (0 if point == "paused.begun" else 1) == notes
    assert 1 == len(went_on)
    assert "This was not approved, or was done already" == again["text"]
    assert 1 >= len(vendor.bodies) - before


@pytest.mark.slow
def test_what_a_model_writes_links_nowhere_and_tools_can_be_switched_off(program: Program) -> None:
    """`models.tools: false` is a model that only talks."""
    vendor = Vendor()
    vendor.stream = lambda body: (  # type: ignore[method-assign]
        vendor.bodies.append(body)
        or iter(
            [{"delta": {"content": "See https://evil.example/x"}}, {"delta": {}, "finish_reason": "stop"}]
        )
    )
    with vendor.serving() as environment:
        program.environment |= {**environment, "QUARTERDECK__MODELS__TOOLS": "false"}
        (dead,) = program.say("Where?")
        program.environment["QUARTERDECK__MODELS__LINKS"] = '["evil.example"]'
        (live,) = program.say("Where?")

    assert ["See https[:]//evil[.]example/x", "See https://evil.example/x"] == [dead["text"], live["text"]]
    assert not any("tools" in body for body in vendor.bodies)
