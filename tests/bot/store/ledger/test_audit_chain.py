"""Follow one event through the record, from who wrote it to the message that came of it."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quarterdeck.core.delivery import Outgoing
from quarterdeck.core.message import Conversation, Message
from quarterdeck.core.person import Identity
from quarterdeck.store.delivery.outbox import StoredOutbox
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.testing.clock import FakeClock


@pytest.fixture
def audit(store: Store) -> Audit:
    """Return the record of this test's store."""
    return Audit(store, FakeClock(), lambda text: text)


@pytest.fixture
def outbox(store: Store, audit: Audit) -> StoredOutbox:
    """Return an outbox over the same record."""
    return StoredOutbox(store, audit)


HERE = Conversation(id="slack:T1:C1", platform="slack")


def part(number: int) -> Outgoing:
    """Return the answer to event `number`."""
    key = f"slack:T1:C1:{number}"
    return Outgoing(
        id=f"{key}#1",
        cause=key,
        conversation=HERE,
        part=1,
        parts=1,
        body={},
        text="Pong.",
        state="sending",
        created_at_ms=1,
    )


def arrived(number: int) -> Message:
    """Return what the platform made of it."""
    bot = Identity(platform="slack", user_id="bot")
    at = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    return Message(id=f"m{number}", conversation=HERE, author=bot, text="Pong.", sent_at=at)


async def test_the_chain_of_an_event_ends_with_the_delivered_message(
    store: Store, audit: Audit, outbox: StoredOutbox
) -> None:
    """Who, what was decided, which message came of it: and nothing of other events."""
    for number in range(30):
        decision = audit.entry("decision", {"event": f"slack:T1:C1:{number}", "allowed": True})
        await outbox.queue([part(number)], audit=[decision], now_ms=1)
    await asyncio.gather(*(outbox.sent(part(number), arrived(number)) for number in range(30)))
    chain = await audit.chain("slack:T1:C1:2")

    messages = [{"delivery": "slack:T1:C1:2#1", "event": "slack:T1:C1:2", "message": "m2"}]
    assert ["decision", "delivered"] == [row["kind"] for row in chain["rows"]]
    assert messages == chain["rows"][1]["detail"]["messages"]
    assert [("slack:T1:C1:2#1", "sent", "m2")] == [
        (one["id"], one["state"], one["message"]) for one in chain["deliveries"]
    ]
    assert (await audit.verify()).is_whole
    assert 60 > (await audit.verify()).rows  # messages that were sent together share a row


async def test_another_message_in_the_place_of_the_delivered_one_shows(
    store: Store, audit: Audit, outbox: StoredOutbox, path: Path
) -> None:
    """The record promises which message it was."""
    await outbox.queue([part(1)], now_ms=1)
    await outbox.sent(part(1), arrived(1))
    await store.close()
    with sqlite3.connect(path) as connection:
        changed = connection.execute("UPDATE audit SET detail = replace(detail, '\"m1\"', '\"m9\"')").rowcount
    reopened = await Store.open(path)
    verdict = await Audit(reopened, FakeClock(), lambda text: text).verify()
    await reopened.close()

    assert (1, ("row 1 was changed",)) == (changed, verdict.problems)


async def test_nothing_is_shown_of_an_event_that_never_came(audit: Audit) -> None:
    """Nor of one that merely begins alike."""
    await audit.append("decision", {"event": "slack:T1:C1:20"})

    assert {"event": None, "rows": [], "deliveries": []} == await audit.chain("slack:T1:C1:2")
