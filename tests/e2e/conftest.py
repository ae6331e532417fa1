"""Drive the real program as a person does: processes, pipes, files; nothing of it is imported."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TIMEOUT_S = 90.0  # bounds a hang; nothing here waits for it on a good day


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Program:
    """Run `quarterdeck` with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.port = free_port()
        self.environment: dict[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "QUARTERDECK__DATA_DIR": str(self.data_dir),
            "QUARTERDECK__HTTP__PORT": str(self.port),
            "QUARTERDECK__MODELS__DISCOVER": "false",
            "QUARTERDECK__MODELS__BUILTIN__ENABLED": "false",
        }

    def command(self, *arguments: str) -> list[str]:
        """Return the argument vector that starts the program."""
        return [sys.executable, "-m", "quarterdeck", *arguments]

    def call(
        self, *arguments: str, stdin: str = "", expect: int | None = 0, environment: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end; `expect` is the exit status that it must have, None for any."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            cwd=self.folder,
            env={**self.environment, **environment},
            check=False,
        )
        if expect is not None:
            assert expect == done.returncode, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        """Return what a verb prints with `--json`."""
        return json.loads(self.call(*arguments, "--json").stdout)

    def json_of_failed(self, *arguments: str) -> Any:
        """Return what a verb prints with `--json` that ends with status 1."""
        return json.loads(self.call(*arguments, "--json", expect=1).stdout)

    def say(
        self,
        *lines: str,
        expect: int | None = 0,
        options: tuple[str, ...] = (),
        environment: Mapping[str, str] = {},
    ) -> list[dict[str, Any]]:
        """Type lines into a piped console and return its JSON lines."""
        text = "".join(f"{line}\n" for line in lines)
        done = self.call("console", "--json", *options, stdin=text, expect=expect, environment=environment)
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextmanager
    def serving(
        self, *arguments: str, environment: Mapping[str, str] = {}, wait: bool = True
    ) -> Iterator[subprocess.Popen[str]]:
        """Hold `quarterdeck run` up; it is asked to end, and must, when the block is left."""
        process = subprocess.Popen(
            self.command("run", *arguments),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self.environment, "QUARTERDECK__LOG__FORMAT": "json", **environment},
        )
        try:
            if wait:
                self.wait_until_ready(process)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=TIMEOUT_S)

    @staticmethod
    def wait_until_ready(process: subprocess.Popen[str]) -> None:
        """Read the log until the bot says that it is ready."""
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if '"Ready"' in line:
                return
        raise AssertionError("run ended before it was ready:\n" + "".join(lines))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return the program with an empty home."""
    return Program(tmp_path)
