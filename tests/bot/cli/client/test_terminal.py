"""The console as people use it: the real program on a pseudo-terminal."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pexpect
import pytest
from tests.e2e.conftest import Program

pytestmark = pytest.mark.slow

COMMANDS = Path(__file__).parent / "commands"
PATIENCE_S = 20  # bounds a hang
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|4[0-7]|9[0-7]|38;5|48;5)[0-9;]*m")
PASTE_BEGINS, PASTE_ENDS = "\x1b[200~", "\x1b[201~"  # xterm control sequences: bracketed paste
ALT_ENTER, CTRL_C, CTRL_D, TAB, UP = "\x1b\r", "\x03", "\x04", "\t", "\x1b[A"
WHERE_IS_THE_CURSOR, CURSOR_SHOWN = "\x1b[6n", "\x1b[?25h"


class Screen:
    """Drive a console on a pseudo-terminal; answers what a terminal is asked."""

    def __init__(self, program: Program, environment: Mapping[str, str], *options: str) -> None:
        executable, *arguments = program.command("console", *options)
        self.child: pexpect.spawn[str] = pexpect.spawn(
            executable,
            arguments,
            cwd=str(program.folder),
            env={**program.environment, "TERM": "xterm-256color", **environment},
            encoding="utf-8",
            timeout=PATIENCE_S,
            dimensions=(40, 100),
        )
        self.seen = ""

    def until(self, text: str) -> str:
        """Read until `text` appears; returns what stood before it, escape sequences included."""
        start = len(self.seen)
        while True:
            found = self.child.expect_exact([text, WHERE_IS_THE_CURSOR])
            self.seen += self.child.before + self.child.after
            if found == 0:
                return self.seen[start : -len(text)]
            self.child.send("\x1b[20;1R")

    def until_ready(self) -> str:
        """Read until the prompt takes keys."""
        return self.until("\x1b[?2004h") + self.until("›")

    def type(self, text: str) -> None:
        """Press keys."""
        self.child.send(text)

    def end(self) -> int:
        """Press Ctrl-D and return the exit status."""
        self.type(CTRL_D)
        return self.exit_status()

    def exit_status(self) -> int:
        """Read to the end."""
        while self.child.expect_exact([pexpect.EOF, WHERE_IS_THE_CURSOR]):
            self.seen += self.child.before
            self.child.send("\x1b[20;1R")
        self.seen += self.child.before
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -(self.child.signalstatus or 0)


Open = Callable[..., Screen]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the program with the commands of these tests in the owner's folder."""
    program = Program(tmp_path)
    shutil.copytree(COMMANDS, program.data_dir / "user" / "commands")
    program.data_dir.chmod(0o700)
    return program


@pytest.fixture
def open_screen(program: Program) -> Iterator[Open]:
    """Return what opens a console on a terminal of its own."""
    opened = []

    def open_one(*options: str, **environment: str) -> Screen:
        screen = Screen(program, environment, *options)
        opened.append(screen)
        screen.until_ready()
        return screen

    yield open_one
    for screen in opened:
        screen.child.close(force=True)


def test_the_first_screen_says_what_to_try_and_an_answer_comes(open_screen: Open) -> None:
    """A newcomer types something that works."""
    screen = open_screen()
    assert all(word in screen.seen for word in ("/help", "/ask", "knowledge add"))

    screen.type("/ping\r")
    screen.until("Pong.")
    screen.until_ready()

    assert 0 == screen.end()


def test_an_answer_is_shown_while_it_is_written_and_once_when_it_is_done(
    open_screen: Open, tmp_path: Path
) -> None:
    """Pieces vanish when the final form stands; Markdown is drawn, not shown."""
    screen = open_screen()
    screen.type(f"/write {tmp_path}/gate\r")
    screen.until("The **first half** and")
    (tmp_path / "gate").touch()
    final = screen.until_ready()

    assert "\x1b[1mfirst half\x1b[0m and the end." in final
    assert 1 == final.count("and the end.")
    assert "\x1b[2K" in final.partition("and the end.")[0]


def test_parts_of_an_answer_are_listed_below_it(open_screen: Open) -> None:
    """Sources dim and not twice; buttons with what to type."""
    screen = open_screen()
    screen.type("/card\r")
    screen.until("All of it.")
    below = screen.until_ready()

    assert 1 == below.count("[1] certificates.md › Rotating")
    assert "\x1b[2m  [1] certificates.md › Rotating  file:///c.md" in below
    assert "plan.txt: /nowhere/plan.txt" in below
    assert "[Go on]\x1b[0m  /press go" in below

    screen.type("/press go\r")
    screen.until("pressed")


def test_replies_cannot_steer_the_terminal(open_screen: Open) -> None:
    """Not as they are, and not by what Markdown decodes: entities, percent signs."""
    screen = open_screen()
    screen.type("/echo <http://x/%1b]0;evil%07> &#8238;end <b>bold</b>\r")
    screen.until("end")  # what was typed, as it was typed
    answer = screen.until_ready()

    assert "\\u001b]0;evil" in answer
    assert "\\u202e" in answer
    assert "<b>bold</b>" in answer
    assert [] == [text for text in ("\x1b]0;", "\u202e", "\x07") if text in answer]


