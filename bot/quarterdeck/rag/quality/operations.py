"""Let the verbs `knowledge search`, `eval` and `cases` do their work inside the process that holds the state."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from quarterdeck.core.errors import SetupError, UsageError
from quarterdeck.core.knowledge import Filters, Measured
from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Models
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Json, Operation, Passage, Progress
from quarterdeck.core.reply import Reply
from quarterdeck.rag.answering.answer import PROMPT, Asked, not_found
from quarterdeck.rag.answering.desk import PASSAGES
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.quality.cases import Case, as_line, judged_cases, read_cases, suite_of
from quarterdeck.rag.quality.counting import CountedModels
from quarterdeck.rag.quality.evaluate import Answers, evaluate
from quarterdeck.rag.quality.gate import MARGIN, WATCHED, compare
from quarterdeck.rag.retrieval.search import Result
from quarterdeck.runtime.documents.prompts import read_prompt
from quarterdeck.runtime.process.tasks import in_thread

WAIT_S = 120.0  # somebody at the command line waits for the vector index rather than for a lesser answer
JUDGED = "judged"  # the suite of what people said
NOBODY = Person(id="eval", name="")
NOWHERE = Conversation(id="eval", platform="eval")
PROMPT_LIMIT = 100_000  # bytes


class QualityOperations:
    """Search with reasons, measure, and show the cases that people made."""

    def __init__(self, knowledge: TeamKnowledge, models: Models, user_dir: Path) -> None:
        self._knowledge, self._models, self._user_dir = knowledge, models, user_dir

    def all(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(name="knowledge.search", handler=self._search),
            Operation(name="knowledge.cases", handler=self._cases),
            Operation(name="knowledge.eval", handler=self._eval, effect="write"),
        ]

    async def _search(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        limit = parameters.get("limit")
        searching = self._knowledge.searching
        readable = None
        if identity := _text(parameters, "as"):
            readable = await self._knowledge.readable_to(Identity.written(identity))
        result = await searching.find(
            _text(parameters, "query"),
            limit=limit if isinstance(limit, int) and 1 <= limit <= 50 else PASSAGES,
            filters=_filters(parameters),
            readable=readable,
            wait_s=WAIT_S,
            has_weaker=True,
        )
        state = self._knowledge.state
        return {
            "passages": [_shown(passage) for passage in result.passages],
            "relevance": round(result.relevance, 3),
            "collections": list(result.collections),
            "embedder": f"{state.space} on {state.how}" if state.space else "",
            "notice": "; ".join(filter(None, [result.notice, self._refused(result)])),
        }

    def _refused(self, result: Result) -> str:
        """Say that an answer would not be made of these passages."""
        if not result.passages or self._knowledge.searching.telling(result).passages:
            return ""
        return f'none reaches the floor ({self._knowledge.searching.floor}): an answer would be "not found"'

    async def _cases(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        """Show what people said to answers; `lines` are those that make a questions file."""
        rows = self._knowledge.quality
        judged = await rows.judged() if rows is not None else []
        said: list[Json] = [
            {
                "answer": one.id,
                "question": one.question,
                "verdict": one.verdict,
                "said": one.said,
                "documents": list(one.documents),
                "at": datetime.fromtimestamp(one.at_ms / 1000, UTC).isoformat(timespec="seconds"),
            }
            for one in judged
        ]
        return {"judged": said, "lines": [as_line(case) for case in judged_cases(judged)]}

    async def _eval(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        cases, suite = await self._asked(parameters)
        candidate = await self._candidate(_text(parameters, "prompt"))
        how = _text(parameters, "answers") or ("written" if candidate else "quoted")
        models = CountedModels(self._models)
        answers = await self._answers(how, models, candidate)
        await progress(f"asking {len(cases)} questions")
        found = await evaluate(
            cases,
            self._knowledge.searching,
            _texts(parameters, "collections"),
            wait_s=WAIT_S,
            answers=answers,
        )
        found["cost_usd"] = None if models.microusd is None else models.microusd / 1_000_000
        found["tokens"] = models.input_tokens + models.output_tokens
        compared = await self._compared(found, suite, how, candidate, parameters)
        found.update(compared)
        if candidate and found["is_accepted"]:
            await in_thread(_adopt, self._user_dir, candidate)
        found["prompt_adopted"] = bool(candidate and found["is_accepted"])
        return found

    async def _asked(self, parameters: Mapping[str, Json]) -> tuple[list[Case], str]:
        """Return the questions, and the name under which measurements of them are compared."""
        cases = read_cases(Path(_text(parameters, "file"))) if _text(parameters, "file") else []
        if not parameters.get("cases"):
            if not cases:
                raise UsageError("there are no questions to ask", hint="give a file of questions, or --cases")
            return cases, suite_of(cases)
        rows = self._knowledge.quality
        judged = judged_cases(await rows.judged()) if rows is not None else []
        if not cases and not judged:
            raise UsageError(
                "nobody has said yet what answers should be",
                hint="press Helpful or Wrong below an answer, or give a file of questions",
            )
        return [*cases, *judged], suite_of(cases, name=f"{JUDGED} {suite_of(cases)}")

    async def _candidate(self, file: str) -> str:
        """Return the instructions to be tried; empty when ours are."""
        if not file:
            return ""
        return await in_thread(_instructions, Path(file))

    async def _answers(self, how: str, models: CountedModels, prompt: str) -> Answers | None:
        if how == "none":
            return None
        answerer = self._knowledge.answerer
        if how == "quoted":

            async def quoted(case: Case, result: Result) -> Reply:
                return await answerer.quoted(case.question, result) if result.passages else not_found(result)

            return quoted
        connected = await models.connected("chat")
        if connected is None or not connected.is_capable:
            raise SetupError(
                "written answers need a capable model, and none is connected",
                hint="connect one, or measure with --answers quoted",
            )
        writing = answerer.with_models(cast("Models", models), prompt)

        async def written(case: Case, result: Result) -> Reply:
            asked = Asked(question=case.question, person=NOBODY, conversation=NOWHERE)
            return await writing.answer(asked, result)

        return written

    async def _compared(
        self,
        found: Mapping[str, Json],
        suite: str,
        how: str,
        candidate: str,
        parameters: Mapping[str, Json],
    ) -> dict[str, Json]:
        """Compare with the last accepted measurement of these questions, and keep this one."""
        measures = {name: cast("float | None", found[name]) for name in WATCHED}
        rows = self._knowledge.quality
        suite = f"{suite} {how}"
        before = await rows.last(suite) if rows is not None else None
        margin = parameters.get("margin")
        comparison = compare(
            before.measures if before is not None else {},
            measures,
            margin=float(margin) if isinstance(margin, int | float) else MARGIN,
        )
        is_accepted = not (comparison.losses and (parameters.get("gate") or candidate))
        about = {
            "embedder": self._knowledge.state.space,
            "prompt": hashlib.sha256((candidate or read_prompt(PROMPT, self._user_dir)).encode()).hexdigest()[
                :12
            ],
            "answers": how,
        }
        if rows is not None:
            await rows.measured(
                Measured(
                    at_ms=self._knowledge.now_ms(),
                    suite=suite,
                    about=about,
                    measures=measures,
                    is_accepted=is_accepted,
                )
            )
        return {
            "before": dict(before.measures) if before is not None else None,
            "changes": dict(comparison.changes),
            "losses": list(comparison.losses),
            "is_accepted": is_accepted,
            "about": about,
        }


def _instructions(path: Path) -> str:
    try:
        if path.stat().st_size > PROMPT_LIMIT:
            raise UsageError(f"{path} is too long for instructions", hint="write at most 100 kB")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _adopt(user_dir: Path, prompt: str) -> None:
    """Make the tried instructions ours, whole or not at all."""
    place = user_dir / "prompts" / f"{PROMPT}.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    fresh.write_text(prompt, encoding="utf-8")
    os.replace(fresh, place)


def _filters(parameters: Mapping[str, Json]) -> Filters:
    return Filters(
        collections=tuple(_texts(parameters, "collections")),
        sources=tuple(_texts(parameters, "sources")),
        path=_text(parameters, "path"),
        since_ms=_moment(parameters, "since"),
        until_ms=_moment(parameters, "until"),
    )


def _moment(parameters: Mapping[str, Json], name: str) -> int | None:
    text = _text(parameters, name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no date", hint="write 2026-11-21, or 2026-11-21T09:00") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _shown(passage: Passage) -> Json:
    return {
        "document": passage.document,
        "collection": passage.collection,
        "audience": passage.audience,
        "heading": passage.heading,
        "place": passage.place,
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
