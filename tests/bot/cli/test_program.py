"""The program finds its verbs, explains them, and tells people and scripts what went wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from quarterdeck import __version__
from quarterdeck.cli import main, program
from quarterdeck.core.ports import Json

Outcome = tuple[int, str, str]


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every command that does something, and of every group."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run the program here; returns exit status, standard output and standard error."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, on the data folder of this test."""
    return subprocess.run(
        [sys.executable, "-m", "quarterdeck", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, **settings()},
        **options,
    )


def settings() -> dict[str, str]:
    """Return the variables that keep a process to this test."""
    return {
        "QUARTERDECK__DATA_DIR": str(Path.cwd() / "data"),
        "QUARTERDECK__HTTP__PORT": "0",
        "QUARTERDECK__MODELS__DISCOVER": "false",
        "QUARTERDECK__MODELS__BUILTIN__ENABLED": "false",
        "QUARTERDECK__LOG__FORMAT": "json",
    }


def serve() -> subprocess.Popen[str]:
    """Start `run` and wait until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "quarterdeck", "run"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings()},
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if '"Ready"' in line:
            return process
    raise AssertionError("".join(said))


def stop(process: subprocess.Popen[str]) -> int:
    """Ask a process to end; returns its exit status."""
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.parametrize("path", sorted(leaves(program)), ids=" ".join)
def test_every_command_explains_itself_with_an_example(
    capsys: pytest.CaptureFixture[str], path: tuple[str, ...]
) -> None:
    """The first thing that people try is --help, the second is the example."""
    status, out, _ = call(capsys, *path, "--help")

    assert 0 == status
    assert "Example" in out
    assert f"quarterdeck {' '.join(path)}".strip() in out.split("Example", 1)[1]


def test_the_promised_verbs_are_there() -> None:
    """What the README names must not be missing."""
    verbs = set(program.list_commands(click.Context(program)))

    promised = {
        "run",
        "console",
        "check",
        "version",
        "person",
        "delivery",
        "platform",
        "schedule",
        "secret",
        "db",
    }
    assert set() == promised - verbs


def test_the_version_comes_at_once() -> None:
    """Scripts ask for it; nothing heavy may be loaded for it."""
    heavy = ("sqlalchemy", "pydantic", "aiohttp", "asyncio", "yaml", "prompt_toolkit")
    code = (
        "import sys; from quarterdeck.cli import main\n"
        "try: main(['version'])\n"
        f"finally: print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )

    assert (f"{__version__}\n", "[]\n") == (done.stdout, done.stderr)


def test_wrong_usage_exits_with_two_and_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """For people on two lines, for scripts as JSON."""
    outcomes = [
        call(capsys, "versoin"),
        call(capsys, "person", "gant", "x", "y"),
        call(capsys, "version", "--jso"),
        call(capsys, "person", "grant", "slack:T1:U1", "boss"),
        call(capsys, "person", "grant"),
        call(capsys, "--json", "versoin"),
    ]

    assert [2] * 6 == [status for status, _, _ in outcomes]
    assert not any(out for _, out, _ in outcomes)
    assert "'version'" in outcomes[0][2]
    assert "'grant'" in outcomes[1][2]
    assert "'--json'" in outcomes[2][2]
    assert "viewer" in outcomes[3][2]
    assert "quarterdeck person grant --help" in outcomes[4][2]
    error = json.loads(outcomes[5][2])["error"]
    assert {"kind", "message", "hint", "file", "line", "column"} == set(error)
    assert ("user", True) == (error["kind"], "'version'" in error["message"])


def test_a_wrong_setting_is_an_error_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """File, line, column and fix, from any verb, and exit status 1."""
    Path("quarterdeck.yaml").write_text("router:\n  queue_limit: many\n")

    status, out, err = call(capsys, "person", "list", "--json")
    error = json.loads(err)["error"]

    assert (1, "") == (status, out)
    assert ("setup", 2, True) == (error["kind"], error["line"], error["file"].endswith("quarterdeck.yaml"))


def test_another_settings_file_may_be_named_before_or_after_the_verb(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The common options stand anywhere."""
    file = tmp_path / "wrong.yaml"
    file.write_text("nonsense: 1\n")

    before = call(capsys, "--config", str(file), "person", "list")
    after = call(capsys, "person", "list", "--config", str(file))

    assert (1, 1) == (before[0], after[0])
    assert "wrong.yaml:1" in before[2]
    assert before[2] == after[2]


def test_fault_points_need_testing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is left over from a test must not crash a real bot."""
    monkeypatch.setenv("QUARTERDECK_FAULT", "outbox.sent:1:kill")

    status, _, err = call(capsys, "person", "list")

    assert (1, True) == (status, "--testing" in err)


def rows(done: subprocess.CompletedProcess[str]) -> Json:
    """Return what a verb printed as JSON."""
    assert 0 == done.returncode, done.stderr
    result: Json = json.loads(done.stdout)
    return result


@pytest.mark.slow
def test_a_verb_does_the_same_with_and_without_a_bot_that_runs() -> None:
    """The state is the folder's, whoever holds it."""
    alone = run("person", "grant", "slack:T1:U1", "operator", "--json")
    process = serve()
    try:
        served = [run("person", "list", "--json"), run("person", "revoke", "slack:T1:U1", "--json")]
        again = run("run", "--json")
    finally:
        status = stop(process)
    after = run("person", "list", "--json")

    granted = rows(alone)
    assert [granted] == rows(served[0])
    assert "none" == rows(after)[0]["role"]
    assert (0, 1) == (status, again.returncode)
    assert f"process {process.pid}" in json.loads(again.stderr.splitlines()[-1])["error"]["message"]


@pytest.mark.slow
def test_a_killed_bot_leaves_no_obstacle() -> None:
    """Lock file and socket lie there still; the next verb works at once."""
    process = serve()
    process.kill()
    process.communicate(timeout=30)

    started_s = time.monotonic()
    done = run("person", "list", "--json")

    assert [] == rows(done)
    assert 30 > time.monotonic() - started_s


@pytest.mark.slow
def test_verbs_that_meet_wait_for_each_other() -> None:
    """Cron starts two at the same second: both do their work."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "quarterdeck", "person", "grant", f"slack:T1:U{n}", "viewer", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **settings()},
        )
        for n in range(4)
    ]
    outcomes = [(process.communicate(timeout=90), process.returncode) for process in processes]

    assert [0] * 4 == [status for _, status in outcomes], outcomes
    people = rows(run("person", "list", "--json"))
    assert [f"slack:T1:U{n}" for n in range(4)] == sorted(person["identities"][0] for person in people)
