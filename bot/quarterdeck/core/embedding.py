"""Say what knowledge needs of a model that turns text into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Embeddings(Protocol):
    """Embed with models of providers; vectors are of length 1, little-endian float32."""

    def chosen(self) -> str:
        """Return the `provider/model` that the settings name for the role `embed`, empty for none."""

    async def embed(self, name: str, texts: Sequence[str], *, is_question: bool = False) -> list[bytes]:
        """Return one vector a text, in order, all of one dimension, made by `name` (`provider/model`).

        Raises:
            SetupError: the provider is off or unknown.
            OverBudget: a budget does not allow it.
            ServiceError: it failed, or answered with something that is no vector.
        """
