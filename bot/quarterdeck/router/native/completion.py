"""Complete what somebody types into a native command: only commands that they may run, and in bounded time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from quarterdeck.core.access import may
from quarterdeck.core.command import Command, Option
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Authoriser, Commands, People
from quarterdeck.router.addressing import UMBRELLA_COMMAND
from quarterdeck.router.command.catalogue import UMBRELLA

MOST = 25  # Discord application commands page, 2026-11-21: at most 25 choices, of 1-100 characters
LONGEST = 100
MOST_READ = 1_000  # values of a command's own function
LIMIT_S = 1.5  # platforms wait for about 3 s
_MOMENTS = ("now", "in 20 minutes", "in 1h", "today 18:00", "tomorrow 9:00", "monday 9:00")
_DURATIONS = ("5m", "15m", "30m", "1h", "4h", "1d", "1w")

log = logging.getLogger(__name__)


class Completion:
    """Offer values (the `Complete` callable); never raises."""

    def __init__(
        self, commands: Commands, people: People, authoriser: Authoriser, *, limit_s: float = LIMIT_S
    ) -> None:
        self._commands, self._people, self._authoriser, self._limit_s = commands, people, authoriser, limit_s

    async def __call__(
        self, identity: Identity, conversation: Conversation, command: str, option: str, typed: str
    ) -> list[str]:
        """Return at most 25 values, the likeliest first; none for a command that this person may not run."""
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._values(identity, conversation, command, option, typed[:LONGEST])
        except TimeoutError:
            log.info("Completion took too long", extra={"command": command[:60]})
        except Exception:  # a command's own function may be anybody's
            log.exception("Completion failed", extra={"command": command[:60]})
        return []

    async def _values(
        self, identity: Identity, conversation: Conversation, name: str, option_name: str, typed: str
    ) -> list[str]:
        person = await self._people.person_of(identity)
        if name.lower() == UMBRELLA:
            return await self._names(person, identity, conversation, option_name, typed)
        command = self._commands.get(name)
        option = _option(command, option_name)
        if command is None or option is None or not await self._may(command, person, identity, conversation):
            return []
        if option.complete is not None:
            found = (await option.complete(typed))[:MOST_READ]
            return _bounded([*ranked(typed, found), *found])
        return _bounded(ranked(typed, _fixed(option)))

    async def _names(
        self, person: Person, identity: Identity, conversation: Conversation, option: str, typed: str
    ) -> list[str]:
        if option != UMBRELLA_COMMAND:
            return []
        names = ranked(typed.removeprefix("/"), [command.name for command in self._commands.all()])
        permitted = []
        for name in names:
            command = self._commands.get(name)
            if command is not None and await self._may(command, person, identity, conversation):
                permitted.append(name)
        return _bounded(permitted)

    async def _may(
        self, command: Command, person: Person, identity: Identity, conversation: Conversation
    ) -> bool:
        return await may(
            self._authoriser,
            command,
            person=person,
            identity=identity,
            conversation=conversation,
            way="native",
        )


def ranked(typed: str, values: Iterable[str]) -> list[str]:
    """Return the values that fit what was typed: those that begin with it, that have a word which does, that hold it,
    that have its letters in order.
    """
    wanted = typed.strip().lower()
    places = [(_place(wanted, value.lower()), value) for value in values]
    return [value for place, value in sorted(places, key=lambda one: one[0]) if place < _NOWHERE]


_NOWHERE = 4


def _place(wanted: str, value: str) -> int:
    words = value.replace("-", " ").replace("_", " ").split()
    letters = iter(value)
    fits = (
        value.startswith(wanted),
        any(word.startswith(wanted) for word in words),
        wanted in value,
        all(letter in letters for letter in wanted),
    )
    return next((place for place, fit in enumerate(fits) if fit), _NOWHERE)


def _fixed(option: Option) -> tuple[str, ...]:
    kinds = {"boolean": ("yes", "no"), "datetime": _MOMENTS, "duration": _DURATIONS}
    return option.choices or kinds.get(option.kind, ())


def _bounded(values: Iterable[str]) -> list[str]:
    """Return each value once, as many and as long as platforms take."""
    sound = [value for value in values if 0 < len(value) <= LONGEST]
    return list(dict.fromkeys(sound))[:MOST]


def _option(command: Command | None, name: str) -> Option | None:
    options = command.options if command else ()
    return next((option for option in options if option.name == name), None)
