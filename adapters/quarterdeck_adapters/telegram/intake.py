"""Take updates, from polling or from the webhook: chats side by side, each chat in order, all on disk at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.core.adapter import Accept, Memory
from quarterdeck.core.errors import QuarterdeckError, ServiceError
from quarterdeck.core.event import Event, Posted, Pressed
from quarterdeck.core.ports import Clock
from quarterdeck_adapters.telegram.albums import Albums
from quarterdeck_adapters.telegram.buttons import Buttons
from quarterdeck_adapters.telegram.chats import Moved, Moves, place_of
from quarterdeck_adapters.telegram.parse import Arrival, chat_of, events_of, merged, migration_of
from quarterdeck_adapters.telegram.text import Me

if TYPE_CHECKING:
    from quarterdeck_adapters.telegram.api import Api

MISSED_S: Final = 30.0  # what was written so long before the link stood was missed, not just slow
NOT_OURS: Final = "This button is no longer valid."

log = logging.getLogger(__name__)

Update = Mapping[str, Any]


class Intake:
    """Hand updates over as events. Make one for each connection, with a task group for what is done beside."""

    def __init__(
        self,
        *,
        api: Api,
        me: Me,
        accept: Accept,
        memory: Memory,
        clock: Clock,
        moves: Moves,
        group: asyncio.TaskGroup,
    ) -> None:
        self._api, self._me, self._accept, self._clock = api, me, accept, clock
        self._moves, self._group = moves, group
        self._buttons = Buttons(memory)
        self._late_before = 0.0
        self.albums = Albums(memory, clock, self._hand_album_over, group)

    def missed_before(self, moment: datetime | None) -> None:
        """Count messages from before `moment` as missed; none when it is None."""
        self._late_before = 0.0 if moment is None else moment.timestamp() - MISSED_S

    async def take(self, updates: Sequence[Update]) -> list[QuarterdeckError | None]:
        """Return for each update None where it is on disk, or why it is not; Telegram must send that again."""
        if len(updates) == 1:
            return [await self._one(updates[0])]
        failures: list[QuarterdeckError | None] = [None] * len(updates)
        lanes: dict[object, list[int]] = {}
        for number, update in enumerate(updates):
            lanes.setdefault(_lane(update), []).append(number)

        async def in_order(numbers: Sequence[int]) -> None:
            failure: QuarterdeckError | None = None
            for number in numbers:
                failure = failure or await self._one(updates[number])
                failures[number] = failure

        await asyncio.gather(*map(in_order, lanes.values()))
        return failures

    async def _one(self, update: Update) -> QuarterdeckError | None:
        try:
            if moved := migration_of(update):
                await self._moves.follow(*moved)
                return None
            for event in events_of(update, self._me, self._arrival()):
                await self._hand_over(event, update)
        except QuarterdeckError as error:
            return error
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            # Sent again it would be the same, so it must not stand in the way of the next.
            kinds = sorted(str(name) for name in update)
            log.error("Update not understood", extra={"kinds": kinds, "error": type(error).__name__})
        return None

    async def _hand_over(self, event: Event, update: Update) -> None:
        if isinstance(event, Pressed):
            return await self._press(event, update["callback_query"])
        if isinstance(event, Posted):
            message = update["message"]
            if "media_group_id" in message and not event.is_bot:
                if await self.albums.take(message, update):
                    return None
            else:
                await self.albums.end(message)
        await self._accept(event)
        return None

    async def _press(self, event: Pressed, query: Update) -> None:
        press = await self._buttons.press_of(event.button_id)
        if press is None or self._moves.current(press.chat) != place_of(event.conversation)[0]:
            self._beside(self._answer(query["id"], NOT_OURS))
            return
        await self._accept(replace(event, button_id=press.button_id, value=press.value))
        self._beside(self._answer(query["id"], ""))

    async def _answer(self, query_id: str, text: str) -> None:
        """Stop the sign of waiting on the button."""
        parameters: dict[str, object] = {"callback_query_id": query_id}
        if text:
            parameters |= {"text": text, "show_alert": True}
        try:
            await self._api.call("answerCallbackQuery", parameters)
        except (
            ServiceError,
            Moved,
        ) as error:  # it may have waited too long: nothing but the sign depends on it
            log.info("Press not acknowledged", extra={"error": str(error)})

    async def _hand_album_over(self, updates: Sequence[Update]) -> None:
        posts = [
            event
            for update in updates
            for event in events_of(update, self._me, self._arrival())
            if isinstance(event, Posted)
        ]
        if posts:
            await self._accept(merged(posts))

    def _arrival(self) -> Arrival:
        return Arrival(at=self._clock.now(), late_before=self._late_before)

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        self._group.create_task(work)


def _lane(update: Update) -> object:
    try:
        return chat_of(update)
    except (LookupError, TypeError, AttributeError):
        return None
