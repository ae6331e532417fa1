"""The console as scripts use it: real processes, pipes, signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import Program

pytestmark = pytest.mark.slow

COMMANDS = Path(__file__).parent / "client" / "commands"
PATIENCE_S = 60.0  # bounds a hang


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the program with the commands of these tests in the owner's folder."""
    program = Program(tmp_path)
    shutil.copytree(COMMANDS, program.data_dir / "user" / "commands")
    program.data_dir.chmod(0o700)
    return program


def start(program: Program, *options: str) -> subprocess.Popen[str]:
    """Start a console whose input stays open."""
    return subprocess.Popen(
        program.command("console", *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=program.folder,
        env=program.environment,
    )


def type_line(console: subprocess.Popen[str], line: str) -> None:
    """Type a line into it."""
    assert console.stdin is not None
    console.stdin.write(f"{line}\n")
    console.stdin.flush()


def wait_until(path: Path) -> None:
    """Wait for a file that another process makes."""
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


def test_a_card_has_all_its_parts_and_its_button_works(program: Program) -> None:
    """Scripts press what people press."""
    card, pressed = program.say("/card", "/press go")

    assert [{"id": "go", "label": "Go on"}] == card["buttons"]
    assert [{"name": "plan.txt", "path": "/nowhere/plan.txt"}] == card["files"]
    assert ["certificates.md"] == [citation["document"] for citation in card["citations"]]
    assert ("run-1", "pressed") == (card["run_id"], pressed["text"])


def test_plain_text_shows_the_parts_as_lines(program: Program) -> None:
    """Nothing of an answer is lost where there is no JSON."""
    done = program.call("console", stdin="/card\n")

    assert (
        "All of it.\n\n[1] certificates.md › Rotating\n[Go on] /press go\nplan.txt: /nowhere/plan.txt\n---\n"
        == done.stdout
    )


def test_hostile_lines_are_errors_and_the_next_is_answered(program: Program) -> None:
    """Bytes that are no text, nulls, a megabyte: none of them stops the talk."""
    lines = [
        b"/echo \xff\xfe",
        b"/echo \0",
        b"x" * 1_000_000,
        b"/echo " + "ü\u202e\x1b[2J".encode(),
        b"/echo \r\n",
    ]
    done = subprocess.run(
        program.command("console", "--json"),
        input=b"\n".join(lines),
        capture_output=True,
        cwd=program.folder,
        env={**program.environment, "LANG": "C", "PYTHONCOERCECLOCALE": "0"},
        timeout=PATIENCE_S,
        check=False,
    )

    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert ["error", "error", "error", "answered"] == [answer["status"] for answer in answers[:4]]
    assert "ü\u202e\x1b[2J" == answers[3]["text"]
    assert 1 == done.returncode
    assert b"Traceback" not in done.stderr


def test_nothing_said_is_nothing_answered(program: Program) -> None:
    """An empty input is no failure."""
    done = program.call("console", "--json", stdin="")

    assert "" == done.stdout


def test_an_uploaded_file_lies_in_the_data_folder(program: Program) -> None:
    """The bot opens only what lies there; nobody else may."""
    (program.folder / "notes.txt").write_text("said")

    lines = program.say("/upload notes.txt", expect=None)

    (copy,) = (program.data_dir / "files").iterdir()
    assert 1 == len(lines)
    assert ("said", 0o600) == (copy.read_text(), stat.S_IMODE(copy.stat().st_mode))


@pytest.mark.parametrize(
    "options",
    [
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--as", "@bob"),
        ("--conversation", "two words"),
        ("--colour",),
    ],
)
def test_wrong_options_are_wrong_usage(program: Program, options: tuple[str, ...]) -> None:
    """Exit status 2 and one error document, before anything is said."""
    done = program.call("console", "--json", *options, stdin="/ping\n", expect=2)

    assert "" == done.stdout
    assert "user" == json.loads(done.stderr)["error"]["kind"]


def test_a_conversation_of_its_own_has_its_own_buttons(program: Program) -> None:
    """`--conversation` is another place."""
    program.say("/card")

    (elsewhere,) = program.say("/press go", options=("--conversation", "elsewhere"), expect=1)

    assert "error" == elsewhere["status"]


def test_an_answer_that_does_not_come_in_time_is_an_error(program: Program, tmp_path: Path) -> None:
    """The wait ends, the work goes on at the bot."""
    gate = tmp_path / "gate"
    with program.serving():
        (line,) = program.say(f"/wait {gate}", options=("--timeout", "1"), expect=1)
        gate.touch()

    assert "error" == line["status"]
    assert "1 s" in line["text"]


def test_a_bot_killed_in_the_middle_is_a_clear_error(program: Program, tmp_path: Path) -> None:
    """kill -9 of the bot: one error line, one error document, exit status 1."""
    with program.serving() as bot:
        console = start(program, "--json")
        type_line(console, f"/wait {tmp_path}/gate")
        wait_until(tmp_path / "gate.reached")
        bot.kill()
        out, err = console.communicate(timeout=PATIENCE_S)

    assert (1, "error") == (console.returncode, json.loads(out)["status"])
    assert "service" == json.loads(err)["error"]["kind"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_wait_cleanly(
    program: Program, number: signal.Signals, status: int, tmp_path: Path
) -> None:
    """No traceback, and the bot that served it goes on."""
    gate = tmp_path / "gate"
    with program.serving():
        console = start(program, "--json")
        type_line(console, f"/wait {gate}")
        wait_until(tmp_path / "gate.reached")
        console.send_signal(number)
        out, err = console.communicate(timeout=PATIENCE_S)
        gate.touch()
        program.say("/ping")

    assert (status, "", "") == (console.returncode, out, err.strip())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_console_that_is_its_own_bot(program: Program, number: signal.Signals) -> None:
    """The data folder is free again at once."""
    console = start(program)
    type_line(console, "/ping")
    assert console.stdout is not None
    assert "Pong.\n" == console.stdout.readline()
    console.send_signal(number)
    _, err = console.communicate(timeout=PATIENCE_S)

    assert "" == err.strip()
    program.say("/ping")


def test_a_reader_that_has_enough_is_no_catastrophe(program: Program) -> None:
    """`quarterdeck console | head -1` is how people look."""
    console = start(program)
    assert console.stdout is not None
    type_line(console, "/ping")
    console.stdout.readline()
    console.stdout.close()
    type_line(console, "/ping")
    assert console.stdin is not None
    console.stdin.close()
    assert console.stderr is not None
    err = console.stderr.read()
    console.stderr.close()

    assert (1, "") == (console.wait(PATIENCE_S), err)


@pytest.mark.parametrize("sink", ["/dev/full", None])
def test_an_output_that_takes_nothing_is_said(program: Program, sink: str | None) -> None:
    """A full disk, or none at all: an error and exit status 1, no traceback."""
    redirection = f">{sink}" if sink else ">&-"
    done = subprocess.run(
        ["sh", "-c", f'echo /ping | "$@" {redirection}', "sh", *program.command("console")],
        stderr=subprocess.PIPE,
        text=True,
        cwd=program.folder,
        env=program.environment,
        timeout=PATIENCE_S,
        check=False,
    )

    assert 1 == done.returncode
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_two_consoles_read_only_their_own_answers(program: Program) -> None:
    """They look at one conversation, and each line belongs to who typed it."""
    with program.serving():
        consoles = [start(program, "--json") for _ in range(2)]
        for number in range(10):
            for which, console in enumerate(consoles):
                type_line(console, f"/echo {which}-{number}")
        outs = [console.communicate(timeout=PATIENCE_S)[0] for console in consoles]

    assert [[f"{which}-{number}" for number in range(10)] for which in range(2)] == [
        [json.loads(line)["text"] for line in out.splitlines()] for out in outs
    ]


def test_without_an_input_there_is_nothing_to_do(program: Program) -> None:
    """A daemon's closed standard input."""
    done = subprocess.run(
        program.command("console"),
        preexec_fn=lambda: os.close(0),
        capture_output=True,
        cwd=program.folder,
        env=program.environment,
        timeout=PATIENCE_S,
        check=False,
    )

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
