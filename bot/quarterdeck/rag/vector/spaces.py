"""Reach an embedder by its key: one that the librarian process runs, or a model of a provider.

A key is `onnx` or `sentence-transformers:MODEL` for the one, `role:PROVIDER/MODEL` for the other. Which of a
provider's vectors compare with which is its space: the model's name and the number of dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from quarterdeck.core.embedding import Embeddings
from quarterdeck.core.errors import SetupError
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.workers.worker import Worker

if TYPE_CHECKING:
    from quarterdeck.core.ports import Json

ROLE: Final = "role:"
BATCH: Final = 16  # texts a call of the librarian: a question never waits longer than that takes
EMBED_TIMEOUT_S: Final = 120.0
EXPORT_TIMEOUT_S: Final = 600.0  # the first start with sentence-transformers exports the model
BYTES: Final = 4  # a number of a vector


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Say what an embedder makes: `space` names it, `how` says what runs it."""

    space: str
    dimensions: int
    how: str


class Spaces:
    """Embed in several spaces; each is asked about itself once."""

    def __init__(self, worker: Worker, remote: Embeddings | None, setting: str) -> None:
        self._worker, self._remote, self._setting = worker, remote, setting
        self._about: dict[str, About] = {}

    def wanted(self) -> str:
        """Return the key of the embedder that the settings name."""
        chosen = self._remote.chosen() if self._remote is not None else ""
        return f"{ROLE}{chosen}" if chosen else self._setting

    def known(self, key: str) -> About | None:
        """Return what is known of an embedder, without asking it."""
        return self._about.get(key)

    async def about(self, key: str) -> About:
        """Return what an embedder makes; starts or asks it where nobody knows yet.

        Raises:
            SetupError: its package, model or provider is missing.
            ServiceError: its process does not start, or the provider does not answer.
            OverBudget: a budget does not allow asking the provider.
        """
        is_remote = key.startswith(ROLE)
        if key not in self._about or (not is_remote and self._worker.pid is None):
            self._about[key] = await (self._ask(key) if is_remote else self._start(key))
        return self._about[key]

    async def embed(self, key: str, texts: Sequence[str], *, is_question: bool = False) -> list[bytes]:
        """Return one vector a text, as little-endian float32; errors as `about`."""
        if key.startswith(ROLE):
            if not texts:
                return []
            return await self._provider().embed(key.removeprefix(ROLE), texts, is_question=is_question)
        found: list[bytes] = []
        for n in range(0, len(texts), BATCH):
            value: Json = {"texts": list(texts[n : n + BATCH]), "embedder": key}
            answer = await self._worker.call("embed", value, timeout_s=EMBED_TIMEOUT_S)
            size = len(answer.blob) // len(texts[n : n + BATCH])
            found.extend(answer.blob[at : at + size] for at in range(0, len(answer.blob), size))
        return found

    async def _ask(self, key: str) -> About:
        name = key.removeprefix(ROLE)
        [vector] = await self._provider().embed(name, ["probe"])
        dimensions = len(vector) // BYTES
        return About(space=f"{name}:{dimensions}", dimensions=dimensions, how=name.partition("/")[0])

    async def _start(self, key: str) -> About:
        answer = await self._worker.call("about", {"embedder": key}, timeout_s=EXPORT_TIMEOUT_S)
        told = cast("dict[str, object]", answer.value)
        return About(
            space=str(told["space"]), dimensions=cast("int", told["dimensions"]), how=str(told["how"])
        )

    def _provider(self) -> Embeddings:
        if self._remote is None:
            raise SetupError(
                "no provider makes embeddings here", hint="set models.roles.embed", key="models.roles.embed"
            )
        return self._remote
