"""What a script reads when it talks through a pipe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.bot.cli.client.conftest import MemoryBot, post

from quarterdeck.cli.client.piped import Format, Pipe, json_line, plain
from quarterdeck.cli.client.talk import MESSAGE_LIMIT, open_talk
from quarterdeck.core.errors import Unavailable
from quarterdeck.core.reply import Button, Card, Citation, File, Reply


class Script:
    """Type lines and keep what is written."""

    def __init__(self, bot: MemoryBot, files: Path) -> None:
        self.bot, self.files = bot, files
        self.written: list[str] = []
        self.is_done = asyncio.Event()

    async def type(
        self, *lines: bytes, timeout_s: float = 30, format_: Format = json_line, then_wait: bool = False
    ) -> bool:
        """Run the pipe over `lines`; `then_wait` leaves its input open after them."""

        async def typed() -> AsyncIterator[bytes]:
            for line in lines:
                yield line
            self.is_done.set()
            if then_wait:
                await asyncio.Event().wait()

        async with open_talk(self.bot, identity="", conversation="", files=self.files) as talk:
            pipe = Pipe(
                talk,
                timeout_s=timeout_s,
                format_=format_,
                write=self.written.append,
                clean=lambda text: text.replace("hunter2", "[redacted]"),
            )
            return await pipe.run(typed())

    @property
    def answers(self) -> list[dict[str, Any]]:
        """Return the JSON lines."""
        return [json.loads(line) for line in self.written]


@pytest.fixture
def script(bot: MemoryBot, files: Path) -> Script:
    """Return a script that has typed nothing."""
    return Script(bot, files)


async def test_each_line_gets_its_answer_in_order(script: Script) -> None:
    """The n-th line of output belongs to the n-th message."""
    went_well = await script.type(b"/echo a", b"/echo b", b"/echo c")

    assert went_well
    assert [(1, "a"), (2, "b"), (3, "c")] == [(one["n"], one["text"]) for one in script.answers]


async def test_the_id_is_the_event_that_was_answered(script: Script) -> None:
    """Scripts find the event again in `delivery list` and the log."""
    await script.type(b"/echo a")

    assert ["console::1"] == [one["id"] for one in script.answers]


async def test_empty_lines_are_no_messages(script: Script) -> None:
    """A blank line at the end of a file is not said."""
    await script.type(b"", b"   ", b"/echo a", b"\r")

    assert [(1, "a")] == [(one["n"], one["text"]) for one in script.answers]


async def test_what_others_post_is_not_written(script: Script) -> None:
    """A schedule that fires meanwhile must not be taken for the answer."""
    script.bot.noise = [post("cron:1", "digest"), {"kind": "piece", "cause": "x", "text": "half"}]

    await script.type(b"/echo a", b"/echo b")

    assert ["a", "b"] == [one["text"] for one in script.answers]


async def test_a_missing_answer_is_an_error_and_the_next_line_goes_on(script: Script) -> None:
    """A script must not hang for ever."""
    went_well = await script.type(b"/silence", b"/echo a", timeout_s=0.05)

    assert not went_well
    assert [("console::1", "error"), ("console::2", "answered")] == [
        (one["id"], one["status"]) for one in script.answers
    ]
    assert "0.05 s" in script.answers[0]["text"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"/echo a\xffb", "Byte 8"),
        (b"/echo a\0b", "Character 8"),
        (b"x" * (MESSAGE_LIMIT + 1), "256 KiB"),
        ("ü".encode() * (MESSAGE_LIMIT // 2 + 1), "256 KiB"),
        (b"/press", "/press ID"),
        (b"/press nothing", "No such button"),
        (b"/upload", "/upload PATH"),
        (b"/upload nowhere.txt", "nowhere.txt"),
    ],
)
async def test_a_line_that_cannot_be_said_is_an_error_line(script: Script, line: bytes, words: str) -> None:
    """One bad line is no reason to lose the rest of a file."""
    went_well = await script.type(line, b"/echo after")

    assert not went_well
    assert [(1, "error"), (2, "answered")] == [(one["n"], one["status"]) for one in script.answers]
    assert words in script.answers[0]["text"]


async def test_the_longest_message_is_said(script: Script) -> None:
    """The limit is where it says."""
    went_well = await script.type(b"/echo " + b"x" * (MESSAGE_LIMIT - 6))

    assert went_well


async def test_a_button_is_pressed_by_its_id(script: Script) -> None:
    """`/press ID` is no message."""
    await script.type(b"/press go")

    assert ["pressed"] == [one["text"] for one in script.answers]
    assert "console.press" == script.bot.posted[0]["operation"]


async def test_a_file_is_sent_under_a_name_of_ours(script: Script, tmp_path: Path) -> None:
    """What a file is called must not decide where its copy lies."""
    (tmp_path / "my notes.txt").write_text("said")

    await script.type(f"/upload {tmp_path}/my notes.txt".encode())

    (attachment,) = script.bot.posted[0]["attachments"]  # type: ignore[misc, union-attr]
    assert ("my notes.txt", "text/plain") == (attachment["name"], attachment["media_type"])  # type: ignore[index, call-overload]
    assert "said" == (script.files / str(attachment["path"])).read_text()  # type: ignore[index, call-overload]


async def test_a_refused_upload_leaves_no_copy(script: Script, tmp_path: Path) -> None:
    """Nobody would ever delete it."""
    (tmp_path / "notes.txt").write_text("said")
    script.bot.die()

    with pytest.raises(Unavailable):
        await script.type(f"/upload {tmp_path}/notes.txt".encode())

    assert [] == list(script.files.iterdir())


async def test_a_bot_that_dies_ends_the_talk_after_one_error_line(script: Script) -> None:
    """What was not answered is said so, and nothing is pretended for the rest."""
    with pytest.raises(Unavailable):
        await script.type(b"/echo a", b"/die", b"/echo b")

    assert [("a", "answered"), ("The bot that was spoken to has ended", "error")] == [
        (one["text"], one["status"]) for one in script.answers
    ]


async def test_a_bot_that_dies_between_lines_is_noticed_at_once(script: Script) -> None:
    """A script that has nothing to say must not sit beside a dead bot."""
    running = asyncio.create_task(script.type(b"/echo a", then_wait=True))
    await script.is_done.wait()
    script.bot.die()

    with pytest.raises(Unavailable):
        await running


async def test_denied_and_not_found_are_answers(script: Script) -> None:
    """Only errors and timeouts make the exit status 1."""
    script.bot.noise = [
        post("console::1", "no", status="denied"),
        post("console::2", "none", status="not_found"),
    ]

    went_well = await script.type(b"/silent", b"/silent")

    assert went_well
    assert ["denied", "not_found"] == [one["status"] for one in script.answers]


async def test_an_error_of_the_bot_makes_the_run_fail(script: Script) -> None:
    """The exit status tells a script."""
    script.bot.noise = [post("console::1", "broken", status="error")]

    assert not await script.type(b"/silent")


async def test_secrets_are_not_written(script: Script) -> None:
    """Whatever the bot lets through, the program's own redaction stands before its output."""
    await script.type(b"/echo hunter2")

    assert ["[redacted]"] == [one["text"] for one in script.answers]


