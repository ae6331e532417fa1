"""Tell what runs have done, from the journal (the `RunBook` port), and watch those under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Json
from quarterdeck.core.run import Decision, RunOf
from quarterdeck.core.timeline import Choice, Entry, Timeline, Word
from quarterdeck.runtime.durable import Durable
from quarterdeck_workflows.engine.board import choices
from quarterdeck_workflows.engine.engine import WorkflowEngine
from quarterdeck_workflows.engine.entries import Drawing
from quarterdeck_workflows.engine.job import Job
from quarterdeck_workflows.engine.record import Row, read, said
from quarterdeck_workflows.engine.titles import with_titles
from quarterdeck_workflows.language.parse import read_document
from quarterdeck_workflows.language.spec import Workflow


class RunBook:
    """Read runs; `clean` hides secrets in what is shown."""

    def __init__(self, engine: WorkflowEngine, durable: Durable, clean: Callable[[str], str]) -> None:
        self._engine, self._durable, self._clean = engine, durable, clean

    async def of_person(self, person: Person, limit: int) -> Sequence[RunOf]:
        """Return the runs that somebody has the rights of, newest first."""
        found = await self._engine.bot.rows.all(limit=limit, owner=person)
        return [self._engine.board.run(run.id) or run for run in found]

    async def all(self, limit: int) -> Sequence[RunOf]:
        """Return the runs of everybody, newest first."""
        return await self._engine.all(limit)

    async def timeline(self, run_id: str) -> Timeline:
        """Return what a run has done so far.

        Raises:
            NotFound: no run has this id.
        """
        run = await self._engine.get(run_id)
        record = await read(self._durable, run.durable_id)
        own, inputs = await self._definition(run)
        title = own.title if own is not None and own.title else run.workflow
        entries: tuple[Entry, ...] = ()
        left_out = 0
        if own is not None:
            known = {"": with_titles(own, inputs), **await self._called(run, record.rows)}
            entries, left_out = Drawing(run, known, record, self._clean).all()
        return Timeline(
            run=run,
            title=title,
            entries=entries,
            left_out=left_out,
            choices=tuple(
                Choice(word=cast("Word", word), label=label, is_dangerous=danger)
                for word, label, danger in choices(run)
            ),
        )

    async def say(self, run_id: str, word: Word, *, by: str) -> RunOf:
        """Do what somebody said about a run.

        Raises:
            NotFound: no run has this id.
            UsageError: there is nothing of the kind to do.
        """
        if word == "cancel":
            return await self._engine.cancel(run_id, by=by)
        decision: Decision = "retry" if word == "resume" else word
        return await self._engine.resume(run_id, by=by, decision=decision)

    def watch(self, run_id: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` whenever something of the run may have changed; returns what ends that."""
        return self._engine.board.watch(run_id, wake)

    async def _definition(self, run: RunOf) -> tuple[Workflow | None, Mapping[str, Json] | None]:
        """Return the workflow as it was when the run started, with the run's inputs."""
        payload = await self._durable.payload(run.durable_id) or await self._durable.payload(run.id)
        if payload is None:  # it has not begun: what it will run is on the shelf
            return self._engine.bot.shelf.get(run.workflow), None
        job = Job.read(payload)
        try:
            scope = job.scope
            if "blob" in scope:
                scope = said(await self._engine.house.load(run.id, str(scope["blob"])))
            return await self._read(run, job.definition), said(scope.get("inputs"))
        except QuarterdeckError:  # a value is gone; the rest can still be shown
            return self._engine.bot.shelf.get(run.workflow), None

    async def _called(self, run: RunOf, rows: Sequence[Row]) -> dict[str, Workflow]:
        """Return the workflows that the run called, by the prefix of their places."""
        found = {}
        for row in rows:
            definition = said(said(row.done.output).get("definition"))
            if definition and not row.mark:
                try:
                    found[f"{row.prefix}{row.place}>"] = await self._read(run, definition)
                except QuarterdeckError:
                    continue  # its steps are shown by their places
        return found

    async def _read(self, run: RunOf, definition: Mapping[str, Json]) -> Workflow:
        if "blob" in definition:
            definition = said(await self._engine.house.load(run.id, str(definition["blob"])))
        return read_document(said(definition["document"]))
