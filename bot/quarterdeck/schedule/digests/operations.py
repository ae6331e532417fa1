"""Let the program's verb `digest` do its work inside the process that holds the state."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.core.errors import UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json, Operation, Progress
from quarterdeck.core.reply import Reply
from quarterdeck.schedule.digests.definition import Definition
from quarterdeck.schedule.digests.desk import Desk, Find


class DigestOperations:
    """Show, try out, send and remove digests for the person at the command line, `owner`."""

    def __init__(self, desk: Desk, *, find: Find, owner: Identity, home: Conversation) -> None:
        self._desk, self._find, self._owner, self._home = desk, find, owner, home

    def all(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(name="digest.list", handler=self._list),
            Operation(name="digest.preview", handler=self._preview),
            Operation(name="digest.send", handler=self._send, effect="write"),
            Operation(name="digest.remove", handler=self._remove, effect="destructive"),
        ]

    async def _list(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        return [_shown(one) for one in await self._desk.definitions()]

    async def _preview(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        name, place_id = _text(parameters, "name"), _text(parameters, "conversation")
        known = {one.name: one for one in await self._desk.definitions()}
        if not place_id and name in known and known[name].to:
            place_id = known[name].to[0]
        place = (await self._find(place_id) if place_id else None) or self._home
        reply = await self._desk.preview(name, place, by=self._owner_of(known.get(name)))
        return {"name": name, "conversation": place.id, "text": text_of(reply)}

    async def _send(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        name, only = _text(parameters, "name"), _text(parameters, "conversation")
        sending = await self._desk.send(name, key=f"cli:{_text(parameters, 'key')}", only=only)
        return {
            "name": name,
            "sent": sending.sent,
            "waiting": list(sending.waiting),
            "without_news": sending.without_news,
        }

    async def _remove(self, parameters: Mapping[str, Json], progress: Progress) -> Json:
        name = _text(parameters, "name")
        await self._desk.remove(name, by=self._owner)
        return {"name": name}

    def _owner_of(self, definition: Definition | None) -> Identity:
        """Return in whose name it is read: the operator of the machine sees what its readers would."""
        return definition.owner if definition is not None else self._owner


def text_of(reply: Reply) -> str:
    """Return all of a reply as text."""
    card = reply.card
    return reply.text if card is None else "\n\n".join(one for one in (f"**{card.title}**", card.body) if one)


def _shown(one: Definition) -> Json:
    return {
        "name": one.name,
        "title": one.title,
        "at": one.at,
        "timezone": one.timezone,
        "sources": [f"{spec.kind} {spec.target}" for spec in one.sources],
        "to": [*one.to, *map(str, one.readers)],
        "from_settings": one.is_fixed,
    }


def _text(parameters: Mapping[str, Json], name: str) -> str:
    value = parameters.get(name) or ""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text", hint=f"not {value!r}")
    return value
