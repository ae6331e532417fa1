"""Answer for runs of workflows: list them, show one step by step, live, and take a word about it.

Who may see a run: whoever's rights it has, and who may deal with those of others. Whoever reads the conversation that
it speaks in may look at its steps there, and so may here, but not at what the steps came to.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from quarterdeck.core.access import AccessRequest, Authoriser
from quarterdeck.core.errors import Denied, NotFound, QuarterdeckError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Person
from quarterdeck.core.ports import People
from quarterdeck.core.run import OVER, RunOf
from quarterdeck.core.timeline import RunBook, Timeline, is_own, may_handle, others
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.web.access.caller import Caller, refusal
from quarterdeck.web.access.desk import Record
from quarterdeck.web.access.gate import Gate
from quarterdeck.web.api import run_shapes as shapes
from quarterdeck.web.api.endpoint import Asked, Endpoint, Parameter
from quarterdeck.web.api.show import moment
from quarterdeck.web.html import to_html

COMMAND, LEAST = "runs", "operator"  # the rights of `/runs`
MOST = 200
HEARTBEAT_S = 15.0
CHECK_S = 0.5  # how soon a session that ended is noticed
PAUSE_S = 0.4  # between two looks; a long run's take longer, and so do its pauses
MOST_STREAMS = 50
READERS_S, MOST_READERS = 60.0, 10_000
HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Hand over what knows runs; `reads` tells whether somebody reads along in a conversation."""

    book: RunBook
    reads: Callable[[Person, Conversation], Awaitable[bool]]


