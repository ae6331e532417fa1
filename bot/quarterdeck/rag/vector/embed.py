"""Turn text into vectors. Runs in the librarian process only.

One text at a time: without padding and without the arena that is both the fastest and the smallest on a processor
(80 against 45 chunks a second in batches of 8; measured with benchmarks/ingest_and_ask.py).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from quarterdeck.core.errors import SetupError
from quarterdeck.rag.vector import minilm
from quarterdeck.rag.vector.bert import lean_graph, packaged_bert
from quarterdeck.rag.vector.wire import NotOurModel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]  # it ships no types
    from tokenizers import Tokenizer

    Vectors = NDArray[np.float32]

TORCH_PREFIX = "sentence-transformers:"
BULK_NICENESS = 5
LEAST_COSINE = 0.99  # mean over the sample; 8-bit arithmetic reaches 0.993 to 0.997
SAMPLE = (
    "How do I rotate the staging certificate?",
    "deploy",
    "The scheduler writes each planned time to the database before it fires, so that a restart repeats nothing.",
    "| setting | default | meaning |\n| --- | --- | --- |\n| port | 8420 | where the web server listens |",
    "for name in sorted(names):\n    print(name.upper(), len(name))",
    "Die Sicherung läuft jede Nacht um drei Uhr; wer sie anhält, schreibt es ins Betriebsbuch.",
    "Error: ECONNREFUSED 127.0.0.1:5432. Is the server running on that host and accepting TCP/IP connections?",
    "Incident review, 12 March: the disk of the primary was full; alerts went to a channel that nobody reads.",
)


class Embedder(Protocol):
    """Turn text into vectors of length 1; vectors compare only within one `space`."""

    @property
    def space(self) -> str:
        """Name the model, whatever runs it."""

    @property
    def dimensions(self) -> int:
        """Count a vector's numbers."""

    @property
    def how(self) -> str:
        """Say what runs the model."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text, in order."""


class OnnxEmbedder:
    """Run an ONNX file whose output is the text's vector, or one vector a token, of which the mean is taken."""

    def __init__(
        self,
        model: bytes,
        tokenizer: Tokenizer,
        *,
        space: str,
        how: str,
        token_limit: int = minilm.TOKEN_LIMIT,
        threads: int = 1,
        is_lean: bool = False,
    ) -> None:
        """`is_lean` says that there is nothing left in the graph to put together."""
        self.space, self.how = space, how
        self._session, self._tokenizer = _session(model, is_lean), tokenizer
        self._tokenizer.enable_truncation(token_limit)
        self._tokenizer.no_padding()
        self._inputs = [given.name for given in self._session.get_inputs()]
        self._output = self._session.get_outputs()[0].name
        self._threads = ThreadPoolExecutor(threads, "embed", initializer=step_back) if threads > 1 else None
        self.dimensions = int(self._one("text").shape[0])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text, in order."""
        if self._threads is not None and len(texts) > 1:
            rows = list(self._threads.map(self._one, texts))
        else:
            rows = [self._one(text) for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.dimensions), np.float32)

    def _one(self, text: str) -> Vectors:
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        made = self._session.run([self._output], {name: given[name] for name in self._inputs})[0][0]
        return _unit(cast("Vectors", made if made.ndim == 1 else made.mean(axis=0)))


class TorchEmbedder:
    """Run any model that sentence-transformers can load from this machine."""

    def __init__(self, name: str, folder: str, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self.space, self.how = name, "sentence-transformers"
        try:
            self.model = SentenceTransformer(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise SetupError(
                f"sentence-transformers finds no model {name!r} on this machine",
                hint="download it once with the huggingface client, or give the path of its folder",
                key="knowledge.embedder",
            ) from error
        self.dimensions = int(self.model.get_embedding_dimension() or 0)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text, in order."""
        found = self.model.encode(
            list(texts),
            batch_size=8,
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(found, np.float32)


def choose(setting: str, models: Path, threads: int) -> Embedder:
    """Return the fastest embedder for `setting` that keeps the model's vectors; `models` keeps what was exported.

    Raises:
        SetupError: a package or a model is missing.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    if setting == "onnx":
        return _packaged(models, threads)
    if not setting.startswith(TORCH_PREFIX):
        raise SetupError(
            f"{setting!r} is no embedder",
            hint=f"write onnx, or {TORCH_PREFIX}MODEL",
            key="knowledge.embedder",
        )
    from quarterdeck.rag.vector.export import exported

    return exported(setting.removeprefix(TORCH_PREFIX), models, threads)


def step_back() -> None:
    """Let this thread wait for the others of the machine; only Linux gives threads a priority of their own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BULK_NICENESS)


def likeness(ours: Embedder, theirs: Embedder) -> float:
    """Return the mean cosine between the vectors that two embedders give the sample."""
    if ours.dimensions != theirs.dimensions:
        return 0.0
    return float((ours.embed(SAMPLE) * theirs.embed(SAMPLE)).sum(axis=1).mean())


def _packaged(models: Path, threads: int) -> Embedder:
    """Return the packaged model in integers where this processor computes them well, else as it is."""
    model = minilm.packaged(minilm.MODEL_PACKAGE, minilm.MODEL_FILE).read_bytes()
    note, key = models / "onnx.json", _machine(len(model))
    known = _read(note)
    if known.get("machine") != key:
        known = {"machine": key, "is_faithful": _is_faithful(model)}
        models.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(note, known)
    return _in_integers(model, threads) if known["is_faithful"] else _onnx(model, "onnxruntime", threads)


def _is_faithful(model: bytes) -> bool:
    try:
        fast = _in_integers(model, 1)
    except NotOurModel:
        return False
    return likeness(fast, _onnx(model, "", 1)) >= LEAST_COSINE


def _in_integers(model: bytes, threads: int) -> OnnxEmbedder:
    lean = lean_graph(packaged_bert(model, heads=minilm.HEADS))
    return _onnx(lean, "onnxruntime, 8-bit", threads, is_lean=True)


def _onnx(model: bytes, how: str, threads: int, *, is_lean: bool = False) -> OnnxEmbedder:
    return OnnxEmbedder(
        model, minilm.tokenizer(), space=minilm.NAME, how=how, threads=threads, is_lean=is_lean
    )


def _session(model: bytes, is_lean: bool) -> InferenceSession:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)  # errors: its warnings are about graph details
    options = onnxruntime.SessionOptions()
    if is_lean:  # putting sums and norms together makes them slower: that operation adds one number at a time
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _unit(vector: Vectors) -> Vectors:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0 else vector, np.float32)


def _machine(size_bytes: int) -> str:
    """Name what the arithmetic depends on: processor, runtime, model file and graph."""
    import onnxruntime

    processor = ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), ""
        )
    except OSError:
        pass
    return f"{os.uname().machine} {processor} {onnxruntime.__version__} {size_bytes} lean"


def _read(note: Path) -> dict[str, object]:
    try:
        found = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(note: Path, known: dict[str, object]) -> None:
    fresh = note.with_suffix(".new")
    fresh.write_text(json.dumps(known))
    fresh.replace(note)