FULL = Reply(
    text="One ü\n[1] a.md › B",
    status="answered",
    citations=(Citation(n=1, document="a.md", heading="B", url="file:///a.md"),),
    card=Card(buttons=(Button(id="go", label="Go", value="/echo secret"),)),
    files=(File(name="a.txt", path="/data/files/1.txt"),),
    run_id="run-1",
)


def test_a_json_line_has_the_fields_of_the_surface_in_order() -> None:
    """Scripts hold on to exactly these; a button's value is none of their business."""
    line = json_line(3, "console::9", FULL)

    assert (
        '{"n": 3, "id": "console::9", "status": "answered", "text": "One ü\\n[1] a.md › B", '
        '"citations": [{"n": 1, "document": "a.md", "heading": "B", "url": "file:///a.md"}], '
        '"buttons": [{"id": "go", "label": "Go"}], "files": [{"name": "a.txt", "path": "/data/files/1.txt"}], '
        '"run_id": "run-1"}'
    ) == line


def test_plain_text_ends_in_three_dashes_and_drops_nothing() -> None:
    """What hangs on an answer is shown as lines."""
    assert "One ü\n[1] a.md › B\n[Go] /press go\na.txt: /data/files/1.txt\n---" == plain(
        3, "console::9", FULL
    )


@pytest.mark.parametrize("format_", [plain, json_line])
def test_a_terminal_behind_the_output_is_told_nothing(
    format_: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`echo /echo … | quarterdeck console` in a window must not let a reply clear it."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    written = format_(1, "c", Reply(text="\x1b[2J \x9b2J \u202e"))

    assert not {"\x1b", "\x9b", "\u202e"} & set(written)
