"""Embed with a GGUF file inside a worker process; nothing but that process imports this.

One text at a time: a list is three times slower, and one that is longer than the context would end the process.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import llama_cpp

from quarterdeck.runtime.workers.protocol import Job, Method, Part

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json


class _Model:
    """Hold the loaded model."""

    def __init__(self, path: str, threads: int, context_tokens: int) -> None:
        self._context_tokens = context_tokens
        self._llama = llama_cpp.Llama(
            model_path=path,
            embedding=True,
            pooling_type=llama_cpp.LLAMA_POOLING_TYPE_MEAN,
            n_ctx=context_tokens,
            n_batch=context_tokens,
            n_ubatch=context_tokens,
            n_threads=threads,
            n_threads_batch=threads,
            verbose=False,
        )

    def embed(self, job: Job) -> Part:
        """Return the vectors of `texts`, one after the other, as little-endian float32, and the tokens read."""
        texts = cast("Mapping[str, Sequence[str]]", job.value)["texts"]
        blob, tokens = bytearray(), 0
        for text in texts:
            ids = self._llama.tokenize(text.encode(), special=False)[: self._context_tokens - 1]
            tokens += len(ids)
            cut = self._llama.detokenize(ids).decode(errors="ignore") or " "
            vector = cast("Sequence[float]", self._llama.embed(cut, normalize=True, truncate=True))
            blob += struct.pack(f"<{len(vector)}f", *vector)
        return Part({"tokens": tokens}, bytes(blob))


def serve(options: Json) -> Mapping[str, Method]:
    """Load the model and offer `embed`."""
    chosen = cast("Mapping[str, Any]", options)
    return {"embed": _Model(chosen["path"], chosen["threads"], chosen["context_tokens"]).embed}
