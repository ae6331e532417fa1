"""Answer an interaction where Discord still takes an answer: at once, into what was deferred, or behind it.

Discord waits 3 s for the first response and takes follow-ups for 15 min. What we still can do is known by the key of
the event; a deferred one is on disk, so that a restart can answer it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, Literal

from quarterdeck.core.adapter import Memory
from quarterdeck.core.errors import Unavailable
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass

# docs.discord.com/developers/interactions/receiving-and-responding, "Interaction callback type", 2026-11-21
PONG, MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9
EPHEMERAL: Final = 1 << 6
LIGHT_WAIT_S: Final = 1.0
FOLLOW_UP_S: Final = 14 * 60.0  # a minute less than Discord's
DELIVERED_S: Final = 10.0

Kind = Literal["command", "press", "form"]
Response = Mapping[str, Any]

LATE: Final[Response] = {}  # no response: none came in time

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Open:
    """Hold one interaction. `original` is the key of the outbox row that took the first answer's place.

    `first` is what we answer first: a message or a form if that is ready in time, else that it is to come.
    """

    key: str
    id: str
    token: str
    application: str
    kind: Kind
    is_private: bool = False
    opened_s: float = 0.0
    first: asyncio.Future[Response] | None = None
    told: asyncio.Future[str] | None = None
    has_message: bool = False  # a first message stands there: an answer, or the sign that one is to come
    original: str = ""
    tried: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        """Return where follow-ups go."""
        return f"/webhooks/{self.application}/{self.token}"


class Answers:
    """Know every interaction that can still be answered."""

    def __init__(self, memory: Memory, clock: Clock, *, light_wait_s: float = LIGHT_WAIT_S) -> None:
        self._memory, self._clock, self._light_wait_s = memory, clock, light_wait_s
        self._open: dict[str, Open] = {}

    def begin(
        self, key: str, data: Mapping[str, Any], kind: Kind, *, is_light: bool, is_private: bool = False
    ) -> Open | None:
        """Take an interaction, before its event is accepted: the answer may come at once. None: it is known."""
        self._sweep()
        if key in self._open:
            return None
        loop = asyncio.get_running_loop()
        entry = Open(
            key=key,
            id=str(data["id"]),
            token=str(data["token"]),
            application=str(data["application_id"]),
            kind=kind,
            is_private=is_private,
            opened_s=self._clock.monotonic(),
            first=loop.create_future() if is_light else None,
            told=loop.create_future(),
        )
        self._open[key] = entry
        return entry

    def drop(self, entry: Open) -> None:
        """Forget an interaction: it came before, or nobody takes an answer any more."""
        self._open.pop(entry.key, None)
        if entry.told is not None and not entry.told.done():
            entry.told.set_result("")

    async def first(self, entry: Open) -> Response:
        """Return what to respond: the answer of a light command if it comes in time, else that it is to come."""
        if entry.first is not None:
            timer = entry.first.get_loop().call_later(self._light_wait_s, _give_up, entry.first)
            try:
                response = await entry.first
            finally:
                timer.cancel()
            if response is not LATE:
                return response
            entry.first = None
        await self._keep(entry)
        if entry.kind == "press":
            return {"type": DEFERRED_UPDATE}
        entry.has_message = True
        return {"type": DEFERRED, "data": {"flags": EPHEMERAL}} if entry.is_private else {"type": DEFERRED}

    def told(self, entry: Open, message_id: str) -> None:
        """Say that the first response has reached Discord, with the id of its message where there is one."""
        if entry.told is not None and not entry.told.done():
            entry.told.set_result(message_id or f"@{entry.id}")

    async def respond(self, entry: Open, row: str, response: Response, *, is_private: bool) -> str | None:
        """Give the first response; returns its message's id, None where it is too late for that."""
        future = entry.first
        if future is None or future.done() or entry.told is None:
            return None
        entry.original, entry.has_message = row, response["type"] in (MESSAGE, DEFERRED)
        entry.is_private = is_private
        if is_private:  # the history does not show it, so only the token can tell after a crash
            await self._keep(entry)
        if future.done() or entry.first is None:  # the time passed while it was written down
            entry.original = ""
            return None
        future.set_result(response)
        return await self._told(entry) or None

    async def find(self, key: str, *, is_ours: bool) -> Open | None:
        """Return the interaction behind a key while follow-ups are taken.

        `is_ours`: the event came to this process, so there is nothing to read from before a restart.
        """
        entry = self._open.get(key)
        if entry is None:
            written = None if is_ours else await self._memory.get(f"open:{key}")
            if not isinstance(written, Mapping):
                return None
            entry = self._open[key] = _read(key, written)
            age_s = (self._clock.now_ms() - int(str(written["at_ms"]))) / 1000
            entry.opened_s = self._clock.monotonic() - age_s
        if self._clock.monotonic() - entry.opened_s >= FOLLOW_UP_S:
            return None
        return entry

    async def waited(self, entry: Open) -> None:
        """Return when the first response is with Discord: nothing may follow it before.

        Raises:
            Unavailable: it is not there yet.
        """
        await self._told(entry)

    def is_open(self, entry: Open) -> bool:
        """Tell whether Discord still takes answers to it."""
        return self._open.get(entry.key) is entry

    async def take_original(self, entry: Open, row: str) -> bool:
        """Let an outbox row have the place of the first message; False where another one has it."""
        if not entry.has_message or entry.original not in ("", row):
            return False
        if not entry.original:
            entry.original = row
            await self._keep(entry)
        return True

    def by_id(self, interaction: str) -> Open | None:
        """Return the interaction with this id."""
        return next((one for one in self._open.values() if one.id == interaction), None)

    async def _told(self, entry: Open) -> str:
        if entry.told is None:
            return ""
        try:
            async with asyncio.timeout(DELIVERED_S):
                return await asyncio.shield(entry.told)
        except TimeoutError:
            raise Unavailable("Discord has not taken the first response yet", service="discord") from None

    async def _keep(self, entry: Open) -> None:
        has_message = entry.has_message or entry.kind != "press"
        left_s = FOLLOW_UP_S - (self._clock.monotonic() - entry.opened_s)
        await self._memory.put(
            f"open:{entry.key}",
            {
                "id": entry.id,
                "token": entry.token,
                "application": entry.application,
                "kind": entry.kind,
                "is_private": entry.is_private,
                "has_message": has_message,
                "original": entry.original,
                "at_ms": self._clock.now_ms() - round((self._clock.monotonic() - entry.opened_s) * 1000),
            },
            keep_s=max(1.0, left_s),
        )

    def _sweep(self) -> None:
        """Forget what Discord takes no answers to; the oldest come first."""
        oldest_s = self._clock.monotonic() - FOLLOW_UP_S
        while self._open and (key := next(iter(self._open))) and self._open[key].opened_s < oldest_s:
            self._open.pop(key)


def _give_up(first: asyncio.Future[Response]) -> None:
    if not first.done():
        first.set_result(LATE)


def _read(key: str, written: Mapping[str, Any]) -> Open:
    kind: Kind = "press" if written["kind"] == "press" else "form" if written["kind"] == "form" else "command"
    return Open(
        key=key,
        id=str(written["id"]),
        token=str(written["token"]),
        application=str(written["application"]),
        kind=kind,
        is_private=bool(written["is_private"]),
        has_message=bool(written["has_message"]),
        original=str(written["original"]),
    )
