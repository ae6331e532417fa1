"""Send digests, and do what people say about them (the `DigestDesk` port)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol
from zoneinfo import ZoneInfo

from quarterdeck.core.digest import Mark, Noted, Sending
from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, Outbox
from quarterdeck.core.reply import Reply
from quarterdeck.core.schedule import Schedules, SourceSpec
from quarterdeck.core.value import dataclass
from quarterdeck.schedule.digests.definition import (
    PATHS,
    Definition,
    quiet_hours,
    quiet_until,
    with_value,
)
from quarterdeck.schedule.digests.fetched import hashed
from quarterdeck.schedule.digests.shelf import Shelf
from quarterdeck.schedule.digests.writer import Writer, named
from quarterdeck.schedule.moments import ms_of
from quarterdeck.schedule.trigger import zone_of
from quarterdeck.schedule.words.say import said

log = logging.getLogger(__name__)

Find = Callable[[str], Awaitable[Conversation | None]]
Direct = Callable[[Identity], Awaitable[Conversation | None]]


class DeskRows(Protocol):
    """Remember marks, readers, and which issues are on their way."""

    async def is_on_its_way(self, key: str) -> bool:
        """Tell whether an issue was handed to the outbox."""

    async def numbered(self, code: str, n: int) -> tuple[str, str, Noted] | None:
        """Return the name, the conversation and the item that a button stands for."""

    async def mark(self, mark: Mark) -> None:
        """Write down what somebody said of an item."""

    async def reader(self, identity: str) -> tuple[str, str]:
        """Return the zone and quiet hours that a reader set."""

    async def set_reader(self, identity: str, *, timezone: str, quiet: str) -> None:
        """Store a reader's zone and quiet hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Name one place that a digest goes to, by whose clock, outside of which hours."""

    place: Conversation
    zone: str
    quiet: str


