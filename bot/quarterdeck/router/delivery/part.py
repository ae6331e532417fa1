"""Say what a part is to the platform and to the history, what its failure means, and how long it waits after one."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import datetime

from quarterdeck.core.adapter import Adapter, Rendered
from quarterdeck.core.delivery import Outgoing
from quarterdeck.core.errors import ServiceError, Unknown
from quarterdeck.core.message import Message
from quarterdeck.core.person import Identity

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0

log = logging.getLogger(__name__)


def rendered(row: Outgoing) -> Rendered:
    """Return the part as its adapter wrote it."""
    return Rendered(text=row.text, body=dict(row.body))


def said(row: Outgoing, message_id: str, at: datetime) -> Message:
    """Return the message that people see."""
    return Message(
        id=message_id,
        conversation=row.conversation,
        author=Identity(platform=row.conversation.platform, user_id="quarterdeck"),
        text=row.text,
        sent_at=at,
    )


def explained(error: Exception, adapter: Adapter, row: Outgoing) -> ServiceError:
    """Return what a failed send means; one that nobody foresaw may have posted or not."""
    if isinstance(error, ServiceError):
        return error
    log.error("Send failed unexpectedly", extra={"delivery": row.id}, exc_info=error)
    return Unknown(repr(error)[:200], service=adapter.platform)


def pause_after(attempts: int, pauses_s: Sequence[float] = ()) -> float:
    """Return seconds: doubling, bounded, up to a half less by chance so that parts do not return together.

    Where the platform says how long (`pauses_s`), it is that, and up to a tenth more.
    """
    if pauses_s:
        return pauses_s[attempts - 1] * random.uniform(1.0, 1.1)  # noqa: S311  as below
    longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (attempts - 1))
    return longest_s * random.uniform(0.5, 1.0)  # noqa: S311  spreads load, guards nothing
