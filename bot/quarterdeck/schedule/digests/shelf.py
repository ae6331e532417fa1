"""Keep the definitions of digests: those of the settings file and those declared in conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import AccessRequest, Authoriser, Clock, People
from quarterdeck.core.schedule import Schedules
from quarterdeck.core.text import did_you_mean
from quarterdeck.schedule.digests.definition import Definition, checked
from quarterdeck.schedule.digests.fetched import hashed
from quarterdeck.schedule.moments import ms_of

MOST_DIGESTS = 200


class DefinitionRows(Protocol):
    """Keep what was declared in conversations."""

    async def define(
        self, name: str, owner: str, body: Mapping[str, object], *, version: int, now_ms: int
    ) -> bool:
        """Store a definition in place of its `version`; False: somebody was faster."""

    async def definitions(self) -> list[tuple[str, str, Mapping[str, Any], int]]:
        """Return name, owner, body and version of all, by name."""

    async def remove(self, name: str) -> bool:
        """Delete a definition; False: there is none."""


class Shelf:
    """Find, store and remove definitions; `fixed` are those of the settings file."""

    def __init__(
        self,
        rows: DefinitionRows,
        schedules: Schedules,
        clock: Clock,
        *,
        people: People,
        authoriser: Authoriser,
        fixed: Sequence[Definition] = (),
    ) -> None:
        self._rows, self._schedules, self._clock = rows, schedules, clock
        self._people, self._authoriser = people, authoriser
        self._fixed = {one.name: one for one in fixed}

    async def all(self) -> list[Definition]:
        """Return every digest, by name."""
        stored = [
            Definition.from_json(name, Identity.parse(owner), body, version=version)
            for name, owner, body, version in await self._rows.definitions()
            if name not in self._fixed
        ]
        return sorted([*self._fixed.values(), *stored], key=lambda one: one.name)

    async def get(self, name: str) -> Definition:
        """Return one.

        Raises:
            NotFound: there is none of this name.
        """
        known = {one.name: one for one in await self.all()}
        if name not in known:
            hint = (
                did_you_mean(name, known)
                or "/digest list shows them; /digest add NAME feed https://… makes one"
            )
            raise NotFound(f"there is no digest {name!r}", hint=hint)
        return known[name]

    async def find(self, name: str) -> Definition | None:
        """Return one, None where there is none of this name."""
        return next((one for one in await self.all() if one.name == name), None)

    async def store(self, definition: Definition, *, by: Identity) -> Definition:
        """Keep a definition that was changed from the version that it has, and plan it.

        Raises:
            UsageError: it cannot work, stands in the settings file, or was changed meanwhile.
            Denied: it is somebody else's.
        """
        await self._refuse_unless_own(definition, by)
        definition = checked(definition)
        if definition.version == 0 and len(await self.all()) >= MOST_DIGESTS:
            raise UsageError(f"there are {MOST_DIGESTS} digests already", hint="remove some first")
        is_stored = await self._rows.define(
            definition.name,
            str(definition.owner),
            definition.json(),
            version=definition.version,
            now_ms=ms_of(self._clock.now()),
        )
        if not is_stored:
            raise UsageError(
                f"digest {definition.name!r} was changed meanwhile", hint=f"/digest show {definition.name}"
            )
        return replace(definition, version=definition.version + 1)

    async def remove(self, name: str, *, by: Identity) -> Definition:
        """Delete a definition and its plan.

        Raises:
            NotFound: there is none.
            UsageError: it stands in the settings file.
            Denied: it is somebody else's.
        """
        definition = await self.get(name)
        await self._refuse_unless_own(definition, by)
        await self._rows.remove(name)
        await self.plan(replace(definition, at=""), ())
        return definition

    async def plan(self, definition: Definition, places: Sequence[tuple[Conversation, str, str]]) -> None:
        """Have it sent at its times: for each (place, zone, whom) one schedule; others of this digest are removed."""
        wanted = {}
        for place, zone, whom in places if definition.at else ():
            what = f"/digest send {definition.name} {whom}".strip()
            key = f"digest:{definition.name}:{hashed(definition.at, zone, what, place.id)[:16]}"
            wanted[what, definition.at, zone] = (key, place)
        for schedule in await self._schedules.all():
            if not _is_planned(schedule.what, definition.name):
                continue
            if wanted.pop((schedule.what, schedule.trigger, schedule.timezone), None) is None:
                await self._schedules.remove(schedule.id)
        for (what, at, zone), (key, place) in wanted.items():
            await self._schedules.add(
                key=f"{key}:{ms_of(self._clock.now())}",
                trigger=at,
                timezone=zone,
                what=what,
                conversation=place,
                owner=definition.owner,
            )

    async def _refuse_unless_own(self, definition: Definition, by: Identity) -> None:
        if definition.is_fixed or definition.name in self._fixed:
            raise UsageError(
                f"digest {definition.name!r} stands in the settings file", hint="change it there: digests:"
            )
        if definition.owner == by:
            return
        decision = await self._authoriser.authorise(
            AccessRequest(
                person=await self._people.person_of(by),
                identity=by,
                action=f"digest:{definition.name}",
                way="message",
                least_role="admin",
                effect="write",
            )
        )
        if not decision.allowed:
            raise Denied(
                f"digest {definition.name!r} is somebody else's", hint="its maker or an admin changes it"
            )


def _is_planned(what: str, name: str) -> bool:
    """Tell what the plan of a digest does from what a person ordered, or waits for the end of quiet hours."""
    before, _, whom = what.partition(f"/digest send {name} ")
    return not before and (whom == "channels" or whom.startswith("zone:"))
