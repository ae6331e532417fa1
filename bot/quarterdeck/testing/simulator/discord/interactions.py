"""Keep interactions: 3 seconds for the first response, 15 minutes for the token (docs "Interactions", 2026-11-21)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.discord.components import check_form
from quarterdeck.testing.simulator.discord.content import Body, apply, read_content
from quarterdeck.testing.simulator.discord.events import Events
from quarterdeck.testing.simulator.discord.refusal import Form, Refused, unknown
from quarterdeck.testing.simulator.discord.world import (
    BOT,
    EPHEMERAL,
    LOADING,
    Channel,
    Message,
    World,
)

PING, COMMAND, COMPONENT, COMPLETE, SUBMIT = 1, 2, 3, 4, 5
PONG, REPLY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9
MAY_ANSWER: Final = {
    COMMAND: (REPLY, DEFER, MODAL),
    COMPONENT: (REPLY, DEFER, DEFER_UPDATE, UPDATE, MODAL),
    COMPLETE: (CHOICES,),
    SUBMIT: (REPLY, DEFER, DEFER_UPDATE, UPDATE),
}
ANSWER_WITHIN_S: Final = 3.0
TOKEN_S: Final = 900.0


@dataclass
class Interaction:
    """Be one interaction; `original` is the message that it led to, `message` the one that it came from."""

    id: int
    token: str
    type: int
    handle: str
    channel: Channel
    at: float
    data: dict[str, Any]
    name: str = ""
    message: Message | None = None
    original: Message | None = None
    answer: int = 0
    is_late: bool = False
    choices: list[dict[str, Any]] | None = None
    form: dict[str, Any] | None = None
    watch: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Say whether the first response came, or can come no more."""
        return bool(self.answer) or self.is_late