def test_no_color_means_no_colour(open_screen: Open) -> None:
    """See no-color.org; weight and dimness stay."""
    screen = open_screen(NO_COLOR="1")
    screen.type("/help\r")
    screen.until("/whoami")
    screen.until_ready()
    screen.end()

    assert COLOUR.search(screen.seen) is None


def test_colours_are_there_otherwise(open_screen: Open) -> None:
    """Guards the test above against testing nothing."""
    screen = open_screen()
    screen.type("/help\r")
    screen.until("/whoami")
    screen.until_ready()
    screen.end()

    assert COLOUR.search(screen.seen)


def test_ctrl_c_ends_the_wait_but_not_the_program(
    program: Program, open_screen: Open, tmp_path: Path
) -> None:
    """The answer is not lost: it appears above the prompt when it comes."""
    screen = open_screen()
    screen.type(f"/wait {tmp_path}/gate\r")
    screen.until("…")
    while not (tmp_path / "gate.reached").exists():
        os.sched_yield()
    screen.type(CTRL_C)
    screen.until("Not waiting any longer")
    screen.until_ready()
    (tmp_path / "gate").touch()
    screen.until("posted meanwhile")
    screen.until("Waited.")

    assert 0 == screen.end()


def test_ctrl_c_at_the_prompt_gives_up_the_line(open_screen: Open) -> None:
    """As in a shell."""
    screen = open_screen()
    screen.type("/nonsense")
    screen.until("nonsense")
    screen.type(CTRL_C)
    screen.until_ready()
    screen.type("/ping\r")
    screen.until("Pong.")

    assert 0 == screen.end()
    assert "no command" not in screen.seen


def test_an_answer_that_takes_too_long_appears_later(open_screen: Open, tmp_path: Path) -> None:
    """`--timeout` gives the prompt back."""
    screen = open_screen("--timeout", "0.5")
    screen.type(f"/wait {tmp_path}/gate\r")
    screen.until("No answer within 0.5 s")
    screen.until_ready()
    (tmp_path / "gate").touch()
    screen.until("Waited.")

    assert 0 == screen.end()


def test_what_others_post_appears_above_the_line_that_is_typed(program: Program, open_screen: Open) -> None:
    """A digest that fires meanwhile does not wait for a key, and what was typed stays."""
    with program.serving():
        screen = open_screen()
        screen.type("/echo half")
        screen.until("half")
        program.say("/echo from elsewhere")
        screen.until("posted meanwhile")
        screen.until("from elsewhere")
        screen.until("half")
        screen.type(" and half\r")
        screen.until("…")
        assert "half and half" in screen.until_ready()

        assert 0 == screen.end()


def test_several_lines_are_one_message(open_screen: Open) -> None:
    """Pasted, or typed with Alt-Enter."""
    screen = open_screen()
    screen.type(f"/echo {PASTE_BEGINS}first\nsecond{PASTE_ENDS}{ALT_ENTER}third\r")
    screen.until("…")
    answer = screen.until_ready()

    assert re.search(r"first *\r\nsecond *\r\nthird", answer)


def test_commands_complete_with_their_summaries(open_screen: Open) -> None:
    """So do options and their choices."""
    screen = open_screen()
    screen.type("/wai")
    screen.until("Wait for a file")
    screen.type(TAB)
    screen.until("/wait")
    screen.type(" --col")
    screen.until("Of the gate")
    screen.type(TAB)
    screen.type(" gr")
    screen.until("green")
    screen.until("grey")

    assert "red" not in screen.until(CURSOR_SHOWN)


def test_history_outlives_the_program_and_is_private(program: Program, open_screen: Open) -> None:
    """What was typed may be confidential."""
    first = open_screen()
    first.type("/echo remembered\r")
    first.until("…")
    first.until_ready()
    first.end()

    second = open_screen()
    second.type(UP)
    second.until("remembered")

    assert 0o600 == stat.S_IMODE((program.data_dir / "console_history").stat().st_mode)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(open_screen: Open, number: signal.Signals) -> None:
    """Echo on, lines on, paste marks off: the shell behind must be usable."""
    screen = open_screen()
    os.kill(screen.child.pid, number)

    assert 128 + number == screen.exit_status()
    assert screen.seen.rfind("\x1b[?2004l") > screen.seen.rfind("\x1b[?2004h")
    assert "Traceback" not in screen.seen


def test_a_bot_that_dies_is_said_at_once(program: Program, open_screen: Open) -> None:
    """Nobody types into the void."""
    with program.serving() as bot:
        screen = open_screen()
        bot.kill()

        assert 1 == screen.exit_status()

    assert "has ended" in screen.seen


def test_a_mistake_at_the_prompt_is_explained(open_screen: Open) -> None:
    """What never reached the bot reads like what it refuses."""
    screen = open_screen()
    screen.type("/upload /nowhere\r")
    screen.until("there is no file /nowhere")
    screen.until_ready()
    screen.type("/press nothing\r")
    screen.until("no button 'nothing'")

    assert 0 == screen.end()
