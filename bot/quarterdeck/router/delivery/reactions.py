"""Put an emoji under a message, on whatever platform it stands (the `Reactions` port)."""

from __future__ import annotations

from typing import cast

from quarterdeck.core.adapter import Ability, Reacts
from quarterdeck.core.delivery import OutboxRows
from quarterdeck.core.errors import Unavailable
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock
from quarterdeck.router.delivery.outbox import Outbox

ARRIVAL_S = 15.0  # a message of ours is on its way for so long at the most, unless the platform is away
LOOK_EVERY_S = 0.2


class Reactions:
    """Find the message, then have its platform's adapter do it."""

    def __init__(self, outbox: Outbox, rows: OutboxRows, clock: Clock) -> None:
        self._outbox, self._rows, self._clock = outbox, rows, clock

    async def react(self, to: Conversation, message: str, emoji: str) -> bool:
        """Add the emoji; twice is once. False: the platform knows no reactions.

        `message` is the platform's message id, or the outbox key of a message of ours; then it is waited for.

        Raises:
            NotFound: no platform of this name is connected.
            ServiceError: the platform refused, or our message has not arrived.
        """
        adapter = self._outbox.adapter(to.platform)
        if Ability.REACTIONS not in adapter.abilities:
            return False
        await cast("Reacts", adapter).react(to, await self._id_of(message), emoji)
        return True

    async def _id_of(self, message: str) -> str:
        parts = await self._rows.parts_of(message)
        if not parts:
            return message
        until_s = self._clock.monotonic() + ARRIVAL_S
        while True:
            target = await self._rows.target(parts[0])
            if target is not None and target.message_id:
                return target.message_id
            is_waiting = target is not None and target.state in ("waiting", "sending")
            if not is_waiting or self._clock.monotonic() >= until_s:
                raise Unavailable(
                    "the message has not arrived, so that nothing can be put under it",
                    service="outbox",
                    hint="`/delivery` says where it is",
                )
            await self._clock.sleep(LOOK_EVERY_S)
