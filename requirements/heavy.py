"""Install what is heavy and optional: the CPU build of torch, the built-in language model.

    python requirements/heavy.py torch|llama

`./qd test` calls it with the Python of the environment that it fills. A part that cannot be
had is named and left out, its tests skip; QUARTERDECK_TEST_REQUIRE=all makes that a failure.
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
TORCH = "torch==2.13.0"
TORCH_PYTHON = (3, 11)
COMPILERS = ("c++", "g++", "clang++", "cl")
TICK_S = 30.0


class CannotInstall(Exception):
    """A part cannot be had on this machine; the message says why and what would help."""


def main(arguments: list[str]) -> int:
    """Install the named part; 0 when it is there or may be missing."""
    (part,) = arguments
    try:
        {"torch": install_torch, "llama": install_llama}[part]()
    except CannotInstall as error:
        if os.environ.get("QUARTERDECK_TEST_REQUIRE") == "all":
            say(f"{part}: {error}; QUARTERDECK_TEST_REQUIRE=all asks for it")
            return 1
        say(f"{part} is left out, its tests will skip: {error}")
    return 0


def install_torch() -> None:
    """Install the CPU build of torch, and no other: the CUDA build is gigabytes.

    Raises:
        CannotInstall: no CPU build was found.
    """
    if sys.version_info[:2] != TORCH_PYTHON:
        say("torch is left out: its tests run on Python 3.11 only, where a CPU build is at hand")
        return
    if not sys.platform.startswith("linux"):  # elsewhere the ordinary build is the CPU build
        attempts = [[TORCH]]
    else:
        # "+cpu" matches no CUDA build: among the find-links first, then where torch publishes it.
        attempts = [[f"{TORCH}+cpu"], [f"{TORCH}+cpu", "--torch-backend", "cpu"]]
    if not any(install("--no-deps", *attempt) for attempt in attempts):
        raise CannotInstall(
            f"no CPU build of {TORCH} was found; a folder that holds one goes into PIP_FIND_LINKS"
        )


def install_llama() -> None:
    """Compile llama-cpp-python and install the weights, both held to their hashes.

    Raises:
        CannotInstall: no compiler, or it did not compile.
    """
    if find_compiler() is None:
        raise CannotInstall("no C++ compiler (Debian, Ubuntu: apt install build-essential)")
    # A native build turns on AMX where the processor has it, and its kernels crash on some machines.
    os.environ["CMAKE_ARGS"] = "-DGGML_NATIVE=OFF"
    with ticking("still compiling"):
        built = install(
            *("--no-deps", "--require-hashes", "--build-constraints", str(HERE / "build.lock")),
            *("-r", str(HERE / "model.lock")),
        )
    if not built:
        raise CannotInstall("llama-cpp-python did not compile, see above")


def find_compiler() -> str | None:
    """Return the C++ compiler that a build would use."""
    names = (os.environ.get("CXX"), *COMPILERS)
    return next(filter(None, (shutil.which(name) for name in names if name)), None)


def install(*arguments: str) -> bool:
    """Install into the environment of this Python by the uv beside it; say whether it worked."""
    uv = shutil.which("uv", path=Path(sys.executable).parent) or "uv"
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    command = [uv, "pip", "install", *quiet, "-p", sys.executable, *arguments]
    # Open files go along, among them qd's lock: a compiler that outlives qd keeps the next one waiting.
    return subprocess.run(command, check=False, close_fds=False).returncode == 0  # noqa: S603  our own command


@contextmanager
def ticking(what: str) -> Iterator[None]:
    """Say every half minute that a long step is alive."""
    over = threading.Event()

    def tick() -> None:
        seconds = 0.0
        while not over.wait(TICK_S):
            seconds += TICK_S
            say(f"{what}, {seconds:.0f} s")

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def say(line: str) -> None:
    """Tell a person, below the step that is shown."""
    print(f"      {line}", file=sys.stderr, flush=True)  # noqa: T201  a program for people


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
