"""Run the real bot as a process of its own, with a data folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.control import connect
from quarterdeck.testing.simulator.transcript import Scalar

KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "SYSTEMROOT")
START_S: Final = 60.0
STOP_S: Final = 30.0
TAIL: Final = 15  # lines of the log that an error shows


class ChildBot:
    """Hold `quarterdeck run` up; `environment` connects it, `settings` are by dotted name."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        settings: Mapping[str, Scalar],
        *,
        config: Path | None = None,
    ) -> None:
        self._folder, self._config = folder, config
        self._log = folder / "bot.log"
        self._control = folder / "data" / "control.sock"
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._environment = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "HOME": str(folder),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "QUARTERDECK__DATA_DIR": str(folder / "data"),
            "QUARTERDECK__HTTP__PORT": "0",
            "QUARTERDECK__LOG__FORMAT": "json",
            "QUARTERDECK__MODELS__DISCOVER": "false",
            "QUARTERDECK__MODELS__BUILTIN__ENABLED": "false",
            **{_variable(name): _value(value) for name, value in settings.items()},
            **environment,
        }

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it; returns once it says that it is ready.

        Raises:
            SetupError: it ended instead, with the end of its log.
        """
        arguments = ["--config", str(self._config)] if self._config else []
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "quarterdeck", "run", *arguments),
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=asyncio.subprocess.PIPE,
            )
        is_ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(self._process, is_ready))
        try:
            if not await asyncio.wait_for(is_ready, START_S):
                raise self._failed("the bot ended before it was ready")
        except TimeoutError:
            raise self._failed(f"the bot was not ready in {START_S:g} s") from None

    async def _read(self, process: asyncio.subprocess.Process, is_ready: asyncio.Future[bool]) -> None:
        """Write the log to a file, and see in it when the bot is ready."""
        assert process.stderr is not None
        with self._log.open("ab") as log:
            async for line in process.stderr:
                log.write(line)
                log.flush()
                if b'"Ready"' in line and not is_ready.done():
                    is_ready.set_result(True)
        if not is_ready.done():
            is_ready.set_result(False)

    async def grant(self, identities: Mapping[str, str]) -> None:
        """Give roles, by identity.

        Raises:
            QuarterdeckError: the bot refuses one.
        """
        async with connect(self._control) as client:
            for identity, role in identities.items():
                await client.call("person.grant", {"identity": identity, "role": role, "name": ""})

    async def stop(self, *, kill: bool = False) -> None:
        """End it: as an operator does, or as the kernel does."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reading is not None:
            await self._reading

    def log_tail(self) -> str:
        """Return the last lines of the log, as sentences."""
        lines = self._log.read_text("utf-8", "replace").splitlines() if self._log.exists() else []
        return "\n".join(map(_sentence, lines[-TAIL:]))

    def _failed(self, message: str) -> SetupError:
        return SetupError(message, hint=f"the end of its log:\n{self.log_tail()}")


def _variable(name: str) -> str:
    return "QUARTERDECK__" + "__".join(part.upper() for part in name.split("."))


def _value(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentence(line: str) -> str:
    """Return a line of the log as its level, its words and the error that it is about."""
    try:
        entry = json.loads(line)
        error = str(entry.get("exception", "")).strip().rpartition("\n")[2]
        return f"{entry.get('level', '')} {entry.get('message', line)} {error}".strip()
    except (ValueError, AttributeError):
        return line
