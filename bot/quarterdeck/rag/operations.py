"""Let the program's verb `knowledge` do its work inside the process that holds the state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json, Operation, Passage, Progress
from quarterdeck.rag.evaluate import evaluate, read_cases
from quarterdeck.rag.ingest import DEFAULT_COLLECTION, Report
from quarterdeck.rag.knowledge import PASSAGES, TeamKnowledge

WAIT_S = 120.0  # somebody at the command line waits for the vector index rather than for a lesser answer
NAME_LIMIT = 100


class KnowledgeOperations:
    """Show and change what the team knows."""

    def __init__(self, knowledge: TeamKnowledge) -> None:
        self._knowledge = knowledge

    def all(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(name="knowledge.list", handler=self._list),
            Operation(name="knowledge.search", handler=self._search),
            Operation(name="knowledge.eval", handler=self._eval),
            Operation(name="knowledge.add", handler=self._add, effect="write"),
            Operation(name="knowledge.sync", handler=self._sync, effect="write"),
            Operation(name="knowledge.remove", handler=self._remove, effect="destructive"),
        ]

    async def _list(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        collections: list[Json] = []
        for size in await self._knowledge.library.collections():
            documents = await self._knowledge.library.documents(size.name)
            failed = [one for one in documents if one.state == "failed"]
            collections.append(
                {
                    "collection": size.name,
                    "documents": size.documents,
                    "chunks": size.chunks,
                    "paths": list(size.roots),
                    "failed": [{"document": one.name, "reason": one.reason} for one in failed],
                }
            )
        return collections

    async def _add(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        paths = _texts(parameters, "paths")
        if not paths or not all(Path(path).is_absolute() for path in paths):
            raise UsageError("give the paths to add", hint="quarterdeck knowledge add PATH…")
        collection = _text(parameters, "collection") or DEFAULT_COLLECTION
        if len(collection) > NAME_LIMIT or not collection.isprintable() or collection != collection.strip():
            raise UsageError(
                f"{collection!r} cannot name a collection", hint="write a short name, such as handbook"
            )
        return await self._done(await self._knowledge.ingest.add(paths, collection, progress))

    async def _sync(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        collection = _text(parameters, "collection") or None
        return await self._done(await self._knowledge.ingest.sync(collection, progress))

    async def _remove(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        what, collection = _text(parameters, "what"), _text(parameters, "collection") or None
        if not what and not collection:
            raise UsageError("say what to remove", hint="quarterdeck knowledge remove NAME")
        return await self._done(await self._knowledge.ingest.remove(what, collection))

    async def _done(self, report: Report) -> Json:
        """Return the report with what is there now; waits until the index has taken it in."""
        if report.added or report.changed or report.removed:
            await self._knowledge.vectors.opened()
        counts = await self._knowledge.counts()
        state = self._knowledge.state
        notice = f"search goes by words only: {state.reason}" if state.index == "failed" else ""
        return {
            **report.as_json(),
            "documents": counts["documents"],
            "total_chunks": counts["chunks"],
            "notice": notice,
        }

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
