"""Prove that a secret's value stays off the command line and off the screen."""

import io
from collections.abc import Mapping

import pytest

from quarterdeck import cli
from quarterdeck.cli import secret
from quarterdeck.core.ports import Json

CANARY = "canary-9b8a7c6d5e"


class Desk:
    """Stand where the process that holds the data folder is; remembers what it was asked."""

    def __init__(self, answer: Json) -> None:
        self.answer, self.asked = answer, list[tuple[str, Mapping[str, Json]]]()

    def __call__(self, operation: str, parameters: Mapping[str, Json] | None = None) -> Json:
        self.asked.append((operation, parameters or {}))
        return self.answer


def run(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, arguments: list[str], typed: str = ""
) -> int | str | None:
    monkeypatch.setattr(secret, "call", desk)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    with pytest.raises(SystemExit) as ended:
        cli.main(["secret", *arguments])
    return ended.value.code


def test_the_value_is_read_from_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its last line feed is the pipe's; the rest is the secret, key files with many lines included."""
    desk = Desk({"name": "TOKEN", "is_new": True})
    status = run(monkeypatch, desk, ["set", "TOKEN"], f"-----BEGIN-----\n{CANARY}\n\n")
    shown = capsys.readouterr()

    assert 0 == status
    assert [("secret.set", {"name": "TOKEN", "value": f"-----BEGIN-----\n{CANARY}\n"})] == desk.asked
    assert "Kept TOKEN: refer to it as secret:TOKEN\n" == shown.out
    assert CANARY not in shown.out + shown.err


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_value_on_the_command_line_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    """It is in the shell's history and in the list of processes by now; the error must not add a third place."""
    desk = Desk(None)
    status = run(monkeypatch, desk, ["set", "TOKEN", CANARY, *flags])
    shown = capsys.readouterr()

    assert (2, []) == (status, desk.asked)
    assert CANARY not in shown.out + shown.err
    assert "does not stand on the command line" in shown.err


def test_a_rotation_that_left_secrets_behind_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script that rotates must notice."""
    desk = Desk({"key_version": 2, "rotated": 3, "unreadable": ["A", "B"]})
    status = run(monkeypatch, desk, ["rotate", "--lost-key"])

    assert (1, [("secret.rotate", {"lost_key": True})]) == (status, desk.asked)
    assert "Not readable, set them again: A, B" in capsys.readouterr().out


def test_secrets_are_listed_without_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table for people."""
    row = {"name": "A", "kind": "secret", "created_at": "2026", "rotated_at": None, "problem": ""}
    status = run(monkeypatch, Desk([row]), ["list"])

    assert 0 == status
    assert "NAME  KIND    CREATED AT  ROTATED AT  PROBLEM" == capsys.readouterr().out.splitlines()[0]
