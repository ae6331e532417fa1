"""Play a transcript on one platform, and write down what people saw."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Final, Protocol, TypeVar

from quarterdeck.core.ports import Json
from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.look import Names, described, difference, matches
from quarterdeck.testing.simulator.platform import Fault, SeenForm, SeenMessage, SimulatedPlatform
from quarterdeck.testing.simulator.transcript import Expected, Step, Transcript

T = TypeVar("T")

TYPED: Final = ("slack", "telegram")  # where people type what belongs to a command
QUIET_S: Final = 1.5  # while recording: nothing changed for so long, so all is there
SILENT_S: Final = 6.0  # while recording: nothing came at all


class Bot(Protocol):
    """Be the bot that is talked to."""

    async def start(self) -> None:
        """Start it; returns once it says that it is ready."""

    async def stop(self, *, kill: bool = False) -> None:
        """End it; returns once it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Hold how it went: `difference` is empty when people saw what they should; `steps` are those played, as seen."""

    platform: str
    difference: str
    refused: tuple[str, ...]
    steps: list[dict[str, Json]] = field(default_factory=list)

    @property
    def has_passed(self) -> bool:
        """Tell whether people saw what they should, and the platform had nothing to refuse."""
        return not self.difference and not self.refused


class Different(Exception):
    """Say that people see something else."""


class Player:
    """Play steps one after the other. `is_recording`: nothing is compared, what is seen is written down."""

    def __init__(
        self,
        transcript: Transcript,
        platform: SimulatedPlatform,
        bot: Bot,
        *,
        is_recording: bool = False,
    ) -> None:
        self._transcript, self._platform = transcript, platform
        self._bot, self._is_recording = bot, is_recording
        accounts = {platform.identity(who).rpartition(":")[2]: who for who in transcript.everybody()}
        self._people = {*accounts, *accounts.values()}
        self._names = Names(accounts)
        self._looked: dict[tuple[str, str], dict[str, dict[str, Json]]] = {}
        self._steps: list[dict[str, Json]] = []
        self._acts: Mapping[str, Callable[[Step, str], Awaitable[dict[str, Json]]]] = {
            "say": self._say,
            "command": self._command,
            "press": self._press,
            "submit": self._submit,
            "react": self._react,
            "edit": self._edit,
            "delete": self._delete,
            "complete": self._complete,
            "fault": self._fault,
            "restart": self._restart,
            "stop": self._stop,
            "start": self._start,
            "form": self._form,
            "expect": self._expect,
        }

    async def play(self) -> Played:
        """Play to the end, or to the first difference."""
        found = ""
        for number, step in enumerate(self._transcript.steps, start=1):
            if self._platform.platform not in step.on:
                continue
            who = self._transcript.who(step)
            try:
                self._steps.append(_as_written(step) | await self._acts[step.verb](step, who))
            except (Different, LookupError, ValueError, TimeoutError) as error:
                found = f"step {number} ({step.verb}, {who} in {step.where}):\n{error}"
                break
        return Played(
            platform=self._platform.platform,
            difference=found,
            refused=tuple(self._platform.refusals()),
            steps=self._steps,
        )

    async def _say(self, step: Step, who: str) -> dict[str, Json]:
        thread = self._names.message(step.thread)
        files = [(name, content.encode()) for name, content in step.files.items()]
        message = await self._platform.say(who, step.say or "", where=step.where, thread=thread, files=files)
        if step.name:
            self._names.call(step.name, message)
        return {}

    async def _command(self, step: Step, who: str) -> dict[str, Json]:
        is_typed = self._platform.platform in TYPED and step.typed is not None
        options: Mapping[str, object] | str = (step.typed or "") if is_typed else step.options
        name = step.command or ""
        await self._when_possible(step, lambda: self._platform.command(who, name, options, where=step.where))
        return {}

    async def _press(self, step: Step, who: str) -> dict[str, Json]:
        message, label = self._names.message(step.to), step.press or ""
        await self._when_possible(
            step, lambda: self._platform.press(who, label, where=step.where, message=message)
        )
        return {}

    async def _submit(self, step: Step, who: str) -> dict[str, Json]:
        await self._when_possible(step, lambda: self._platform.submit(who, step.submit or {}))
        return {}

    async def _react(self, step: Step, who: str) -> dict[str, Json]:
        message = self._names.message(step.to)
        await self._platform.react(who, message, step.react or "", where=step.where)
        return {}

    async def _edit(self, step: Step, who: str) -> dict[str, Json]:
        await self._platform.edit(who, self._names.message(step.to), step.edit or "", where=step.where)
        return {}

    async def _delete(self, step: Step, who: str) -> dict[str, Json]:
        await self._platform.delete(who, self._names.message(step.delete or ""), where=step.where)
        return {}

    async def _complete(self, step: Step, who: str) -> dict[str, Json]:
        wanted = step.complete
        assert wanted is not None
        typing = (wanted.command, wanted.option, wanted.typed)
        offered = await self._when_possible(
            step, lambda: self._platform.complete(who, *typing, where=step.where)
        )
        if tuple(offered) != wanted.offers and not self._is_recording:
            raise Different(f"{who} is offered {offered}, not {list(wanted.offers)}")
        return {"complete": {**wanted.model_dump(mode="json"), "offers": offered}}

    async def _fault(self, step: Step, who: str) -> dict[str, Json]:
        if step.fault is not None:
            self._platform.fail(Fault(**step.fault.model_dump()))
        return {}

    async def _restart(self, step: Step, who: str) -> dict[str, Json]:
        await self._bot.stop(kill=step.restart == "kill")
        await self._bot.start()
        return {}

    async def _stop(self, step: Step, who: str) -> dict[str, Json]:
        await self._bot.stop(kill=step.stop == "kill")
        return {}

    async def _start(self, step: Step, who: str) -> dict[str, Json]:
        await self._bot.start()
        return {}

    async def _form(self, step: Step, who: str) -> dict[str, Json]:
        wanted = step.form
        assert wanted is not None

        def is_there(form: SeenForm | None) -> bool:
            return form is not None and (self._is_recording or _shown(form) == wanted.model_dump(mode="json"))

        form = await self._until(step, lambda: self._platform.form(who), is_there)
        if not is_there(form):
            found = "no form" if form is None else _shown(form)
            raise Different(f"{who} sees {found}, not {wanted.model_dump(mode='json')}")
        return {"form": _shown(form) if form else None}

    async def _expect(self, step: Step, who: str) -> dict[str, Json]:
        expected = step.expect or ()

        def is_there(seen: list[SeenMessage]) -> bool:
            return not self._is_recording and matches(expected, seen, self._names)

        fresh = await self._until(step, lambda: self._fresh(step, who), is_there)
        if not self._is_recording and not is_there(fresh):
            raise Different(difference(expected, fresh, self._names, place=self._platform.platform))
        self._remember(step, who, fresh, expected)
        return {"expect": [described(one, self._names) for one in fresh]}

    async def _fresh(self, step: Step, who: str) -> list[SeenMessage]:
        """Return what the bot has written or changed since the last look."""
        known = self._looked.get((who, step.where), {})
        seen = await self._platform.seen(who, where=step.where)
        if step.where == "direct":  # nobody else is there: whether it is private besides is nothing one sees
            seen = [replace(one, to="") for one in seen]
        return [
            one
            for one in seen
            if one.author not in self._people and known.get(one.id) != described(one, self._names)
        ]

    def _remember(
        self, step: Step, who: str, seen: Sequence[SeenMessage], expected: Sequence[Expected]
    ) -> None:
        for one, wanted in zip(seen, expected, strict=False):
            if wanted.name:
                self._names.call(wanted.name, one.id)
        known = self._looked.setdefault((who, step.where), {})
        known.update({one.id: described(one, self._names) for one in seen})

    async def _until(self, step: Step, look: Callable[[], Awaitable[T]], is_there: Callable[[T], bool]) -> T:
        """Return what is seen once it is there, or what is seen when the step's time is over."""
        clock = asyncio.get_running_loop().time
        end_s = clock() + step.timeout_s
        while True:
            count = self._platform.changes.count
            seen = await look()
            if is_there(seen):
                return seen
            left_s = end_s - clock()
            patience_s = min(left_s, QUIET_S if seen else SILENT_S) if self._is_recording else left_s
            if not await self._changed(count, patience_s):
                return await look()

    async def _when_possible(self, step: Step, act: Callable[[], Awaitable[T]]) -> T:
        """Do something as soon as the client lets a person do it.

        Raises:
            LookupError: it does not in the step's time.
        """
        clock = asyncio.get_running_loop().time
        end_s = clock() + step.timeout_s
        while True:
            count = self._platform.changes.count
            try:
                return await act()
            except LookupError:
                if not await self._changed(count, end_s - clock()):
                    raise

    async def _changed(self, count: int, timeout_s: float) -> bool:
        """Wait until something changed since it had changed `count` times; False when nothing did."""
        changes = self._platform.changes
        try:
            await changes.until(
                lambda: changes.count != count, timeout_s=max(timeout_s, 0.0), what="a change"
            )
        except TimeoutError:
            return False
        return True


def _as_written(step: Step) -> dict[str, Json]:
    """Return a step as it stands in its file."""
    written: dict[str, Json] = step.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude_none=True
    )
    return written


def _shown(form: SeenForm) -> dict[str, Json]:
    return {"title": form.title, "inputs": list(form.inputs), "errors": dict(form.errors)}
