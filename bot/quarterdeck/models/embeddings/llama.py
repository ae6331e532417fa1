"""Embed with a GGUF file on this machine, in a process of its own; this side never loads llama.cpp."""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json
from quarterdeck.models.embeddings.wires import Answered
from quarterdeck.models.local.builtin import (
    BUILD_COMMAND,
    LIBRARY,
    MEMORY_BYTES,
    default_threads,
    find_weights,
)
from quarterdeck.runtime.workers.worker import Limits, Worker

TARGET: Final = "quarterdeck.models.embeddings.llama_worker:serve"
TIMEOUT_S: Final = 120.0
CONTEXT_TOKENS: Final = 2048


class LlamaEmbeddings:
    """Start the process on first use."""

    def __init__(self, model: str, threads: int = 0) -> None:
        """`model` is the path of a GGUF file, or the built-in model's name.

        Raises:
            SetupError: the file or llama-cpp-python is missing.
        """
        path = Path(model) if model.endswith(".gguf") else find_weights()
        if path is None or not path.is_file():
            raise SetupError(
                f"there is no model file {model!r}",
                hint="write builtin/ and the path of a GGUF file",
                key="models.roles.embed",
            )
        if importlib.util.find_spec(LIBRARY) is None:
            raise SetupError("llama-cpp-python is not installed", hint=f"run `{BUILD_COMMAND}`")
        options: Json = {
            "path": str(path),
            "threads": threads or default_threads(),
            "context_tokens": CONTEXT_TOKENS,
        }
        self._worker = Worker(
            "llama-embed",
            TARGET,
            options=options,
            limits=Limits(memory_bytes=MEMORY_BYTES, niceness=5),
            start_timeout_s=TIMEOUT_S,
        )

    async def embed(self, model: str, texts: Sequence[str], *, is_question: bool) -> Answered:
        """Return one vector a text."""
        answer = await self._worker.call("embed", {"texts": list(texts)}, timeout_s=TIMEOUT_S)
        size = len(answer.blob) // len(texts)
        vectors: list[Sequence[float]] = [
            struct.unpack(f"<{size // 4}f", answer.blob[at : at + size])
            for at in range(0, len(answer.blob), size)
        ]
        return Answered(vectors=vectors, tokens=int(str(cast("Mapping[str, Json]", answer.value)["tokens"])))

    async def close(self) -> None:
        """End the process."""
        await self._worker.stop()
