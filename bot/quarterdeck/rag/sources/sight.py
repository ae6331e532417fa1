"""Look at pictures with the model of the role `vision`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from quarterdeck.core.model import Enclosed, ModelMessage, Models
from quarterdeck.rag.reading.formats.picture import MEDIA_TYPE
from quarterdeck.runtime.documents.prompts import read_prompt

PROMPT: Final = "picture"
MOST_TOKENS: Final = 1500


class ModelSight:
    """Have pictures described (the `Sight` of the reading desk); `is_on` where the settings name a model that sees."""

    def __init__(self, models: Models, user_dir: Path, *, is_on: bool) -> None:
        self._models, self._user_dir, self._is_on = models, user_dir, is_on

    async def is_there(self) -> bool:
        """Tell whether a model that sees is connected."""
        return self._is_on and await self._models.connected("vision") is not None

    async def describe(self, picture: bytes) -> str:
        """Return as Markdown what a picture says and shows."""
        asked = (
            ModelMessage(speaker="system", text=read_prompt(PROMPT, self._user_dir)),
            ModelMessage(
                speaker="user",
                text="Describe this picture.",
                enclosed=(Enclosed(media_type=MEDIA_TYPE, content=picture, name="picture.png"),),
            ),
        )
        words = [
            delta.text
            async for delta in self._models.complete(asked, role="vision", max_output_tokens=MOST_TOKENS)
        ]
        return "".join(words)
