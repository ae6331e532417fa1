"""Sum up what was said in a conversation since its last delivered digest (the `Digests` port)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo

from quarterdeck.core.errors import ServiceError, SetupError
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.model import Connected, ModelMessage, Models
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, History, People
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.markdown.links import host_of
from quarterdeck.schedule.digests.extract import MOST_LINKS, URL, Said, extract, shortened
from quarterdeck.schedule.digests.issue import LONGEST, Window, bounded, clock_time, header, listed
from quarterdeck.schedule.moments import moment_of
from quarterdeck.schedule.rows import DigestRows

FIRST_MS = 24 * 3600 * 1000  # how far the first digest of a conversation looks back
MOST_MESSAGES = 1000
MODEL_INPUT = 24_000  # characters of messages that a model reads
MODEL_TEXT = 1500  # characters of one message that a model reads
MODEL_OUTPUT_TOKENS = 800
LONGEST_NAME = 40

IsCommand = Callable[[str], bool]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Bundle where a digest takes what it needs."""

    history: History
    rows: DigestRows
    models: Models
    people: People
    clock: Clock


class ConversationDigests:
    """Write digests: by a capable model where one is connected, otherwise of the messages' own sentences.

    `prompt` tells the model how; `is_command` knows command lines, which are left out, as the bot's own
    messages are; times are shown in `zone`.
    """

    def __init__(self, sources: Sources, *, prompt: str, is_command: IsCommand, zone: tzinfo = UTC) -> None:
        self._history, self._rows, self._models = sources.history, sources.rows, sources.models
        self._people, self._clock = sources.people, sources.clock
        self._prompt, self._is_command, self._zone = prompt, is_command, zone

    async def compose(self, conversation: Conversation, *, key: str) -> Reply:
        """Return a digest of what was said since the last delivered one; it will be sent under `key`."""
        now_ms = self._clock.now_ms()
        since_ms, messages = await self._news(conversation, now_ms)
        up_to_ms = round(messages[-1].sent_at.timestamp() * 1000) if messages else since_ms
        await self._rows.record(key, conversation.id, up_to_ms=up_to_ms, now_ms=now_ms)
        return await self._written(conversation, messages, since_ms, now_ms)

    async def preview(self, conversation: Conversation) -> Reply:
        """Return what `compose` would, changing nothing."""
        now_ms = self._clock.now_ms()
        since_ms, messages = await self._news(conversation, now_ms)
        return await self._written(conversation, messages, since_ms, now_ms)

    async def _news(self, conversation: Conversation, now_ms: int) -> tuple[int, list[Message]]:
        since_ms = await self._rows.delivered_up_to(conversation.id)
        since_ms = now_ms - FIRST_MS if since_ms is None else since_ms
        return since_ms, await self._history.since(conversation.id, since_ms, limit=MOST_MESSAGES + 1)

    async def summarize(self, conversation: Conversation, *, since_ms: int) -> Reply:
        """Return a digest of what was said since then; it changes nothing about the next delivered one."""
        messages = await self._history.since(conversation.id, since_ms, limit=MOST_MESSAGES + 1)
        return await self._written(conversation, messages, since_ms, self._clock.now_ms())

    async def _written(
        self, conversation: Conversation, messages: Sequence[Message], since_ms: int, now_ms: int
    ) -> Reply:
        said = await self.said(messages[-MOST_MESSAGES:])
        window = Window(
            since=moment_of(since_ms).astimezone(self._zone),
            until=moment_of(now_ms).astimezone(self._zone),
            has_earlier=len(messages) > MOST_MESSAGES,
        )
        if not said:
            return Reply(text=f"Nothing was said here since {clock_time(window.since)}.")
        hosts = frozenset(host_of(url) for one in said for url in URL.findall(one.text))
        return Reply(text=await self._text(said, window, conversation), link_hosts=hosts - {""})

    async def said(self, messages: Sequence[Message]) -> list[Said]:
        """Return messages as they are shown, without commands and the bot's own."""
        names: dict[Identity, str] = {}
        said: list[Said] = []
        for message in messages:
            text = message.text.strip()
            if not text or message.raw.get("is_ours") or self._is_command(text):
                continue
            author = message.author
            if author not in names:
                person = await self._people.person_of(author)
                names[author] = shortened(" ".join(person.name.split()) or author.user_id, LONGEST_NAME)
            said.append(Said(author=names[author], at=message.sent_at.astimezone(self._zone), text=text))
        return said

    async def _text(self, said: Sequence[Said], window: Window, conversation: Conversation) -> str:
        model = await self._models.connected("chat")
        if model is None or not model.is_capable:
            return self._extracted(said, window)
        why = "gave no digest that holds"
        try:
            summary = await self._summary(said, conversation)
        except (ServiceError, SetupError) as error:
            log.warning("Digest was written without the model", extra={"error": str(error)})
            summary, why = "", "did not answer"
        if invented := set(URL.findall(summary)) - {url for one in said for url in URL.findall(one.text)}:
            log.warning("The model's digest was not believed", extra={"invented_links": len(invented)})
            summary = ""
        if summary:
            return self._summed_up(summary, said, window, model)
        note = f"_{model} {why}; these are the messages' own sentences._"
        return self._extracted(said, window, note=note)

    def _extracted(self, said: Sequence[Said], window: Window, note: str = "") -> str:
        return bounded([header(said, window), *([note] if note else []), *listed(extract(said))])

    async def _summary(self, said: Sequence[Said], conversation: Conversation) -> str:
        pieces: list[str] = []
        answer = self._models.complete(
            (
                ModelMessage(speaker="system", text=self._prompt),
                ModelMessage(speaker="user", text=_material(said)),
            ),
            max_output_tokens=MODEL_OUTPUT_TOKENS,
            conversation_id=conversation.id,
        )
        async for delta in answer:
            pieces.append(delta.text)
            if delta.finish == "length":
                pieces.append("…")
        return "".join(pieces).strip()

    def _summed_up(self, summary: str, said: Sequence[Said], window: Window, model: Connected) -> str:
        links = list(dict.fromkeys(url for one in said for url in URL.findall(one.text)))
        unsaid = [f"- {url}" for url in links if url not in summary][:MOST_LINKS]
        sections = [header(said, window), shortened(summary, LONGEST - 1000)]
        if unsaid:
            sections.append("\n".join(["**Links**", *unsaid]))
        if model.label:
            sections.append(f"_{model.label}_")
        return bounded(sections)


def _material(said: Sequence[Said]) -> str:
    """Write messages as JSON, the newest that fit, in order of time."""
    rows: list[str] = []
    size = 0
    for one in reversed(said):
        row = {"time": clock_time(one.at), "author": one.author, "text": shortened(one.text, MODEL_TEXT)}
        rows.append(json.dumps(row, ensure_ascii=False))
        size += len(rows[-1])
        if size > MODEL_INPUT:
            rows.pop()
            break
    return "[\n" + ",\n".join(reversed(rows)) + "\n]"
