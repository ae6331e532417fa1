"""Show how runs do: in the index, and in one message for each run that is changed as it goes on.

What is written here decides nothing: the durable journal does. So it is written together, a few times a second at the
most, and a crash loses nothing but the last glance.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import field, replace
from typing import Protocol

from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock, Outbox
from quarterdeck.core.reply import Button, Card, Reply
from quarterdeck.core.run import OVER, RunOf
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.observability import metrics
from quarterdeck_workflows.engine.titles import open_title
from quarterdeck_workflows.language.spec import Do, SetValues, Step, Workflow

NOTE_EVERY_S = 0.25
SHOW_EVERY_S = 1.5
REMEMBERED = 200  # runs that have just ended: the index may be a moment behind
NEEDS_PEOPLE = ("failed", "unknown")
ASKS = "?"  # among the states of steps: no step can be called so
SHOWN_AT_MOST = 20  # steps in a message; a phone shows no more
MARKS = {
    "succeeded": "✅",
    "failed": "❌",
    "skipped": "⏭",
    "running": "▶️",
    "waiting": "⏳",
    "unknown": "❓",
    "": "▫️",
}
ENDS = {
    "succeeded": "Done",
    "failed": "Failed",
    "cancelled": "Stopped",
    "waiting": "Waiting",
    "unknown": "Waiting for your decision",
    "running": "Running",
}

log = logging.getLogger(__name__)


PageOf = Callable[[str], str]
"""Return the address of the page that shows a run, empty where people elsewhere can reach none."""


def nowhere(run_id: str) -> str:
    """Know no address."""
    return ""


class Notes(Protocol):
    """Write down how a run does."""

    def note(self, run_id: str, changes: Mapping[str, object]) -> asyncio.Future[None]: ...


@dataclass(slots=True)
class Seen:
    """Hold what is known here of a run; `drawn` is what its message says."""

    run: RunOf
    workflow: Workflow | None = None
    written: RunOf | None = None
    is_due: bool = False
    drawn: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Board:
    """Hold the runs that are under way in this process."""

    def __init__(
        self,
        notes: Notes,
        outbox: Outbox,
        clock: Clock,
        can_edit: Callable[[Conversation], bool] = lambda _where: True,
        page_of: PageOf = nowhere,
    ) -> None:
        self._notes, self._outbox, self._clock, self._can_edit = notes, outbox, clock, can_edit
        self._page_of = page_of
        self._seen: dict[str, Seen] = {}
        self._over: OrderedDict[str, RunOf] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: dict[str, set[Callable[[], None]]] = {}
        self.listeners: list[Callable[[RunOf], None]] = []

    def put(self, run: RunOf, workflow: Workflow | None) -> None:
        """Watch a run from here on."""
        self._over.pop(run.id, None)
        if run.id not in self._seen:
            self._seen[run.id] = Seen(run, workflow)

    def forget(self, run_id: str) -> None:
        """Watch a run no more: it was over before."""
        self._seen.pop(run_id, None)

    def knows(self, run_id: str) -> bool:
        """Tell whether a run is watched."""
        return run_id in self._seen

    def run(self, run_id: str) -> RunOf | None:
        """Return what is known of a run that is under way here, or has just ended."""
        seen = self._seen.get(run_id)
        return seen.run if seen else self._over.get(run_id)

    def watch(self, run_id: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` a few times a second at the most while the run does something; returns what ends that."""
        watching = self._watching.setdefault(run_id, set())
        watching.add(wake)

        def end() -> None:
            watching.discard(wake)
            if not watching and self._watching.get(run_id) is watching:
                del self._watching[run_id]

        return end

    def at(self, run_id: str, place: str, step: Step, state: str, message: str = "") -> None:
        """Note that a run is at a step; those before it among the outermost ones are over."""
        seen = self._seen.get(run_id)
        if seen is None or seen.run.state in OVER:
            return
        states = {name: one for name, one in seen.run.states.items() if name != ASKS}
        if seen.workflow is not None and place.partition(".")[0].isdecimal():
            number = int(place.partition(".")[0].partition(":")[0])
            for before in seen.workflow.steps[:number]:
                if before.id not in states and before.when and not isinstance(before, SetValues):
                    states[before.id] = "skipped"  # whatever does something says that it begins
                elif states.get(before.id, "running") in ("running", "waiting", "unknown"):
                    states[before.id] = "succeeded"
            if number < len(seen.workflow.steps):
                states[seen.workflow.steps[number].id] = state
        known = state if state in ("waiting", "unknown") else "running"
        seen.run = replace(
            seen.run,
            state=known,  # type: ignore[arg-type]  # one of the words
            step=called(self._as_shown(seen, step)),
            message=message,
            states=states,
        )
        self._later(seen)

    @staticmethod
    def _as_shown(seen: Seen, step: Step) -> Step:
        steps = seen.workflow.steps if seen.workflow is not None else ()
        return next((one for one in steps if one.id == step.id), step)

    def ask(self, run_id: str, plan: str) -> None:
        """Show what a run would do, and that it waits for a yes."""
        seen = self._seen.get(run_id)
        if seen is not None and seen.run.state not in OVER:
            seen.run = replace(
                seen.run, state="waiting", message=plan, states={**seen.run.states, ASKS: "confirm"}
            )
            self._write(seen)
            self._spawn(self._show(seen))

    def say(self, run_id: str, sentence: str) -> None:
        """Note how far a long action is."""
        seen = self._seen.get(run_id)
        if seen is not None and seen.run.state not in OVER:
            seen.run = replace(seen.run, message=sentence[:300])
            self._later(seen)

    def end(self, run: RunOf, workflow: Workflow | None = None) -> None:
        """Note that a run is over; its last word is shown."""
        seen = self._seen.pop(run.id, None) or Seen(run, workflow)
        seen.run = self._over[run.id] = run
        if len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
        metrics.WORKFLOW_RUNS.add(workflow=run.workflow, state=run.state)
        self._write(seen)
        self._spawn(self._show(seen))
        for listener in self.listeners:
            listener(run)

    def _later(self, seen: Seen) -> None:
        if not seen.is_due:
            seen.is_due = True
            self._spawn(self._serve(seen))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Wait until everything is shown; for tests and for the end of the process."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop showing."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, seen: Seen) -> None:
        await self._clock.sleep(NOTE_EVERY_S)
        self._write(seen)
        await self._clock.sleep(SHOW_EVERY_S - NOTE_EVERY_S)
        seen.is_due = False
        if seen.run.state not in OVER:
            self._write(seen)
            await self._show(seen)

    def _write(self, seen: Seen) -> None:
        run = seen.run
        for wake in tuple(self._watching.get(run.id, ())):
            wake()
        if run == seen.written:
            return
        seen.written = run
        changes: dict[str, object] = {
            "state": run.state,
            "step": run.step,
            "message": run.message,
            "states": run.states,
        }
        if run.state in OVER:
            changes["finished_at_ms"] = run.finished_at_ms
        try:
            done = self._notes.note(run.id, changes)
        except QuarterdeckError as error:
            log.warning("Run not noted", extra={"run": run.id, "error": error.message})
        else:
            done.add_done_callback(lambda one: None if one.cancelled() else one.exception())

    async def _show(self, seen: Seen) -> None:
        """Change the message of a run; where it has none it gets one."""
        run = seen.run
        if not run.shown_as and run.state in NEEDS_PEOPLE:  # a run that speaks for itself, but not any more
            return await self._first(seen)
        if not run.shown_as or (run.state == "running" and not self._can_edit(run.conversation)):
            return None  # what cannot be changed is not repeated for every step
        async with seen.lock:
            reply = shown(run, seen.workflow, self._page_of(run.id))
            if reply.text == seen.drawn:
                return None
            seen.drawn = reply.text
            key = f"{run.shown_as}~{run.durable_id.rpartition('~')[2][-4:]}.{self._clock.now_ms()}"
            try:
                await self._outbox.edit(run.conversation, reply, replaces=run.shown_as, key=key)
            except QuarterdeckError as error:
                log.warning("Run not shown", extra={"run": run.id, "error": error.message})

    async def _first(self, seen: Seen) -> None:
        """Post the message of a run that had none."""
        run = seen.run = replace(seen.run, shown_as=f"run:{seen.run.id}")
        reply = shown(run, seen.workflow, self._page_of(run.id))
        seen.drawn = reply.text
        try:
            await self._outbox.send(run.conversation, reply, key=run.shown_as)
            self._notes.note(run.id, {"shown_as": run.shown_as})
        except QuarterdeckError as error:
            log.warning("Run not shown", extra={"run": run.id, "error": error.message})


