"""Real memory over a real store; only the model is played."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.model import Connected, Delta, ModelMessage
from quarterdeck.core.person import Identity
from quarterdeck.store.conversations.history import StoredHistory, record_in
from quarterdeck.store.conversations.notes import StoredNotes
from quarterdeck.store.engine import Store

HERE = Conversation(id="slack:T1:C1", platform="slack", kind="group")
ALONE = Conversation(id="slack:T1:D1", platform="slack", kind="direct")
ANNA = Identity(platform="slack", workspace="T1", user_id="U1")
BEN = Identity(platform="slack", workspace="T1", user_id="U2")
START_MS = 1_795_000_000_000


@dataclass
class PlayedModel:
    """Answer with `text`, or be away."""

    text: str = "Anna decided on Postgres 16."
    is_there: bool = True
    is_capable: bool = True
    asked: list[Sequence[ModelMessage]] = field(default_factory=list)

    async def connected(self, role: str = "chat") -> Connected | None:
        return Connected(provider="p", model="m", is_capable=self.is_capable) if self.is_there else None

    async def complete(self, messages: Sequence[ModelMessage], **_: Any) -> AsyncIterator[Delta]:
        self.asked.append(messages)
        yield Delta(text=self.text)
        yield Delta(finish="stop")


class Memory:
    """Hold the store with its readers, and let people speak."""

    def __init__(self, store: Store) -> None:
        self.store, self.history, self.notes = store, StoredHistory(store), StoredNotes(store)
        self._said = 0

    async def say(
        self, text: str, *, by: Identity = ANNA, where: Conversation = HERE, is_ours: bool = False
    ) -> None:
        self._said += 1
        message = Message(
            id=f"m{self._said}",
            conversation=where,
            author=by,
            text=text,
            sent_at=datetime.fromtimestamp(START_MS / 1000 + self._said, UTC),
        )
        await self.store.write("test", lambda connection: record_in(connection, message, is_ours=is_ours))


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    store = await Store.open(tmp_path / "quarterdeck.db", backups=tmp_path / "backups")
    yield Memory(store)
    await store.close()
