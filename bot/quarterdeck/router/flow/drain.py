"""Stop in good order: nothing new in, what is under way ends, the rest stays on disk for the next start."""

from __future__ import annotations

import logging
import time

from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.inbox import Inbox
from quarterdeck.router.router import Router

LIMIT_S = 20.0
FOR_SENDING_S = 5.0  # of the limit; answers that are written should also go out

log = logging.getLogger(__name__)


async def drain(inbox: Inbox, router: Router, outbox: Outbox, *, limit_s: float = LIMIT_S) -> bool:
    """Close the inbox, let commands end, send what is ready. False: something took too long and was cut off."""
    ends_s = time.monotonic() + limit_s
    inbox.close()
    have_ended = await router.finish(max(0.0, limit_s - FOR_SENDING_S))
    have_ended &= await outbox.finish(max(0.0, ends_s - time.monotonic()))
    await inbox.put_down()
    if not have_ended:
        log.warning("Stopped before everything had ended; it goes on at the next start")
    return have_ended
