"""Take interactions: accept first, then answer in Discord's time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from quarterdeck.core.adapter import Accept, PlatformContext
from quarterdeck.core.errors import Busy, QuarterdeckError, ServiceError
from quarterdeck.core.event import Invoked, Pressed, Submitted
from quarterdeck_adapters.discord.interactions import parse, references
from quarterdeck_adapters.discord.interactions.answers import (
    CHOICES,
    DEFERRED_UPDATE,
    EPHEMERAL,
    MESSAGE,
    MODAL,
    PONG,
    Answers,
    Kind,
    Open,
    Response,
)
from quarterdeck_adapters.discord.writing import components
from quarterdeck_adapters.discord.writing.units import cut

COMPLETE_S: Final = 2.5  # of the three seconds that Discord gives
MOST_CHOICES, CHOICE = 25, 100
UMBRELLA: Final = "qd"
TOO_OLD: Final = "This button is too old to be pressed. Please ask again."
NOT_TAKEN: Final = "I could not take that just now. Please try again in a moment."

Data = Mapping[str, Any]
Give = Callable[[Response, Open], Awaitable[None]]
"""Hand the first response to Discord, and tell the interaction what came of it."""

log = logging.getLogger(__name__)


class Interactions:
    """Make events of interactions, and first responses of what the core makes of them."""

    def __init__(self, context: PlatformContext, answers: Answers, give: Give) -> None:
        self._context, self._answers, self._give = context, answers, give
        self._accept: Accept | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, accept: Accept) -> None:
        """Take interactions from now on."""
        self._accept = accept

    async def close(self) -> None:
        """Take none any more; what is being answered is given up."""
        self._accept = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def arrive(self, data: Data) -> None:
        """Take one from the gateway; returns when it is on disk, and answers after that."""
        try:
            response, entry = await self._taken(data)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            log.warning("Interaction not understood", extra={"error": repr(error)})
            return
        if response is not None or entry is not None:
            task = asyncio.get_running_loop().create_task(self._respond(data, response, entry))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def answer(self, data: Data) -> tuple[Response, Open | None]:
        """Take one that came over HTTP; returns what to answer with.

        Raises:
            Exception: it is none of Discord's.
        """
        response, entry = await self._taken(data)
        if response is None:
            response = await self._answers.first(entry) if entry else {"type": DEFERRED_UPDATE}
        return response, entry

    async def _respond(self, data: Data, response: Response | None, entry: Open | None) -> None:
        if response is None:
            assert entry is not None
            response = await self._answers.first(entry)
        target = entry or Open(
            key="",
            id=str(data["id"]),
            token=str(data["token"]),
            application=str(data["application_id"]),
            kind="command",
        )
        try:
            await self._give(response, target)
        except ServiceError as error:
            log.warning("Interaction not answered", extra={"error": error.message})

    async def _taken(self, data: Data) -> tuple[Response | None, Open | None]:
        """Accept an interaction; returns the first response where it is known already, else whom to wait for."""
        match data["type"]:
            case parse.PING:
                return {"type": PONG}, None
            case parse.AUTOCOMPLETE:
                return await self._completed(data), None
            case parse.COMMAND:
                return await self._command(data)
            case parse.COMPONENT:
                return await self._component(data)
            case parse.MODAL:
                return await self._form(data)
            case kind:
                raise ValueError(f"no interaction is of type {kind!r}")

    async def _command(self, data: Data) -> tuple[Response | None, Open | None]:
        sender = parse.sender_of(data)
        event = parse.invoked(
            sender, parse.typed(data, sender.guild, self._context.commands), self._context.clock.now()
        )
        below = event.options.get("command")  # what the umbrella names, where the core has declared one
        name = below if event.command == UMBRELLA and isinstance(below, str) else event.command
        command = self._context.commands.get(name)
        return await self._accepted(
            data,
            event,
            "command",
            is_light=command is None or command.lane == "light",
            is_private=command is not None and "private" in command.needs,
        )

    async def _component(self, data: Data) -> tuple[Response | None, Open | None]:
        custom_id, memory = str(data["data"]["custom_id"]), self._context.memory
        if custom_id.startswith(references.OPENER):
            form = await references.remembered(memory, custom_id)
            return (_note(TOO_OLD) if form is None else {"type": MODAL, "data": form}), None
        if custom_id.startswith(references.CHOICE):
            entries = await references.remembered(memory, custom_id)
            button = components.chosen(entries, str((data["data"].get("values") or [""])[0]))
        else:
            button = await references.read(memory, custom_id)
        if button is None:
            return _note(TOO_OLD), None
        event = parse.pressed(parse.sender_of(data), data, *button, self._context.clock.now())
        word = button[1].strip().removeprefix("/").partition(" ")[0]
        command = self._context.commands.get(word) if word else None
        is_light = command is None or command.lane == "light"
        return await self._accepted(data, event, "press", is_light=is_light)

    async def _form(self, data: Data) -> tuple[Response | None, Open | None]:
        form = await references.read(self._context.memory, str(data["data"]["custom_id"]))
        if form is None:
            return _note(TOO_OLD), None
        event = parse.submitted(parse.sender_of(data), data, form[0], self._context.clock.now())
        return await self._accepted(data, event, "form", is_light=True)

    async def _accepted(
        self,
        data: Data,
        event: Invoked | Pressed | Submitted,
        kind: Kind,
        *,
        is_light: bool,
        is_private: bool = False,
    ) -> tuple[Response | None, Open | None]:
        if self._accept is None:
            return _note(NOT_TAKEN), None
        entry = self._answers.begin(event.key, data, kind, is_light=is_light, is_private=is_private)
        if entry is None:  # it came twice, and the first one is being answered
            return None, None
        try:
            await self._accept(event)
        except Busy as error:
            self._answers.drop(entry)
            return _note(f"{error.message[:1].upper()}{error.message[1:]}: {error.hint}."), None
        except ServiceError as error:
            self._answers.drop(entry)
            log.error("Interaction not stored", extra={"error": error.message})
            return _note(NOT_TAKEN), None
        return None, entry

    async def _completed(self, data: Data) -> Response:
        """Return what may stand in for what was typed so far; nothing where that takes too long."""
        sender = parse.sender_of(data)
        command = parse.typed(data, sender.guild, self._context.commands)
        offered: list[str] = []
        if command.focused is not None:
            try:
                async with asyncio.timeout(COMPLETE_S):
                    offered = await self._context.complete(
                        sender.common(self._context.clock.now())["actor"],
                        sender.conversation,
                        command.name,
                        *command.focused,
                    )
            except (TimeoutError, QuarterdeckError) as error:
                log.info("Nothing offered", extra={"command": command.name, "error": repr(error)})
        fitting = [one for one in offered if 0 < len(one) <= CHOICE][:MOST_CHOICES]
        return {
            "type": CHOICES,
            "data": {"choices": [{"name": cut(one, CHOICE), "value": one} for one in fitting]},
        }


def _note(text: str) -> Response:
    """Return a word that only the person sees."""
    return {
        "type": MESSAGE,
        "data": {"content": text, "flags": EPHEMERAL, "allowed_mentions": {"parse": []}},
    }