class RunEndpoints:
    """Be behind `/runs`."""

    def __init__(
        self, runs: Runs, gate: Gate, *, authoriser: Authoriser, people: People, record: Record
    ) -> None:
        self._book, self._reads, self._gate = runs.book, runs.reads, gate
        self._authoriser, self._people, self._record = authoriser, people, record
        self._stopping = asyncio.Event()
        self._open: dict[str, int] = {}
        self._readers: dict[tuple[str, str], tuple[float, bool]] = {}

    def all(self) -> list[Endpoint]:
        """Return the endpoints."""
        api = self._gate.api
        limit = Parameter(
            name="limit", summary="How many, 50 at first", kind="integer", minimum=1, maximum=MOST
        )
        return [
            Endpoint(
                method="GET",
                path="/runs",
                summary="List the runs that you may see, newest first",
                handle=self._list,
                principal=api,
                answer=shapes.RunsShown,
                parameters=(limit,),
            ),
            Endpoint(
                method="GET",
                path="/runs/{id}",
                summary="Show a run with everything that it has done",
                handle=self._show,
                principal=api,
                answer=shapes.TimelineShown,
            ),
            Endpoint(
                method="POST",
                path="/runs/{id}/words",
                summary="Stop a run, go on with it, or decide about a step",
                handle=self._say,
                principal=api,
                body=shapes.RunWord,
                answer=shapes.RunShown,
            ),
            Endpoint(
                method="GET",
                path="/runs/{id}/events",
                summary="Stream a run as it goes on, as server-sent events, until it is over",
                handle=self._stream,
                principal=api,
                media_type="text/event-stream",
            ),
        ]

    def stop(self) -> None:
        """End every stream: the bot stops."""
        self._stopping.set()

    async def _list(self, asked: Asked) -> shapes.RunsShown:
        caller, limit = asked.caller, asked.query["limit"] or 50
        await self._authorise(caller, {})
        everybody = await others(self._authoriser, person=caller.person, identity=caller.identity, way="http")
        of_all = everybody.allowed
        found = await (self._book.all(limit) if of_all else self._book.of_person(caller.person, limit))
        return shapes.RunsShown(runs=[await self._shown(caller, run) for run in found], sees_all=of_all)

    async def _show(self, asked: Asked) -> shapes.TimelineShown:
        return await self._timeline(asked.caller, asked.path("id"))

    async def _say(self, asked: Asked) -> shapes.RunShown:
        caller, word = asked.caller, asked.body.word
        found = (await self._known(caller, asked.path("id"))).run
        await self._authorise(caller, {"run": found.id, "action": word})
        decision = await may_handle(
            self._authoriser, found, person=caller.person, identity=caller.identity, way="http"
        )
        if not decision.allowed:
            raise Denied(decision.reason or "That run is somebody else's.")
        detail = {
            "action": f"runs.{word}",
            "run": found.id,
            "identity": str(caller.identity),
            "rule": decision.rule,
        }
        await self._record.append("run", detail, person_id=caller.person.id)
        run = await self._book.say(found.id, word, by=caller.person.name or str(caller.identity))
        return await self._shown(caller, run)

    async def _stream(self, asked: Asked) -> web.StreamResponse:
        """Send the run after each change of it; the same shape as `GET /runs/{id}`."""
        caller, first = asked.caller, await self._timeline(asked.caller, asked.path("id"))
        if asked.request.method == "HEAD":
            return web.Response(headers=HEADERS)
        if self._open.get(caller.person.id, 0) >= MOST_STREAMS or self._stopping.is_set():
            raise refusal(429, "too many open streams", hint="close some", retry_after_s=1.0)
        response, woken = web.StreamResponse(headers=HEADERS), asyncio.Event()
        unwatch = self._book.watch(first.run.id, woken.set)
        self._open[caller.person.id] = self._open.get(caller.person.id, 0) + 1
        try:
            await response.prepare(asked.request)
            await self._follow(caller, first.run.id, response, woken)
            await response.write_eof()
        except ConnectionError:
            pass
        finally:
            unwatch()
            self._open[caller.person.id] -= 1
        return response

    async def _follow(
        self, caller: Caller, run_id: str, response: web.StreamResponse, woken: asyncio.Event
    ) -> None:
        """Send it until it is over, the session ends, the bot stops or the other side goes."""
        loop, last = asyncio.get_running_loop(), ""
        while True:
            woken.clear()
            began_s = loop.time()
            try:
                shown = await self._timeline(caller, run_id)
            except QuarterdeckError as error:
                return await _send(response, "over", {"reason": error.message})
            text = shown.model_dump_json()
            if text != last:
                last = text
                await response.write(f"event: run\ndata: {text}\n\n".encode())
            if shown.run.state in OVER:
                return await _send(response, "over", {"reason": shown.run.state})
            await asyncio.sleep(max(PAUSE_S, 10 * (loop.time() - began_s)))
            reason = await self._waited(caller, response, woken)
            if reason:
                return await _send(response, "over", {"reason": reason})

    async def _waited(self, caller: Caller, response: web.StreamResponse, woken: asyncio.Event) -> str:
        """Wait for the next change; returns why there will be none to be sent, empty: look again."""
        beats = round(HEARTBEAT_S / CHECK_S)
        while True:
            for _ in range(beats):
                if self._stopping.is_set():
                    return "stopping"
                if not await self._gate.is_valid(caller):
                    return "signed_out"
                try:
                    async with asyncio.timeout(CHECK_S):
                        await woken.wait()
                    return ""
                except TimeoutError:
                    continue
            await response.write(b": still here\n\n")

    async def _timeline(self, caller: Caller, run_id: str) -> shapes.TimelineShown:
        found = await self._known(caller, run_id)
        run = found.run
        decision = await may_handle(
            self._authoriser, run, person=caller.person, identity=caller.identity, way="http"
        )
        return shapes.TimelineShown(
            run=await self._shown(caller, run),
            title=found.title,
            steps=[
                shapes.StepShown(
                    place=one.place,
                    title=one.title,
                    kind=one.kind,
                    state=one.state,  # type: ignore[arg-type]  # one of the words
                    depth=one.depth,
                    tries=one.tries,
                    at=None if one.at_ms is None else moment(one.at_ms),
                    took_ms=one.took_ms,
                    output=one.output if decision.allowed else "",
                    error=one.error,
                    hint=one.hint,
                )
                for one in found.entries
            ],
            choices=[
                shapes.ChoiceShown(word=one.word, label=one.label, danger=one.is_dangerous)
                for one in found.choices
                if decision.allowed
            ],
            html=await in_thread(to_html, run.message) if run.message else "",
            left_out=found.left_out,
            has_outputs=decision.allowed,
        )

    async def _known(self, caller: Caller, run_id: str) -> Timeline:
        """Return a run that the caller may see; one that they may not is as one that is not there.

        Raises:
            NotFound: they may see no such run.
            Denied: they may see none at all.
        """
        await self._authorise(caller, {"run": run_id})
        missing = NotFound(
            f"there is no run {run_id[:80]!r} that you may see",
            hint="it is shown to whoever started it, to who reads its conversation, and to admins",
        )
        try:
            found = await self._book.timeline(run_id[:400])
        except NotFound as error:
            raise missing from error
        decision = await may_handle(
            self._authoriser, found.run, person=caller.person, identity=caller.identity, way="http"
        )
        if not decision.allowed and not await self._reads_along(caller.person, found.run.conversation):
            raise missing
        return found

    async def _reads_along(self, person: Person, conversation: Conversation) -> bool:
        """Tell whether somebody reads a conversation; the platform is asked once a minute."""
        key, now_s = (person.id, conversation.id), asyncio.get_running_loop().time()
        at_s, known = self._readers.get(key, (-READERS_S, False))
        if now_s - at_s >= READERS_S:
            if len(self._readers) >= MOST_READERS:
                self._readers.clear()
            known = await self._reads(person, conversation)
            self._readers[key] = (now_s, known)
        return known

    async def _authorise(self, caller: Caller, arguments: dict[str, object]) -> None:
        """Ask for what `/runs` asks for.

        Raises:
            Denied: they may not, or their token is for something else.
        """
        decision = await self._authoriser.authorise(
            AccessRequest(
                person=caller.person,
                identity=caller.identity,
                action=f"command:{COMMAND}",
                way="http",
                least_role=LEAST,
                effect="write",
                arguments=arguments,
            )
        )
        if not decision.allowed or not caller.may(f"command:{COMMAND}"):
            raise Denied(decision.reason or "You may not see runs.", hint="`/why` shows which rule said so")

    async def _shown(self, caller: Caller, run: RunOf) -> shapes.RunShown:
        owner = await self._people.person_of(run.identity)
        return shapes.RunShown(
            id=run.id,
            workflow=run.workflow,
            state=run.state,
            step=run.step,
            message=run.message,
            by=owner.name or str(run.identity),
            is_own=is_own(run, caller.person, caller.identity),
            conversation=run.conversation.id,
            started_at=moment(run.started_at_ms),
            finished_at=None if run.finished_at_ms is None else moment(run.finished_at_ms),
        )


async def _send(response: web.StreamResponse, name: str, data: dict[str, str]) -> None:
    await response.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
