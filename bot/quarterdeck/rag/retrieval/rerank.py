"""Read question and passage together with a cross-encoder. Runs in the librarian process only; loaded on first use.

The model comes from a folder, or from what was downloaded to this machine before: nothing is fetched here, and no code
that comes with a model is run.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.workers.protocol import Job, Part

PREFIX = "sentence-transformers:"
TOKENS = 512  # of question and passage together
BATCH = 16

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json


class CrossReader:
    """Score passages against a question."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._model: Any = None
        self._loading = threading.Lock()

    def rerank(self, job: Job) -> Part:
        """Return, for each of `texts`, how well it answers `question`: higher is better."""
        given = cast("Mapping[str, object]", job.value)
        question, texts = cast("str", given["question"]), cast("Sequence[str]", given["texts"])
        pairs = [(question, text) for text in texts]
        scores = self._loaded().predict(pairs, batch_size=BATCH, show_progress_bar=False)
        return Part(cast("Json", [float(score) for score in scores]))

    def _loaded(self) -> Any:
        with self._loading:
            if self._model is None:
                self._model = self._load()
        return self._model

    def _load(self) -> Any:
        if not self._name.startswith(PREFIX):
            raise SetupError(
                f"{self._name!r} is no cross-encoder",
                hint=f"set knowledge.reranker to {PREFIX}FOLDER, or leave it empty",
                key="knowledge.reranker",
            )
        if importlib.util.find_spec("sentence_transformers") is None:
            raise SetupError(
                "the cross-encoder needs sentence-transformers",
                hint="pip install 'quarterdeck[torch]', or leave knowledge.reranker empty",
                key="knowledge.reranker",
            )
        from sentence_transformers import CrossEncoder

        name = self._name.removeprefix(PREFIX)
        try:
            return CrossEncoder(name, device="cpu", max_length=TOKENS, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise SetupError(
                f"the cross-encoder {name!r} cannot be loaded: {error}",
                hint="give the folder of a model that lies on this machine",
                key="knowledge.reranker",
            ) from error
