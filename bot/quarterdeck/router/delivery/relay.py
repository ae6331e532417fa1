"""Show an answer while it is being written: on a screen of ours, or as a message that is changed until it is whole.

Only what is whole is shown: to the end of the last word, so that no half of a secret slips past `clean`, and with the
markup closed. The final form goes the way of every reply; what is shown before it may lag or be left out, never differ.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from quarterdeck.core.adapter import Ability, Adapter, Streams, Types
from quarterdeck.core.errors import QuarterdeckError
from quarterdeck.core.event import Event
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import Clock
from quarterdeck.core.reply import Reply
from quarterdeck.router.delivery.entry import Entry
from quarterdeck.router.delivery.unfinished import closed
from quarterdeck.runtime.markdown.links import piece_broken
from quarterdeck.runtime.process.tasks import unwrapped

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

TYPING_AFTER_S = 1.0  # what comes sooner needs no announcement
TYPING_EVERY_S = 4.0  # Telegram shows it for 5 s, Discord for 10 (sendChatAction, Trigger Typing; 2026-11-21)

log = logging.getLogger(__name__)


class Unfinished(Protocol):
    """Show and change a message of ours that is not finished."""

    async def begin(self, to: Conversation, reply: Reply, *, key: str) -> None:
        """Show an unfinished answer; the finished one takes its place."""

    def draw(self, to: Conversation, reply: Reply, *, key: str) -> Entry | None:
        """Show how far it is, when there is room for that; None while its first form is on its way."""


class Show:
    """Follow an answer that is being written; `text` is all of it so far, `hosts` its `Reply.link_hosts`."""

    def __init__(self) -> None:
        self.text = ""
        self.hosts: frozenset[str] | None = None

    async def add(self, piece: str) -> None:
        """Take the next piece."""
        self.text += piece

    async def serve(self) -> None:
        """Show what is new, until `end`."""

    def end(self) -> None:
        """Show no more: the answer is whole."""


class Preview(Show):
    """Show pieces on a screen of ours (`Streams`)."""

    def __init__(
        self,
        screen: Streams,
        event: Event,
        clean: Callable[[str], str],
        link_hosts: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__()
        self._link_hosts = link_hosts
        self._screen: Streams | None = screen
        self._event, self._clean = event, clean
        self._unshown = ""

    async def add(self, piece: str) -> None:
        """Show what is whole; a screen that fails is left alone, the final answer still comes."""
        await super().add(piece)
        self._unshown += piece
        end = _end_of_words(self._unshown)
        if not end or self._screen is None:
            return
        whole, self._unshown = self._unshown[:end], self._unshown[end:]
        whole = self._clean(whole)
        if self.hosts is not None:
            whole = piece_broken(whole, self.hosts | self._link_hosts)
        try:
            await self._screen.preview(self._event.conversation, self._event.key, whole)
        except QuarterdeckError as error:
            log.info("Preview failed", extra={"platform": self._event.platform, "error": error.message})
            self._screen = None


class Relay(Show):
    """Post the first words as a message, and change it at the platform's pace."""

    def __init__(
        self, outbox: Unfinished, event: Event, clock: Clock, edit_s: float, clean: Callable[[str], str]
    ) -> None:
        super().__init__()
        self._outbox, self._event, self._clock, self._clean = outbox, event, clock, clean
        self._edit_s = edit_s
        self._changed = asyncio.Event()
        self._nap: asyncio.Timeout | None = None
        self._is_over = False

    async def add(self, piece: str) -> None:
        """Take the next piece; showing it is `serve`'s, so that the model never waits for the platform."""
        self.text += piece
        self._changed.set()

    async def serve(self) -> None:
        """Show the first words at once, and then the newest form each time that the pace allows it."""
        try:
            await self._serve()
        except Exception as error:  # noqa: BLE001 - an adapter may be anybody's; the final answer still comes
            log.info(
                "Answer not shown early", extra={"platform": self._event.platform, "error": repr(error)[:200]}
            )

    def end(self) -> None:
        """Show no more: the answer is whole."""
        self._is_over = True
        self._changed.set()
        if self._nap is not None:
            self._nap.reschedule(0.0)

    async def _serve(self) -> None:
        place, key = self._event.conversation, self._event.key
        drawn = await self._newest("")
        if drawn:
            await self._outbox.begin(place, Reply(text=drawn, link_hosts=self.hosts), key=key)
        while not self._is_over:
            await self._at_most(self._clock.sleep(self._edit_s))
            text = await self._newest(drawn)
            newest = Reply(text=text, link_hosts=self.hosts)
            sketch = self._outbox.draw(place, newest, key=key) if text else None
            if sketch is not None and sketch.over is not None:
                await self._at_most(sketch.over.wait())
            if sketch is not None and sketch.was_drawn:
                drawn = text
            else:
                self._changed.set()  # there was no room for it: next time the form of then is tried

    async def _newest(self, shown: str) -> str:
        """Wait for something new to show; empty when the answer is whole."""
        while not self._is_over:
            await self._changed.wait()
            self._changed.clear()
            text = closed(self._clean(self.text[: _end_of_words(self.text)])).strip()
            if text and text != shown and not self._has_ended():
                return text
        return ""

    def _has_ended(self) -> bool:
        return self._is_over

    async def _at_most(self, waiting: Awaitable[object]) -> None:
        """Wait, but not beyond the end of the answer."""
        self._nap = asyncio.timeout(0.0 if self._is_over else None)
        try:
            async with self._nap:
                await waiting
        except TimeoutError:
            pass
        finally:
            self._nap = None


