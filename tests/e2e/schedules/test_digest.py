"""Digests of many sources as people use them: a real program, a real feed on loopback, restarts and kills."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Program

PATIENCE_S = 60.0  # bounds a hang
ENTRY = (
    "<entry><id>urn:{id}</id><title>{title}</title><link href='https://example.com/{id}'/>"
    "<updated>{at}</updated><summary>&lt;b&gt;About&lt;/b&gt; {title}</summary></entry>"
)


class Site:
    """Serve a feed and a JSON list on loopback."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {"one": "Release 1 is out"}
        self.incidents: list[dict[str, str]] = [
            {"id": "i1", "name": "Disk is full", "link": "https://s.example/i1"}
        ]
        self.status = 200
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = site.feed() if self.path == "/feed" else json.dumps({"incidents": site.incidents})
                self.send_response(site.status if self.path == "/feed" else 200)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *values: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def feed(self) -> str:
        """Return the feed as it stands, the newest entry first."""
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        entries = "".join(
            ENTRY.format(id=name, title=title, at=at) for name, title in reversed(self.entries.items())
        )
        return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>News</title><id>x</id>{entries}</feed>"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a site with one entry and one incident."""
    served = Site()
    yield served
    served.close()


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the program, which may reach loopback."""
    made = Program(tmp_path)
    made.environment["QUARTERDECK__EGRESS__ALLOW_PRIVATE"] = '["127.0.0.0/8"]'
    made.environment["QUARTERDECK__EGRESS__ALLOW_HTTP"] = "true"
    return made


def declared(program: Program, site: Site, *settings: str) -> list[dict[str, Any]]:
    """Make a digest of both sources in a conversation."""
    return program.say(
        f"/digest add morning feed {site.url}/feed",
        f"/digest add morning json {site.url}/status items=incidents name=Status",
        *(f"/digest set morning {one}" for one in settings),
    )


def test_only_what_changed_since_the_last_delivered_issue_is_told(program: Program, site: Site) -> None:
    """New, changed and unchanged; a preview changes nothing."""
    declared(program, site)
    preview, first = program.say("/digest preview morning", "/digest morning")
    (second,) = program.say("/digest morning")
    site.entries["two"] = "Release 2 is out"
    site.incidents[0]["name"] = "Disk is full again"
    (third,) = program.say("/digest morning")

    for line in (preview, first):
        assert "[Release 1 is out](https://example.com/one)" in line["text"]
        assert "[Disk is full](https://s.example/i1)" in line["text"]
    assert "About Release 1" in first["text"]
    assert ([], "Nothing new.") == (preview["buttons"], second["text"].splitlines()[-1])
    assert "Release 1 " not in third["text"]
    assert "[Release 2 is out](https://example.com/two)" in third["text"]
    assert "Disk is full again](https://s.example/i1) _(changed)_" in third["text"]


def test_an_issue_that_did_not_arrive_is_told_again(program: Program, site: Site) -> None:
    """U3: what counts is the outbox, not that it was written."""
    declared(program, site)
    program.say("/digest morning")
    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database, database:
        database.execute("UPDATE outbox SET state = 'dead' WHERE text LIKE '%Release 1%'")
    (again,) = program.say("/digest morning")

    assert "Release 1 is out" in again["text"]


def test_a_muted_item_does_not_come_again(program: Program, site: Site) -> None:
    """Its button shapes the next issue."""
    declared(program, site)
    first, pressed = program.say("/digest morning", "/press mute2")
    site.incidents[0]["name"] = "Disk is full again"
    (second,) = program.say("/digest morning")

    assert ["Mute 1", "Mute 2"] == [button["label"] for button in first["buttons"]]
    assert "does not come again here" in pressed["text"]
    assert "Disk" not in second["text"]


def test_what_nobody_has_seen_to_is_carried_over(program: Program, site: Site) -> None:
    """With `carry` an item is named until somebody presses Done, at most so many times."""
    declared(program, site, "carry 1")
    first, pressed = program.say("/digest morning", "/press ack1")
    (second,) = program.say("/digest morning")
    (third,) = program.say("/digest morning")

    assert ["Done 1", "Mute 1", "Done 2", "Mute 2"] == [button["label"] for button in first["buttons"]]
    assert "is done" in pressed["text"]
    assert "**Still open**: 1. [Disk is full]" in second["text"]
    assert "Release 1" not in second["text"]
    assert "Still open" not in third["text"]


def test_failures_are_folded_into_one_line_with_one_recovery(program: Program, site: Site) -> None:
    """A source that is down costs its own line, not the digest."""
    declared(program, site)
    site.status = 503
    (first,) = program.say("/digest morning")
    site.status = 200
    second, third = program.say("/digest morning", "/digest morning")

    assert "Disk is full" in first["text"]
    assert 1 == first["text"].count("_Could not be read: 127.0.0.1")
    assert "_Can be read again: 127.0.0.1" in second["text"]
    assert "Release 1 is out" in second["text"]
    assert "read again" not in third["text"]


def test_an_issue_without_news_is_silence_or_a_line(program: Program, site: Site) -> None:
    """By choice; `send` goes to the channel and says what it did."""
    declared(program, site)
    program.json("digest", "send", "morning")
    program.say("/ping")  # lets what waits go out: only what arrived was told
    silent = program.json("digest", "send", "morning")
    program.say("/digest set morning empty line")
    line = program.json("digest", "send", "morning")

    assert (0, 1) == (silent["sent"], silent["without_news"])
    assert (1, 0) == (line["sent"], line["without_news"])


def test_quiet_hours_put_an_issue_off(program: Program, site: Site) -> None:
    """It comes when they end: as a schedule of one moment."""
    now = time.gmtime()
    quiet = f"{now.tm_hour:02}:00-{(now.tm_hour + 2) % 24:02}:00"
    declared(program, site, f"quiet {quiet}")
    sending = program.json("digest", "send", "morning")
    (waiting,) = program.json("schedule", "list")

    assert (0, 1) == (sending["sent"], len(sending["waiting"]))
    assert waiting["what"].startswith("/digest send morning console:")
    assert f"T{(now.tm_hour + 2) % 24:02}:00:00" in waiting["next"][0]


def test_a_digest_of_the_settings_file_is_planned_and_sent_by_its_schedule(
    program: Program, site: Site
) -> None:
    """The schedule fires while the bot serves; a removed plan is gone after the next start."""
    declaration = {
        "morning": {
            "title": "Morning",
            "at": "every 1m",
            "to": [f"console:{__import__('os').getuid()}"],
            "sources": [{"feed": f"{site.url}/feed"}],
        }
    }
    program.environment["QUARTERDECK__DIGESTS"] = json.dumps(declaration)
    with program.serving():
        end = time.monotonic() + 2 * PATIENCE_S
        while not any("Release 1" in text for text in shown(program)):
            assert time.monotonic() < end, shown(program)
            time.sleep(0.2)
    (planned,) = program.json("schedule", "list")
    del program.environment["QUARTERDECK__DIGESTS"]

    assert ("every 1m", "/digest send morning channels") == (planned["trigger"], planned["what"])
    assert 1 == sum("Release 1" in text for text in shown(program))
    assert "stands in the settings" not in str(program.json("digest", "list"))


def test_a_kill_while_an_issue_is_sent_loses_and_doubles_nothing(program: Program, site: Site) -> None:
    """Between what is remembered and what is handed to the outbox."""
    declared(program, site)
    for point in ("digest.recorded.before", "digest.recorded", "outbox.queued.before"):
        fault = {"QUARTERDECK_FAULT": f"{point}:1:kill"}
        program.call("--testing", "digest", "send", "morning", expect=None, environment=fault)
    program.call("digest", "send", "morning")
    program.say("/ping")

    assert 1 == sum("Release 1" in text for text in shown(program))


def test_another_conversation_is_for_admins(program: Program) -> None:
    """A digest is no way around who may read what."""
    program.call("person", "grant", "slack:T1:U9", "operator")
    added, line = program.say(
        "/digest add spy conversation slack:T1:SECRET", "/digest spy", options=("--as", "slack:T1:U9")
    )

    assert "answered" == added["status"]
    assert "Could not be read: conversation slack:T1:SECRET" in line["text"]


def test_what_is_wrong_is_refused_when_it_is_declared(program: Program) -> None:
    """Not when nobody looks."""
    lines = program.say(
        "/digest add morning fed https://example.com/x",
        "/digest add morning json https://example.com/x items=[",
        "/digest add morning feed example.com",
        "/digest send nothing",
        expect=1,
    )
    program.environment["QUARTERDECK__DIGESTS"] = json.dumps(
        {"m": {"sources": [{"feed": "https://example.com/x"}], "at": "whenever"}}
    )
    refused = program.call("digest", "list", expect=1)

    assert ["error", "error", "error", "not_found"] == [line["status"] for line in lines]
    assert "Did you mean 'feed'?" in lines[0]["text"]
    assert "JMESPath" in lines[1]["text"]
    assert "every weekday at 9" in refused.stderr


def shown(program: Program) -> list[str]:
    """Return what stands on the console's screen, oldest first."""
    with closing(sqlite3.connect(program.data_dir / "quarterdeck.db")) as database:
        return [row[0] for row in database.execute("SELECT body FROM transcript ORDER BY seq")]