class Desk:
    """Write and send digests; `find` knows conversations, `direct` the way to one person, `home` is the owner's."""

    def __init__(
        self,
        rows: DeskRows,
        shelf: Shelf,
        writer: Writer,
        schedules: Schedules,
        outbox: Outbox,
        clock: Clock,
        *,
        find: Find,
        direct: Direct,
        home: Conversation,
    ) -> None:
        self._rows, self._shelf, self._writer, self._schedules = rows, shelf, writer, schedules
        self._outbox, self._clock = outbox, clock
        self._find, self._direct, self._home = find, direct, home

    async def plan(self) -> None:
        """Plan all digests that say when; call once at the start."""
        for definition in await self._shelf.all():
            await self._plan(definition)

    async def issue(self, name: str, conversation: Conversation, *, key: str, by: Identity) -> Reply:
        """Return the next issue for a channel; it will be sent under the outbox key `key`.

        Raises:
            NotFound: there is no such digest.
            Denied: it does not go there, and is not `by`'s own.
        """
        definition = await self._for(name, conversation, by)
        reply = await self._writer.write(
            replace(definition, empty="line"), conversation, zone=zone_of(definition.timezone), key=key
        )
        assert reply is not None
        return reply

    async def preview(self, name: str, conversation: Conversation, *, by: Identity) -> Reply:
        """Return what the next issue would be, changing nothing."""
        definition = await self._for(name, conversation, by)
        zone = zone_of(definition.timezone)
        reply = await self._writer.write(replace(definition, empty="line"), conversation, zone=zone)
        assert reply is not None
        return replace(reply, card=replace(reply.card, buttons=()) if reply.card else None)

    async def send(self, name: str, *, key: str, only: str = "") -> Sending:
        """Send an issue to all channels and readers, or `only` to one; the same `key` twice sends once."""
        definition = await self._shelf.get(name)
        sent, waiting, silent = 0, [], 0
        for target in await self._targets(definition, only):
            zone = zone_of(target.zone)
            until = quiet_until(target.quiet, zone, self._clock.now())
            if until is not None:
                await self._wait(definition, target, until.isoformat(), key)
                waiting.append(f"{target.place.id} until {until:%H:%M}")
                continue
            part = f"{key}~{hashed(target.place.id)[:12]}"
            if not await self._rows.is_on_its_way(part):
                reply = await self._writer.write(definition, target.place, zone=zone, key=part)
                if reply is None:
                    silent += 1
                    continue
                await self._outbox.send(target.place, reply, key=part)
            sent += 1
        return Sending(sent=sent, waiting=waiting, without_news=silent)

    async def add_source(
        self, name: str, kind: str, words: Sequence[str], *, conversation: Conversation, by: Identity
    ) -> Reply:
        """Give a digest one more source; a new one goes to `conversation`."""
        target, *rest = words or [""]
        options = dict(word.partition("=")[::2] for word in rest)
        title = options.pop("name", "").replace("_", " ")
        if unknown := [one for one in options if one not in (*PATHS, "credential")]:
            raise UsageError(
                f"a source has no {unknown[0]!r}", hint=f"name=…, credential=…, json: {', '.join(PATHS)}=…"
            )
        credential = options.pop("credential", "")
        spec = SourceSpec(
            kind=kind,
            target=conversation.id if kind == "conversation" and target in ("", "here") else target,
            title=title,
            paths=options,
            credential=credential,
        )
        definition = await self._shelf.find(name) or Definition(
            name=name,
            owner=by,
            to=(conversation.id,),
            timezone=self._schedules.understand("every 1h", "").timezone,
        )
        stored = await self._shelf.store(replace(definition, sources=(*definition.sources, spec)), by=by)
        return Reply(text=f"Added.\n\n{_described(stored)}")

    async def set(
        self, name: str, field: str, text: str, *, conversation: Conversation, by: Identity
    ) -> Reply:
        """Change a digest that was declared in a conversation."""
        definition = await self._shelf.get(name)
        if field == "at":
            at = "" if text == "none" else self._schedules.understand(text, definition.timezone).trigger
            definition = replace(definition, at=at)
        elif field == "to":
            places = tuple(conversation.id if one == "here" else one for one in text.split())
            definition = replace(definition, to=places)
        elif field == "readers":
            readers = tuple(by if one == "me" else _identity(one) for one in text.split() if one != "none")
            definition = replace(definition, readers=readers)
        else:
            definition = with_value(definition, field, text)
        stored = await self._shelf.store(definition, by=by)
        await self._plan(stored)
        return Reply(text=f"Set.\n\n{_described(stored)}")

    async def drop_source(self, name: str, n: int, *, by: Identity) -> Reply:
        """Take the `n`-th source away, from 1."""
        definition = await self._shelf.get(name)
        if not 1 <= n <= len(definition.sources):
            raise NotFound(f"digest {name!r} has no source {n}", hint=f"/digest show {name}")
        sources = tuple(one for at, one in enumerate(definition.sources, start=1) if at != n)
        stored = await self._shelf.store(replace(definition, sources=sources), by=by)
        return Reply(text=f"Taken away.\n\n{_described(stored)}")

    async def remove(self, name: str, *, by: Identity) -> Reply:
        """Delete a digest that was declared in a conversation."""
        await self._shelf.remove(name, by=by)
        return Reply(text=f"Removed the digest `{name}`.")

    async def describe(self, name: str = "") -> Reply:
        """Show one digest, or the list of all."""
        if name:
            return Reply(text=_described(await self._shelf.get(name)))
        found = await self._shelf.all()
        lines = [f"- `{one.name}`: {len(one.sources)} sources, {_when(one)}" for one in found]
        return Reply(text="\n".join(lines) or "No digests yet. Make one: `/digest add NAME feed https://…`")

    async def definitions(self) -> list[Definition]:
        """Return every digest, by name."""
        return await self._shelf.all()

    async def mark(self, code: str, n: int, kind: str, *, conversation: Conversation, by: Identity) -> Reply:
        """Say of item `n` of an issue that it is seen to, shall not come again, or take that back."""
        found = await self._rows.numbered(code, n)
        if found is None or found[1] != conversation.id:
            raise NotFound(
                f"there is no item {n} in issue {code!r} here", hint="press a button of the digest"
            )
        name, place, item = found
        await self._rows.mark(
            Mark(
                name=name,
                conversation_id=place,
                item=item.item,
                kind="" if kind == "unmute" else kind,
                by=str(by),
                title=item.title,
                at_ms=ms_of(self._clock.now()),
            )
        )
        words = {
            "ack": "is done: it is not named again unless it changes",
            "mute": f"does not come again here. `/digest unmute {code} {n}` takes that back",
            "unmute": "comes again when there is news",
        }
        return Reply(text=f"{n}. {item.title}: {words[kind]}.")

    async def set_reader(self, by: Identity, words: Sequence[str]) -> Reply:
        """Set by whose clock, and outside of which hours, somebody gets direct digests."""
        zone, quiet = await self._rows.reader(str(by))
        for word in words:
            if word == "none" or word[:1].isdigit():
                quiet_hours(word)
                quiet = "" if word == "none" else word
            else:
                zone = zone_of(word).key
        if words:
            await self._rows.set_reader(str(by), timezone=zone, quiet=quiet)
            for definition in await self._shelf.all():
                if by in definition.readers:
                    await self._plan(definition)
        return Reply(
            text=f"Your direct digests go by {zone or 'the clock of each digest'}, quiet: {quiet or 'never'}."
        )

    async def _for(self, name: str, conversation: Conversation, by: Identity) -> Definition:
        definition = await self._shelf.get(name)
        if conversation.id not in definition.to and by != definition.owner and by not in definition.readers:
            raise Denied(f"digest {name!r} does not go here", hint=f"its maker: /digest set {name} to here")
        return definition

    async def _targets(self, definition: Definition, only: str) -> list[Target]:
        """Return where an issue goes: to all, to channels, to readers of one zone, or to one place."""
        found = []
        if not only.startswith("zone:"):
            for place_id in definition.to:
                if only in ("", "channels", place_id):
                    found.append(
                        Target(
                            place=await self._place(place_id),
                            zone=definition.timezone,
                            quiet=definition.quiet,
                        )
                    )
        for reader in definition.readers if only != "channels" else ():
            zone, quiet = await self._clock_of(definition, reader)
            if only and only not in (f"zone:{zone}", str(reader)):
                continue
            place = await self._direct(reader)
            if place is None:
                log.warning(
                    "A reader cannot be reached", extra={"digest": definition.name, "reader": str(reader)}
                )
                continue
            found.append(Target(place=place, zone=zone, quiet=quiet))
        if not found:
            raise NotFound(
                f"digest {definition.name!r} goes nowhere", hint=f"/digest set {definition.name} to here"
            )
        return found

    async def _clock_of(self, definition: Definition, reader: Identity) -> tuple[str, str]:
        zone, quiet = await self._rows.reader(str(reader))
        return zone or definition.timezone, quiet or definition.quiet

    async def _place(self, place_id: str) -> Conversation:
        found = await self._find(place_id)
        platform = place_id.partition(":")[0]
        return found or Conversation(id=place_id, platform=platform, kind="group")

    async def _wait(self, definition: Definition, target: Target, until: str, key: str) -> None:
        """Send it to this place when its quiet hours end: a schedule of one moment."""
        await self._schedules.add(
            key=f"quiet:{key}:{target.place.id}",
            trigger=until,
            timezone=target.zone,
            what=f"/digest send {definition.name} {target.place.id}",
            conversation=target.place,
            owner=definition.owner,
        )

    async def _plan(self, definition: Definition) -> None:
        places = []
        if definition.to:
            places.append((await self._place(definition.to[0]), definition.timezone, "channels"))
        zones = {(await self._clock_of(definition, one))[0] for one in definition.readers}
        home = await self._place(definition.to[0]) if definition.to else self._home
        places += [(home, zone, f"zone:{zone}") for zone in sorted(zones)]
        await self._shelf.plan(definition, places)


def _identity(text: str) -> Identity:
    try:
        return Identity.parse(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no account", hint="write slack:T1:U1, or me") from error


def _when(one: Definition) -> str:
    return f"{said(one.at, ZoneInfo(one.timezone))}, {one.timezone}" if one.at else "when it is sent"


def _described(one: Definition) -> str:
    sources = "\n".join(f"{n}. {spec.kind}: {named(spec)}" for n, spec in enumerate(one.sources, start=1))
    to = ", ".join([*one.to, *map(str, one.readers)]) or "nowhere yet"
    fixed = ", from the settings file" if one.is_fixed else ""
    return (
        f"**{one.title or one.name}** (`{one.name}`{fixed}), {_when(one)}\n"
        f"{sources}\nGoes to: {to}\nQuiet: {one.quiet or 'never'}. Without news: {one.empty}. "
        f"Carried over: {one.carry}. At most {one.most} items. Summary: {one.summary}."
    )
