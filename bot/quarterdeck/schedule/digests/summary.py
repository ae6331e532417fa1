"""Have a capable model word an issue, and believe it only when every link and number is there and none is invented."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence

from quarterdeck.core.errors import ServiceError, SetupError
from quarterdeck.core.model import ModelMessage, Models
from quarterdeck.schedule.digests.edition import Shown
from quarterdeck.schedule.digests.extract import URL

OUTPUT_TOKENS = 1200
MODEL_INPUT = 24_000  # characters of items; more is not summed up
_NUMBER = re.compile(r"\[(\d{1,3})\]")

log = logging.getLogger(__name__)


class Summariser:
    """Sum up items; `prompt` tells the model how."""

    def __init__(self, models: Models, prompt: str) -> None:
        self._models, self._prompt = models, prompt

    async def summary(self, items: Sequence[Shown], *, conversation_id: str) -> tuple[str, str]:
        """Return a summary and the line that names its model; both empty where items must speak for themselves."""
        model = await self._models.connected("chat")
        material = json.dumps(
            [
                {
                    "n": one.n,
                    "group": one.item.group,
                    "title": one.item.title,
                    "text": one.item.text,
                    "url": one.item.url,
                }
                for one in items
            ],
            ensure_ascii=False,
            indent=0,
        )
        if model is None or not model.is_capable or not items or len(material) > MODEL_INPUT:
            return "", ""
        pieces: list[str] = []
        messages = (
            ModelMessage(speaker="system", text=self._prompt),
            ModelMessage(speaker="user", text=material),
        )
        try:
            async for delta in self._models.complete(
                messages, max_output_tokens=OUTPUT_TOKENS, conversation_id=conversation_id
            ):
                pieces.append(delta.text)
        except (ServiceError, SetupError) as error:
            log.warning("Digest was written without the model", extra={"error": str(error)})
            return "", ""
        text = "".join(pieces).strip()
        if problem := fault_of(text, items):
            log.warning("The model's digest was not believed", extra={"why": problem})
            return "", ""
        return text, f"_{model.label}_" if model.label else ""


def fault_of(text: str, items: Sequence[Shown]) -> str:
    """Say what a summary gets wrong about links and numbers; empty: nothing."""
    known = {one.item.url for one in items if one.item.url}
    known |= {url for one in items for url in URL.findall(f"{one.item.title} {one.item.text}")}
    said = set(URL.findall(text))
    if not text:
        return "it is empty"
    if invented := said - known:
        return f"it invents {len(invented)} links"
    if dropped := {one.item.url for one in items if one.item.url} - said:
        return f"it drops {len(dropped)} links"
    if {int(n) for n in _NUMBER.findall(text)} != {one.n for one in items}:
        return "it does not name each item once by its number"
    return ""
