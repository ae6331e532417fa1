"""Prove that the record comes out as JSON Lines, whole, through one door."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from quarterdeck import cli
from quarterdeck.cli import audit, host
from quarterdeck.cli.invocation import Invocation
from quarterdeck.core.ports import Json, Progress


class Door:
    """Stand where the process that holds the data folder is, with 2,500 rows."""

    opened = 0

    async def call(
        self, operation: str, parameters: Mapping[str, Json], progress: Progress | None = None
    ) -> Json:
        assert "audit.export" == operation
        after, limit = parameters["after"], parameters["limit"]
        assert isinstance(after, int)
        assert isinstance(limit, int)
        return [{"n": n, "kind": "command"} for n in range(after + 1, min(after + limit, 2500) + 1)]

    @asynccontextmanager
    async def reach(self, invocation: Invocation, verb: str) -> AsyncIterator["Door"]:
        self.opened += 1
        yield self


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    door = Door()
    monkeypatch.setattr(host, "reach", door.reach)
    return door


def run(arguments: list[str]) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["audit", *arguments])
    return ended.value.code


def test_every_row_is_a_line(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """The daily export is appended to a file elsewhere; pages are the program's business."""
    status = run(["export", "--after", "100"])
    numbers = [json.loads(line)["n"] for line in capsys.readouterr().out.splitlines()]

    assert (0, list(range(101, 2501)), 1) == (status, numbers, door.opened)


def test_json_is_one_document(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """As `--json` promises for every verb."""
    status = run(["export", "--json"])

    assert (0, 2500) == (status, len(json.loads(capsys.readouterr().out)))


def test_a_broken_chain_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A nightly job must notice."""
    answer: Json = {"ok": False, "rows": 7, "problems": ["row 3 was changed"]}
    monkeypatch.setattr(audit, "call", lambda _operation: answer)

    assert 1 == run(["verify"])
    assert "row 3 was changed\n" == capsys.readouterr().out