def shown(run: RunOf, workflow: Workflow | None, page: str = "") -> Reply:
    """Return the message of a run: what it is, how it does, its steps, and what can be done about it.

    `page` is the address where all of it can be read, empty where there is none that people can reach.
    """
    title = workflow.title if workflow is not None and workflow.title else run.workflow
    link = f" · [Timeline]({page})" if page else ""
    lines = [f"**{title}** · {ENDS[run.state]} · `{short(run.id)}`{link}"]
    if workflow is not None:
        lines.append("\n".join(_steps(workflow.steps, run)))
    if run.message:
        lines.append(run.message)
    buttons = _buttons(run)
    card = Card(buttons=buttons) if buttons else None
    status = "error" if run.state == "failed" else "pending" if run.state not in OVER else "answered"
    return Reply(text="\n\n".join(lines), card=card, run_id=run.id, status=status)  # type: ignore[arg-type]  # words


def called(step: Step) -> str:
    """Return what people call a step: its title, its id, or what it does where the file gives neither."""
    if step.title or not step.id.startswith("step_"):
        return open_title(step.title) or step.id
    return step.action if isinstance(step, Do) else step.kind.replace("_", " ")


def short(run_id: str) -> str:
    """Return as much of an id as people need."""
    return run_id.partition("/")[0][:60]


def _steps(steps: Sequence[Step], run: RunOf) -> list[str]:
    lines = [
        f"{MARKS.get(str(run.states.get(step.id, '')), '▫️')} {called(step)}" for step in steps[:SHOWN_AT_MOST]
    ]
    if len(steps) > SHOWN_AT_MOST:
        lines.append(f"… and {len(steps) - SHOWN_AT_MOST} more")
    return [f"- {line}" for line in lines]


def _buttons(run: RunOf) -> tuple[Button, ...]:
    """Offer what can be done now."""
    name = short(run.id)
    return tuple(
        Button(
            id=word if word != "resume" else "retry", label=label, value=f"/runs {name} {word}", danger=danger
        )
        for word, label, danger in choices(run)
    )


def choices(run: RunOf) -> tuple[tuple[str, str, bool], ...]:
    """Return what can be done about a run now: the word, what people read, and whether it is dangerous."""
    match run.state:
        case "failed":
            return (("resume", "Retry", False),)
        case "unknown":
            return (
                ("retry", "Do it again", False),
                ("skip", "It was done", False),
                ("fail", "Fail the run", True),
            )
        case "waiting" if ASKS in run.states:
            return (("confirm", "Run it", True), ("cancel", "Cancel", False))
        case "running" | "waiting":
            return (("cancel", "Stop", True),)
        case _:
            return ()
