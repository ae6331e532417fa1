"""Install the built-in model into the environment that runs: compile llama-cpp-python, fetch the weights.

Exact versions, held to their hashes; nothing else is installed or changed. The build sees none of our secrets.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Clock, Progress
from quarterdeck.models.local.builtin import Builtin

COMPILERS: Final = ("c++", "g++", "clang++", "cl")
CMAKE_ARGS: Final = "-DGGML_NATIVE=OFF"  # the native build crashes on machines with AMX (llama.cpp #20824)
TICK_S: Final = 15.0
TIMEOUT_S: Final = 3600.0
LAST_LINES: Final = 15
PINS, BUILD_PINS = "model.lock", "build.lock"
_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|^QUARTERDECK_", re.IGNORECASE)
_INSTALLERS: Final = ("PIP_", "UV_")  # their own settings may hold a password for the package index


async def build(builtin: Builtin, environ: Mapping[str, str], clock: Clock, progress: Progress) -> bool:
    """Install what is missing; False when nothing was.

    Raises:
        SetupError: no compiler, no installer, or the build failed; the hint says what helps.
    """
    missing = builtin.missing()
    if not missing:
        return False
    if "llama-cpp-python" in missing:
        _check_compiler(environ)
        await progress("Compiling llama-cpp-python, which takes 3 to 7 minutes on two cores")
    with tempfile.TemporaryDirectory(prefix="quarterdeck-build-") as folder:
        needed = Path(folder) / PINS
        needed.write_text(_needed(pins(PINS).read_text("utf-8"), missing), "utf-8")
        command = _installer(environ, needed)
        await _run(command, _clean_environment(environ), clock, progress)
    if still := builtin.missing():
        raise SetupError(f"the build ended, yet {' and '.join(still)} is not there", hint="run it again")
    return True


def pins(name: str) -> Path:
    """Return where the pinned requirements lie: in an installed package, or in the repository.

    Raises:
        SetupError: the installation is incomplete.
    """
    package = Path(str(resources.files("quarterdeck")))
    for folder in (package / "_requirements", package.parents[1] / "requirements"):
        if (folder / name).is_file():
            return folder / name
    raise SetupError(f"the shipped {name} is missing", hint="install quarterdeck again")


def _check_compiler(environ: Mapping[str, str]) -> None:
    names = (environ.get("CXX"), *COMPILERS)
    if not any(shutil.which(name, path=environ.get("PATH")) for name in names if name):
        raise SetupError(
            "there is no C++ compiler, and llama-cpp-python must be compiled",
            hint="Debian, Ubuntu: apt install build-essential; Fedora: dnf install gcc-c++; macOS: "
            "xcode-select --install; then run `quarterdeck model build` again",
        )


def _needed(locked: str, missing: Sequence[str]) -> str:
    """Return the pins of what is missing and of what it needs, as far as that is not installed in any version."""
    blocks = re.split(r"\n(?=\S)", locked)
    kept = []
    for block in blocks:
        name = re.split(r"[=\s]", block, maxsplit=1)[0]
        if name in missing or (name and not name.startswith("#") and not _is_installed(name)):
            kept.append(block)
    return "\n".join(kept) + "\n"


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _installer(environ: Mapping[str, str], needed: Path) -> list[str]:
    """Return the command that installs into this Python: uv where there is one, else pip.

    Raises:
        SetupError: neither is there.
    """
    arguments = ["--no-deps", "--require-hashes", "-r", str(needed)]
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv := beside or shutil.which("uv", path=environ.get("PATH")):
        build_pins = ["--build-constraints", str(pins(BUILD_PINS))]
        return [uv, "pip", "install", "-p", sys.executable, *build_pins, *arguments]
    if find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    raise SetupError("there is neither uv nor pip here", hint=f"run `{sys.executable} -m ensurepip`")


def _clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if name.startswith(_INSTALLERS) or not _SECRET.search(name)
    }
    return {**kept, "CMAKE_ARGS": CMAKE_ARGS}


async def _run(
    command: Sequence[str], environment: Mapping[str, str], clock: Clock, progress: Progress
) -> None:
    """Run the installer, passing on what it says.

    Raises:
        SetupError: it failed; the message holds its last lines.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        start_new_session=True,  # so that compilers can be ended with it
    )
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
            ticking = group.create_task(_tick(clock, progress))
            await _listen(process, last, progress)
            await process.wait()
            ticking.cancel()
    except TimeoutError as error:
        raise SetupError(
            f"the build took more than {TIMEOUT_S / 60:.0f} minutes", hint="run it again"
        ) from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise SetupError(
            "the built-in model was not installed:\n" + "\n".join(last),
            hint="a compiler, 2 GiB of memory and the package index are needed; then run it again",
        )


async def _listen(process: asyncio.subprocess.Process, last: deque[str], progress: Progress) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        text = line.decode("utf-8", "replace").rstrip()
        if text:
            last.append(text)
            await progress(text)


async def _tick(clock: Clock, progress: Progress) -> None:
    began_s = clock.monotonic()
    while True:
        await clock.sleep(TICK_S)
        await progress(f"still working, {clock.monotonic() - began_s:.0f} s")
