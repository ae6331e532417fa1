"""Read a number as the press of a button, where the platform has no buttons and shows numbered choices."""

from __future__ import annotations

from quarterdeck.core.delivery import Offer
from quarterdeck.core.event import Event, Posted, Pressed

EXPIRE_S = 86_400.0
LONGEST_NUMBER = 2


def picked(event: Event) -> int | None:
    """Return the number that somebody picks, from 1; None where the message is no such thing.

    In a group a number may be meant for anybody: there it counts when it names the bot or is a reply to something.
    """
    if not isinstance(event, Posted) or event.origin:
        return None
    message = event.message
    word = message.text.strip()
    if len(word) > LONGEST_NUMBER or not (word.isascii() and word.isdecimal()):
        return None
    is_for_us = message.conversation.kind == "direct" or message.mentions_bot or message.reply_to is not None
    return int(word) if is_for_us else None


def press(event: Event, number: int, offer: Offer | None, *, now_ms: int) -> Pressed | None:
    """Return the press that picking `number` is; None where nothing is offered under it any more."""
    if offer is None or offer.expires_at_ms <= now_ms or not 1 <= number <= len(offer.buttons):
        return None
    button = offer.buttons[number - 1]
    return meant(event, button.value, button_id=button.id)


def meant(event: Event, value: str, *, button_id: str = "") -> Pressed:
    """Return the press of a button with this value, by whoever raised the event."""
    return Pressed(
        id=event.id,
        platform=event.platform,
        workspace=event.workspace,
        received_at=event.received_at,
        conversation=event.conversation,
        actor=event.actor,
        actor_name=event.actor_name,
        is_late=event.is_late,
        groups=event.groups,
        button_id=button_id,
        value=value,
    )
