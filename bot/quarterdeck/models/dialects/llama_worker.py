"""Run llama.cpp inside a worker process; nothing but that process imports this.

One model, one context, one call at a time. A call that nobody waits for stops within a few milliseconds, also
in the middle of reading a long prompt.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import llama_cpp
from llama_cpp import llama_cpp as bindings

from quarterdeck.core.errors import UsageError
from quarterdeck.runtime.workers.protocol import Job, Method, Part

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

TURN_TOKENS = 8  # what the chat template writes around a turn, at most
LEAST_ANSWER_TOKENS = 32
ABORT = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)  # llama.h, ggml_abort_callback


class _Model:
    """Hold the loaded model."""

    def __init__(self, path: str, threads: int, context_tokens: int) -> None:
        self._llama = llama_cpp.Llama(
            model_path=path, n_ctx=context_tokens, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self._context_tokens = context_tokens
        self._job: Job | None = None
        self._abort = ABORT(self._is_aborted)  # kept: native code holds a bare pointer to it
        bindings._lib.llama_set_abort_callback(ctypes.c_void_p(self._llama.ctx), self._abort, None)

    def _is_aborted(self, _: object) -> bool:
        return self._job is not None and self._job.is_cancelled()

    def complete(self, job: Job) -> Iterator[Part]:
        """Stream `{"text"}` parts, and last `{"finish", "input_tokens", "output_tokens"}`."""
        order = cast("Mapping[str, Any]", job.value)
        turns, prompt_tokens = self._fit(order["messages"], order["max_output_tokens"])
        room = self._context_tokens - prompt_tokens
        self._job = job
        written, finish = 0, None
        try:
            for chunk in self._chunks(turns, min(order["max_output_tokens"], room), order):
                choice = chunk["choices"][0]
                finish = choice["finish_reason"] or finish
                if text := choice["delta"].get("content"):
                    written += 1
                    yield Part({"text": text})
        except RuntimeError:
            if not job.is_cancelled():
                raise
            return  # llama_decode says so when it is aborted
        finally:
            self._job = None
        counts = {"input_tokens": max(0, self._llama.n_tokens - written), "output_tokens": written}
        yield Part({"finish": finish or "stop", **counts})

    def _chunks(
        self, turns: Sequence[Mapping[str, str]], max_tokens: int, order: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        more: dict[str, Any] = {}
        if order.get("temperature") is not None:
            more["temperature"] = order["temperature"]
        if order.get("json_schema") is not None:
            more["response_format"] = {"type": "json_object", "schema": order["json_schema"]}
        chunks = self._llama.create_chat_completion(
            cast("Any", list(turns)), stream=True, max_tokens=max_tokens, **more
        )
        return cast("Iterator[Mapping[str, Any]]", chunks)

    def _fit(self, turns: Sequence[Mapping[str, str]], answer: int) -> tuple[list[Mapping[str, str]], int]:
        """Leave the oldest turns out until prompt and a part of the answer fit; return the prompt's size.

        Raises:
            UsageError: instructions and last turn alone are too long.
        """
        kept = list(turns)
        most = self._context_tokens - max(LEAST_ANSWER_TOKENS, min(answer, self._context_tokens // 4))
        while (size := self._size(kept)) > most:
            oldest = next((n for n, turn in enumerate(kept[:-1]) if turn["role"] != "system"), None)
            if oldest is None:
                break
            del kept[oldest]
        if size > self._context_tokens - LEAST_ANSWER_TOKENS:
            raise UsageError(
                f"{size} tokens are too long for the built-in model, which reads {self._context_tokens}",
                hint="ask something shorter, raise models.builtin.context_tokens, or connect a larger model",
            )
        return kept, size

    def _size(self, turns: Sequence[Mapping[str, str]]) -> int:
        return TURN_TOKENS * (len(turns) + 1) + sum(
            len(self._llama.tokenize(turn["content"].encode(), add_bos=False)) for turn in turns
        )


def serve(options: Json) -> Mapping[str, Method]:
    """Load the model and offer `complete`."""
    chosen = cast("Mapping[str, Any]", options)
    model = _Model(chosen["path"], chosen["threads"], chosen["context_tokens"])
    return {"complete": model.complete}
