"""Let the program's verb `knowledge` do its work inside the process that holds the state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json, Operation, Passage, Progress
from quarterdeck.rag.answering.desk import PASSAGES
from quarterdeck.rag.evaluate import evaluate, read_cases
from quarterdeck.rag.knowledge import TeamKnowledge

WAIT_S = 120.0  # somebody at the command line waits for the vector index rather than for a lesser answer


class KnowledgeOperations:
    """Search what the team knows, and measure that; sources are changed by `rag/sources/operations.py`."""

    def __init__(self, knowledge: TeamKnowledge) -> None:
        self._knowledge = knowledge

    def all(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(name="knowledge.search", handler=self._search),
            Operation(name="knowledge.eval", handler=self._eval),
        ]

    async def _search(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        limit = parameters.get("limit")
        result = await self._knowledge.searching.find(
            _text(parameters, "query"),
            limit=limit if isinstance(limit, int) and 1 <= limit <= 50 else PASSAGES,
            collections=_texts(parameters, "collections"),
            wait_s=WAIT_S,
        )
        state = self._knowledge.state
        return {
            "passages": [_shown(passage) for passage in result.passages],
            "relevance": round(result.relevance, 3),
            "collections": list(result.collections),
            "embedder": f"{state.space} on {state.how}" if state.space else "",
            "notice": result.notice,
        }

    async def _eval(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        cases = read_cases(Path(_text(parameters, "file")))
        await progress(f"asking {len(cases)} questions")
        collections = _texts(parameters, "collections")
        return await evaluate(cases, self._knowledge.searching, collections, wait_s=WAIT_S)


def _shown(passage: Passage) -> Json:
    return {
        "document": passage.document,
        "collection": passage.collection,
        "heading": passage.heading,
        "text": passage.text,
        "url": passage.url,
        "score": round(passage.score, 5),
        "signals": {name: round(value, 4) for name, value in passage.signals.items()},
    }


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name, "")
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text")
    return value


def _texts(parameters: Mapping[str, Json], name: str) -> list[str]:
    value = parameters.get(name, ())
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise UsageError(f"{name} must be a list of texts")
    return [str(one) for one in value]