class Interactions:
    """Take responses. `forms` are the modals that are open, by who sees them."""

    def __init__(
        self, world: World, events: Events, cdn: Callable[[], str], changed: Callable[[], None]
    ) -> None:
        self._world, self._events, self._cdn, self._changed = world, events, cdn, changed
        self._known: dict[str, Interaction] = {}
        self.forms: dict[str, Interaction] = {}

    def new(
        self,
        kind: int,
        handle: str,
        channel: Channel,
        data: dict[str, Any],
        *,
        name: str = "",
        on: Message | None = None,
    ) -> Interaction:
        """Begin an interaction; its time runs from now on."""
        number = self._world.snowflake()
        token = f"{number}-{secrets.token_urlsafe(24)}"
        now = self._world.clock.monotonic()
        one = Interaction(number, token, kind, handle, channel, now, data, name=name, message=on)
        self._known[token] = one
        one.watch = asyncio.get_running_loop().create_task(self._expire(one))
        return one

    async def _expire(self, one: Interaction) -> None:
        await self._world.clock.sleep(ANSWER_WITHIN_S)
        self.give_up(one)

    def give_up(self, one: Interaction) -> None:
        """Tell the person that nothing came of it, unless something did."""
        if one.is_over:
            return
        one.is_late = True
        if one.type != COMPLETE:
            words = {COMMAND: "The application did not respond", COMPONENT: "This interaction failed"}
            note = Message(self._world.snowflake(), one.channel, "discord", self._world.clock.now_ms())
            note.content, note.to = words.get(one.type, "Something went wrong. Try again."), one.handle
            self._world.keep(note)
        self._changed()

    async def close(self) -> None:
        """End every clock that runs."""
        tasks = [one.watch for one in self._known.values() if one.watch is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def by_token(self, token: str) -> Interaction:
        """Return the interaction of a token that still counts.

        Raises:
            Refused: there is none, or its time is over.
        """
        one = self._known.get(token)
        if one is None or one.is_late or not one.answer:
            raise unknown(10015, "Webhook")
        if self._world.clock.monotonic() - one.at > TOKEN_S:
            raise Refused(401, 50027, "Invalid Webhook Token")
        return one

    async def respond(self, number: int, token: str, body: Body) -> Interaction:
        """Take the first response.

        Raises:
            Refused: too late, for the second time, or not in a way that this interaction has.
        """
        one = self._known.get(token)
        if one is None or one.id != number or one.is_late:
            raise unknown(10062, "interaction")
        if one.answer:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        kind, data = body.json.get("type"), body.json.get("data") or {}
        form = Form()
        form.choice("type", kind, MAY_ANSWER[one.type])
        form.check()
        await self._answer(one, int(str(kind)), Body(data, body.uploads))
        one.answer = int(str(kind))
        self._changed()
        return one

    async def _answer(self, one: Interaction, kind: int, body: Body) -> None:
        if kind == REPLY:
            one.original = await self.post(one, body)
        elif kind == DEFER:
            one.original = await self._wait(one, body)
        elif kind == UPDATE:
            await self.change(self._source(one), body)
            one.original = one.message
        elif kind == DEFER_UPDATE:
            one.original = self._source(one)
        elif kind == CHOICES:
            one.choices = check_choices(body.json.get("choices"))
        elif kind == MODAL:
            form = Form()
            check_form(form, body.json)
            form.check()
            one.form = body.json
            self.forms[one.handle] = one

    def _source(self, one: Interaction) -> Message:
        if one.message is None:
            raise Refused(400, 50035, "Invalid Form Body")
        return one.message

    async def _wait(self, one: Interaction, body: Body) -> Message:
        form = Form()
        flags = body.json.get("flags") or 0
        if flags & ~EPHEMERAL:
            form.wrong(
                "data.flags", "INTERACTION_RESPONSE_FLAGS_INVALID", "Only the EPHEMERAL flag can be set"
            )
        form.check()
        message = self._message(one, flags | LOADING)
        return await self._publish(message)

    async def post(self, one: Interaction, body: Body) -> Message:
        """Post a response or a follow-up."""
        content = read_content(self._world, body, is_new=True)
        message = self._message(one, content.flags)
        apply(self._world, message, content, self._cdn(), is_new=True)
        return await self._publish(message)

    async def follow_up(self, one: Interaction, body: Body) -> Message:
        """Post a follow-up; the first one after a deferred response takes its place."""
        if one.original is not None and one.original.flags & LOADING:
            read_content(self._world, body, is_new=True)
            return await self.change(one.original, body)
        return await self.post(one, body)

    async def change(self, message: Message, body: Body) -> Message:
        """Change a message; what was deferred becomes what it was to be."""
        is_first = bool(message.flags & LOADING)
        content = read_content(self._world, body, is_new=False)
        apply(self._world, message, content, self._cdn(), is_new=is_first)
        if is_first:
            message.flags = message.flags & ~LOADING | (EPHEMERAL if message.to else 0)
        else:
            message.edits += 1
            message.edited_ms = self._world.clock.now_ms()
        await self._events.message("MESSAGE_UPDATE", message)
        self._changed()
        return message

    async def remove(self, message: Message) -> None:
        """Take a message away."""
        message.is_deleted = True
        await self._events.message("MESSAGE_DELETE", message)
        self._changed()

    def message_of(self, one: Interaction, name: str) -> Message:
        """Return the message that a path names: @original, or one of the follow-ups.

        Raises:
            Refused: it is not there.
        """
        message = (
            one.original
            if name == "@original"
            else self._world.messages.get(int(name) if name.isdecimal() else 0)
        )
        if (
            message is None
            or message.is_deleted
            or message.channel is not one.channel
            or message.author != BOT
        ):
            raise unknown(10008, "Message")
        return message

    def _message(self, one: Interaction, flags: int) -> Message:
        message = Message(self._world.snowflake(), one.channel, BOT, self._world.clock.now_ms(), flags=flags)
        message.to = one.handle if flags & EPHEMERAL else ""
        message.type = 20 if one.type == COMMAND else 0
        message.interaction = {
            "id": str(one.id),
            "type": one.type,
            "user": {"id": str(self._world.person(one.handle).id), "username": one.handle},
            "authorizing_integration_owners": {},
            "name": one.name,
        }
        message.interaction["user"] |= {"discriminator": "0", "avatar": None}
        return message

    async def _publish(self, message: Message) -> Message:
        self._world.keep(message)
        await self._events.message("MESSAGE_CREATE", message)
        self._changed()
        return message


def check_choices(value: object) -> list[dict[str, Any]]:
    """Return what an autocompletion offers.

    Raises:
        Refused: too many, or one is too long.
    """
    form = Form()
    choices = form.items("data.choices", value, 25)
    for at, choice in enumerate(choices):
        form.text(f"data.choices.{at}.name", choice.get("name"), 100, shortest=1, needed=True)
        if isinstance(choice.get("value"), str):
            form.text(f"data.choices.{at}.value", choice["value"], 100)
    form.check()
    return choices
