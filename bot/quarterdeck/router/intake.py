"""Make of an event what is wanted of a command, with every value checked; or say what is missing or in the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from zoneinfo import ZoneInfo

from quarterdeck.core.adapter import Ability, Adapter
from quarterdeck.core.approval import ORIGIN
from quarterdeck.core.command import Command
from quarterdeck.core.errors import UsageError
from quarterdeck.core.event import Event
from quarterdeck.core.help import help_for
from quarterdeck.core.message import Attachment
from quarterdeck.core.person import Person
from quarterdeck.core.ports import Clock, Commands
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass
from quarterdeck.router.addressing import Wish, wish_of
from quarterdeck.router.command.cooldown import Cooldowns
from quarterdeck.router.command.syntax import Missing, complete, parse, wants_help
from quarterdeck.router.command.values import Reading
from quarterdeck.router.forms.forms import Forms, Screen
from quarterdeck.router.native.parity import unmet

INTERACTIVE = ("message", "native", "button", "form")  # ways on which somebody is there to be asked


Concluded = Callable[[Event, Reply | None], Awaitable[Reply | None]]
"""Be told what an event of our own came to; returns what is to be posted of it. The same one may come twice."""


Started = Callable[[Event], Awaitable[Reply | None]]
"""Start what an event starts by itself, without a command; returns what to say to it. None: it starts nothing."""


async def _nothing(event: Event) -> Reply | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Hold what a wish gives a command: a value for every option, what is wrong with them, or a wish for help."""

    options: Mapping[str, object] | None = None
    problem: UsageError | None = None
    wants_help: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Hold what holds for everybody: whose clock is meant, and how many inputs a form has, by platform."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    form_inputs: Mapping[str, int] = field(default_factory=dict)


class Intake:
    """Read events for the router."""

    def __init__(
        self,
        *,
        commands: Commands,
        forms: Forms,
        cooldowns: Cooldowns,
        clock: Clock,
        adapter: Callable[[str], Adapter],
        house: House | None = None,
        concluded: Concluded | None = None,
        started: Started = _nothing,
    ) -> None:
        self._commands, self._forms, self._cooldowns, self._clock = commands, forms, cooldowns, clock
        self._adapter, self._house = adapter, house or House()
        self._concluded, self._started = concluded, started
        self._screens: dict[str, Screen] = {}
        self._last: tuple[Event, Wish | None] | None = None

    async def concluded(self, event: Event, reply: Reply | None) -> Reply | None:
        """Return what is posted in answer to an event; who raised it may have it otherwise, or nothing."""
        return reply if self._concluded is None or not event.origin else await self._concluded(event, reply)

    async def wish(self, event: Event) -> Wish | Reply | None:
        """Return what the event asks for, what to say to it instead, or None when it asks nothing.

        Raises:
            UserError: it answers a question that is somebody else's, or closed.
        """
        wish = await self._forms.take(event, self._screen(event)) or self.read(event)
        if wish is None or (isinstance(wish, Wish) and (not wish.is_ordered or wish.way == "button")):
            return await self._started(event) or wish
        return wish

    def read(self, event: Event) -> Wish | None:
        """Return what the event asks for by itself; asked again of the same event it is not read again."""
        if self._last is None or self._last[0] is not event:
            self._last = (event, wish_of(event, self._commands))
        return self._last[1]

    def check(self, event: Event, wish: Wish, command: Command | None) -> Checked:
        """Read the options; what is wrong with them is told after the authoriser was asked, and only to who may."""
        if command is None:
            return Checked()
        if wish.options is None and wants_help(command, wish.rest):
            return Checked(wants_help=True)
        reading = Reading(
            now=self._clock.now(),
            zone=self._house.zone,
            identity=event.actor,
            conversation=event.conversation,
            attachments=wish.attachments,
        )
        try:
            if wish.options is not None:
                return Checked(options=complete(command, wish.options, reading))
            return Checked(options=parse(command, wish.rest, reading))
        except UsageError as problem:
            return Checked(problem=problem)

    async def ready(
        self, event: Event, wish: Wish, command: Command, checked: Checked, person: Person
    ) -> Mapping[str, object] | Reply:
        """Return the options when the command may run now, or what to say instead: help, a file kept, a question.

        Raises:
            UsageError: an option is wrong, or the platform lacks what the command needs.
            Busy: it comes too soon.
        """
        if checked.wants_help:
            return help_for(command)
        if wish.attachments and not wish.is_ordered and not wish.rest.strip():
            return kept(wish.attachments)
        screen = self._screen(event)
        if problem := unmet(command, screen.abilities):
            raise UsageError(problem, hint="use it on another platform; /help shows what works here")
        if checked.problem is not None:
            return await self._asked(event, wish, command, checked.problem, screen)
        if not event.origin.startswith(f"{ORIGIN}:"):  # what was approved was counted when it was asked for
            self._cooldowns.start(
                command, person_id=person.id, conversation_id=event.conversation.id, event_key=event.key
            )
        if wish.form is not None:
            await self._forms.end(wish.form, event)
        return checked.options or {}

    async def _asked(
        self, event: Event, wish: Wish, command: Command, problem: UsageError, screen: Screen
    ) -> Reply:
        """Ask for what is missing, where there is somebody to ask; a form that is wrong is shown again."""
        if wish.form is not None and wish.form.is_native and set(problem.wrong) & set(wish.form.asking):
            return await self._forms.refuse(wish.form, command, problem, screen)
        if isinstance(problem, Missing) and wish.is_ordered and wish.way in INTERACTIVE:
            return await self._forms.open(event, wish, command, problem, screen)
        if wish.form is not None:
            return await self._forms.refuse(wish.form, command, problem, screen)
        raise problem

    def _screen(self, event: Event) -> Screen:
        abilities: frozenset[Ability] = self._adapter(event.platform).abilities
        screen = self._screens.get(event.platform)
        if screen is None or screen.abilities is not abilities:
            inputs = self._house.form_inputs.get(event.platform, 0)
            screen = self._screens[event.platform] = Screen(abilities=abilities, form_inputs=inputs)
        return screen


def kept(attachments: Sequence[Attachment]) -> Reply:
    """Return what to say to files that come without a word."""
    names = ", ".join(f"`{one.name}` ({one.size_bytes:,} bytes)" for one in attachments)
    return Reply(
        text=f"I have kept {names}. To have something done with a file, send it together with the command that "
        "takes it: `/help file` finds them. Documents to answer from are added by the bot's operator: "
        "`quarterdeck knowledge add PATH`."
    )