def _end_of_words(text: str) -> int:
    """Return where the last whole word ends; scripts without blanks end a word at each sign."""
    for at in range(len(text) - 1, -1, -1):
        if text[at].isspace() or not text[at].isascii():
            return at + 1
    return 0


async def written(reply: Reply, show: Show, explain: Callable[[QuarterdeckError], Reply]) -> Reply:
    """Follow a reply that is still being written to its end. An answer that is cut off says so."""
    if reply.stream is None:
        return reply
    if reply.private_to is not None:
        show = Show()  # what one person may see is not shown before it is finished
    show.hosts = reply.link_hosts
    async with beside(show.serve()):
        try:
            return await _followed(reply, show)
        except QuarterdeckError as error:
            return cut_off(show, explain(error))
        finally:
            show.end()


def cut_off(show: Show, why: Reply) -> Reply:
    """Return what an answer ends with that is not written to its end."""
    if not show.text.strip():
        return why
    return replace(why, text=f"{closed(show.text)}\n\n{why.text}", link_hosts=show.hosts)


async def _followed(reply: Reply, show: Show) -> Reply:
    async with aclosing(cast("AsyncGenerator[str | Reply]", reply.stream)) as stream:
        async for item in stream:
            if isinstance(item, Reply):
                return replace(item, stream=None)
            await show.add(item)
    return replace(reply, text=reply.text + show.text, stream=None)


async def keep_typing(adapter: Adapter, to: Conversation, clock: Clock, show: Show) -> None:
    """Show that an answer is on its way until it begins to show itself; cancel it when it is there."""
    if Ability.TYPING not in adapter.abilities:
        return
    await clock.sleep(TYPING_AFTER_S)
    try:
        while not show.text:
            await cast("Types", adapter).typing(to)
            await clock.sleep(TYPING_EVERY_S)
    except QuarterdeckError as error:
        log.info("Typing not shown", extra={"platform": adapter.platform, "error": error.message})
    except Exception:  # an adapter may be anybody's: a sign that fails costs no answer
        log.exception("Typing not shown", extra={"platform": adapter.platform})


@asynccontextmanager
async def beside(work: Coroutine[None, None, None], *, is_cut: bool = False) -> AsyncIterator[None]:
    """Run `work` while the block runs; after it, `work` ends by itself, or is cut off."""
    with unwrapped():
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            try:
                yield
            finally:
                if is_cut:
                    task.cancel()
