"""Programs that are servers: what they see, what they may send, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests.bot.mcp.conftest import Bench, tool

from quarterdeck.app.mcp import foreign_file
from quarterdeck.app.parts import Parts
from quarterdeck.core.errors import SetupError, Unavailable, Unknown
from quarterdeck.mcp import program


async def test_a_program_sees_only_what_the_settings_name(bench: Bench) -> None:
    """No token of ours, no HOME, no PATH: the start of every leak."""
    bench.put("raw", "tools.json", [tool("environment")])
    bench.set_up(
        raw=bench.raw(
            "--project",
            "$(touch pwned); `id` $HOME",
            env={"NAMED": "this", "API_TOKEN": "env:TOKEN"},
            inherit=["OURS", "NOWHERE"],
        ),
        bare=bench.raw(),
    )
    await bench.approve("raw")
    seen = json.loads((await bench.use("mcp.raw.environment")).text)
    await bench.servers["bare"].ready()

    assert ["API_TOKEN=s3cr3t", "NAMED=this", "OURS=ours"] == seen["environ"]
    assert ["--project", "$(touch pwned); `id` $HOME"] == seen["argv"]
    assert str(bench.folder / "mcp" / "raw") == seen["folder"]
    assert 0o700 == (bench.folder / "mcp" / "bare").stat().st_mode & 0o777
    assert not (bench.folder / "mcp" / "raw" / "pwned").exists()


async def test_arguments_of_a_call_never_reach_the_command_line(bench: Bench) -> None:
    """They are words in a message."""
    bench.put("raw", "tools.json", [tool("environment")])
    bench.set_up(raw=bench.raw("fixed"))
    await bench.approve("raw")
    result = await bench.use("mcp.raw.environment", command="sh", args=["-c", "id"])

    assert ["fixed"] == json.loads(result.text)["argv"]


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_what_a_program_started_is_gone_with_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that takes no SIGTERM, with a child of its own."""
    monkeypatch.setattr(program, "GRACE_S", 0.2)
    bench.set_up(stubborn=bench.served("stubborn"))
    await bench.states()
    pids = [int(one) for one in (bench.folder / "mcp/stubborn/pids").read_text().split()]
    before = [is_alive(pid) for pid in pids]
    groups = {os.getpgid(pid) for pid in pids}
    await bench.desk.close()
    over = [pid for pid in pids if is_alive(pid)]

    assert ([True, True], {pids[0]}, []) == (before, groups, over)
    assert os.getpgid(0) not in groups


async def test_a_program_that_cannot_be_started_names_the_fix(bench: Bench) -> None:
    """The reason is the operating system's."""
    bench.set_up(none={"command": ["/nowhere/at/all"]})
    with pytest.raises(SetupError, match="'/nowhere/at/all' cannot be started: No such file") as error:
        await bench.servers["none"].ready()

    assert "write the program's whole path in command" == error.value.hint


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("broken", "broken is gone: it ended after saying: no licence"),
        ("noise", "noise is gone: it writes other things than messages to its standard output"),
        ("flood", "flood is gone: it floods us with messages that nobody asked for"),
    ],
)
async def test_what_speaks_no_mcp_is_named(bench: Bench, mode: str, reason: str) -> None:
    """A program that only makes noise costs no memory and no time."""
    bench.set_up(**{mode: bench.served(mode)})
    async with asyncio.timeout(25):
        with pytest.raises(Unavailable) as error:
            await bench.servers[mode].ready()

    assert reason == error.value.message
    assert {mode: "down"} == {one.name: one.state for one in await bench.desk.servers()}


async def test_a_result_without_end_ends_the_connection(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one message is held in memory, and no more of it than this."""
    monkeypatch.setattr(program, "MESSAGE_BYTES", 256 * 1024)
    bench.put("raw", "result.json", {"content": [{"type": "text", "text": "x" * 300_000}]})
    bench.set_up(raw=bench.raw(tools={"say": "write"}))
    await bench.approve("raw")

    with pytest.raises(Unknown, match="it sent a message of more than 0 MiB"):
        await bench.use("mcp.raw.say")


async def test_progress_without_end_ends_the_connection(bench: Bench) -> None:
    """What nobody asked for is counted."""
    bench.put("raw", "tools.json", [tool("endless")])
    bench.set_up(raw=bench.raw())
    await bench.approve("raw")

    with pytest.raises(Unavailable, match="it floods us"):
        await bench.use("mcp.raw.endless")


def test_the_sdk_is_loaded_by_nobody_who_has_no_server() -> None:
    """Most of a second, and some 60 MiB."""
    heavy = ["mcp", "mcp_types", "httpx2"]
    code = f"import sys, quarterdeck.app.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert "[]\n" == done.stdout


@pytest.mark.parametrize(
    ("mode", "is_refused"), [(0o600, False), (0o644, False), (0o664, True), (0o646, True)]
)
def test_a_file_that_others_can_change_starts_nothing(tmp_path: Path, mode: int, is_refused: bool) -> None:
    """It could name any program, to be run as the bot."""
    file = tmp_path / "quarterdeck.yaml"
    file.write_text("")
    file.chmod(mode)
    parts = SimpleNamespace(loaded=SimpleNamespace(file=file))
    refusal = foreign_file(cast("Parts", parts))

    assert is_refused == (refusal is not None)
    assert refusal is None or f"chmod go-w '{file}', as its owner" == refusal.hint
