"""Prove that what was said is remembered once, in order, and forgotten when people take it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.person import Identity
from quarterdeck.store.conversations.history import StoredHistory, delete_in, edit_in, record_in
from quarterdeck.store.engine import Store

TEAM = Conversation(id="slack:T1:C1", platform="slack", kind="group")
ANNA = Identity(platform="slack", workspace="T1", user_id="U1")
START = datetime(2026, 11, 21, 9, 0, 0, 123_000, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Return an empty store."""
    opened = await Store.open(tmp_path / "quarterdeck.db")
    yield opened
    await opened.close()


def message(number: int, text: str = "") -> Message:
    """Return the message of this number, so many seconds after the start."""
    return Message(
        id=str(number),
        conversation=TEAM,
        author=ANNA,
        text=text or f"message {number}",
        sent_at=START + timedelta(seconds=number),
    )


async def record(store: Store, *messages: Message, is_ours: bool = False) -> list[bool]:
    """Write messages down; returns which were new."""

    def job(connection: Connection) -> list[bool]:
        return [record_in(connection, one, is_ours=is_ours) for one in messages]

    return await store.write("inbox.accepted", job)


async def test_messages_come_back_as_they_were_oldest_first(store: Store) -> None:
    """To the millisecond, with author and conversation."""
    await record(store, message(2), message(1))

    history = await StoredHistory(store).recent(TEAM.id)

    assert [("1", TEAM, ANNA, "message 1", START + timedelta(seconds=1))] == [
        (one.id, one.conversation, one.author, one.text, one.sent_at) for one in history[:1]
    ]
    assert ["1", "2"] == [one.id for one in history]


async def test_the_same_message_is_remembered_once(store: Store) -> None:
    """Platforms deliver at least once."""
    assert [True, False] == await record(store, message(1), message(1, "again"))
    assert ["message 1"] == [one.text for one in await StoredHistory(store).recent(TEAM.id)]


async def test_since_leaves_out_what_came_up_to_then(store: Store) -> None:
    """A digest begins right after the last one."""
    await record(store, *(message(number) for number in range(4)))
    after_ms = round(message(1).sent_at.timestamp() * 1000)

    assert ["2", "3"] == [one.id for one in await StoredHistory(store).since(TEAM.id, after_ms)]


async def test_a_limit_keeps_the_newest(store: Store) -> None:
    """In order of time all the same."""
    await record(store, *(message(number) for number in range(4)))
    history = StoredHistory(store)

    assert ["2", "3"] == [one.id for one in await history.recent(TEAM.id, limit=2)]
    assert ["2", "3"] == [one.id for one in await history.since(TEAM.id, 0, limit=2)]


async def test_the_bots_own_messages_are_marked(store: Store) -> None:
    """Whoever sums up leaves them out."""
    await record(store, message(1))
    await record(store, message(2), is_ours=True)

    assert [False, True] == [one.raw["is_ours"] for one in await StoredHistory(store).recent(TEAM.id)]


async def test_an_edit_replaces_the_text_and_a_deletion_takes_it_away(store: Store) -> None:
    """And what was taken back stays so."""
    await record(store, message(1), message(2))

    def job(connection: Connection) -> list[bool]:
        return [
            edit_in(connection, message(1, "better")),
            delete_in(connection, TEAM.id, "2", at_ms=5),
            delete_in(connection, TEAM.id, "2", at_ms=6),
            edit_in(connection, message(2, "back again")),
            edit_in(connection, message(3, "never said")),
        ]

    assert [True, True, False, False, False] == await store.write("inbox.accepted", job)
    assert ["better"] == [one.text for one in await StoredHistory(store).recent(TEAM.id)]


async def test_a_conversation_is_known_from_its_first_message(store: Store) -> None:
    """The command line names conversations by id."""
    history = StoredHistory(store)
    before = await history.conversation(TEAM.id)
    await record(store, message(1))

    assert None is before
    assert TEAM == await history.conversation(TEAM.id)
