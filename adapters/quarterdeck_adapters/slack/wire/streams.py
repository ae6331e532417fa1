"""Let an unfinished answer grow by itself: chat.startStream, chat.appendStream, chat.stopStream.

Such a message only grows, is written in Markdown, and takes our key not before its end. So plain words alone are shown
so: from the first sign that Slack could take for markup, a link or a mention, and where earlier words change, the
stream ends and the message is changed as a whole, as in a workspace without streams. The finished answer always takes
its place. A kind of channel in which Slack refuses streams is asked again after a day (docs.slack.dev, 2026-11-21).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.core.adapter import Memory
from quarterdeck.core.errors import RateLimited, Rejected, ServiceError, Unavailable, Unknown
from quarterdeck.core.ports import Clock, Json
from quarterdeck.core.value import dataclass
from quarterdeck_adapters.slack import ids
from quarterdeck_adapters.slack.ids import Place
from quarterdeck_adapters.slack.reading.messages import text_of
from quarterdeck_adapters.slack.wire.readback import SLACK_S, history, is_marked, metadata
from quarterdeck_adapters.slack.writing import limits

if TYPE_CHECKING:
    from quarterdeck_adapters.slack.wire.client import Client

MOST: Final = 12_000  # characters of markdown_text
STREAMING: Final = "streaming_state_conflict"  # why chat.update refuses a message that still grows
DAY_S: Final = 86_400.0
MARKS: Final = re.compile(r"[<>&@*_~`\[\]|\\#]|://|^\s*(?:[-+>=]|\d+[.)])", re.MULTILINE)
# Refusals of one place: a post will be refused there as well, and other places may stream.
OF_THE_PLACE: Final = frozenset(
    {"cannot_reply_to_message", "channel_not_found", "is_archived", "not_in_channel", "thread_not_found"}
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Stream:
    shown: str
    key: str


class Streams:
    """Know the messages that grow, and where Slack lets none."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory, self._clock = memory, clock
        self._growing: dict[str, _Stream] = {}

    async def begin(self, client: Client, place: Place, user: str, text: str, key: str) -> str | None:
        """Show the first words for `user`, who asked; returns the message's id, None where it must be posted.

        Raises:
            Unknown: it may have been begun.
        """
        in_channel = not place.channel.startswith(ids.DIRECT_PREFIX)
        if not place.thread or not is_plain(text) or (in_channel and not user):
            return None
        refused = f"streams refused:{place.channel[:1]}"
        if await self._memory.get(refused) is not None:
            return None
        begun: Json = {"at_s": self._clock.now_ms() / 1000, "text": text}
        await self._memory.put(f"stream:{key}", begun, keep_s=DAY_S)
        sent: dict[str, Any] = {"channel": place.channel, "thread_ts": place.thread, "markdown_text": text}
        if in_channel:
            sent |= {"recipient_user_id": user, "recipient_team_id": place.team}
        try:
            answer: Any = await client.api_call("chat.startStream", json=sent)
        except Rejected as error:
            if error.detail not in OF_THE_PLACE:
                log.info("Slack streams nothing here", extra={"error": error.message})
                await self._memory.put(refused, error.detail or "refused", keep_s=DAY_S)
            return None
        except (RateLimited, Unavailable):
            return None
        message = ids.message_id(place.channel, text_of(answer.data, "ts"))
        self._growing[message] = _Stream(text, key)
        return message

    async def grow(self, client: Client, message: str, text: str) -> bool:
        """Add what is new in `text`; False where the message must be changed as a whole.

        Raises:
            RateLimited, Unavailable: nothing was added.
        """
        stream = self._growing.get(message)
        if stream is None:
            return False
        added = text.removeprefix(stream.shown)
        is_longer = len(added) + len(stream.shown) == len(text)
        if not is_longer or not is_plain(text):
            await self.end(client, message)
            return False
        try:
            if added:
                await client.api_call("chat.appendStream", json={**_named(message), "markdown_text": added})
        except (Rejected, Unknown):  # Slack ends streams by itself after some minutes
            await self.end(client, message)
            return False
        stream.shown = text
        return True

    async def end(self, client: Client, message: str) -> None:
        """Let a message grow no more."""
        stream = self._growing.pop(message, None)
        if stream is not None:
            await stop(client, message, stream.key)

    async def begun(self, client: Client, place: Place, key: str) -> str | None:
        """Return the ts of a message that was begun under this key and never heard of again.

        Raises:
            ServiceError: Slack did not say.
        """
        kept = await self._memory.get(f"stream:{key}")
        if not isinstance(kept, Mapping):
            return None
        at_s, text = kept.get("at_s"), str(kept.get("text"))
        oldest_s = (at_s if isinstance(at_s, int | float) else 0.0) - SLACK_S
        async for message in history(client, place, oldest_s=oldest_s):
            is_ours = bool(message.get("bot_id")) and not is_marked(message)
            if is_ours and text_of(message, "text").startswith(text):
                return text_of(message, "ts")
        return None


def is_plain(text: str) -> bool:
    """Tell whether Slack shows these words as they are, and reads nothing into them."""
    return bool(text.strip()) and MARKS.search(text) is None and limits.measure(text) <= MOST


async def stop(client: Client, message: str, key: str = "") -> None:
    """End a stream; one that has ended already stays as it is.

    Raises:
        ServiceError: Slack did not take it now.
    """
    sent = {**_named(message), **({"metadata": metadata(key)} if key else {})}
    try:
        await client.api_call("chat.stopStream", json=sent)
    except Rejected as error:
        log.info("Stream was over", extra={"error": error.message})
    except Unknown as error:
        raise Unavailable(
            error.message, service=error.service
        ) from error  # ending it twice is ending it once


def is_conflict(error: ServiceError) -> bool:
    """Tell whether a message was not changed because it still grows."""
    return isinstance(error, Rejected) and error.detail == STREAMING


def _named(message: str) -> dict[str, Any]:
    return {"channel": message.partition(":")[0], "ts": ids.ts_of(message)}
