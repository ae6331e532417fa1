"""What the program's own verbs do with deliveries."""

from __future__ import annotations

import pytest

from quarterdeck.core.errors import NotFound, Rejected, Unknown, UsageError
from quarterdeck.router.operations import operations


@pytest.fixture
def call(bot):
    """Return the function that calls an operation by name."""
    found = {
        one.name: one
        for one in operations(deliveries=bot.deliveries, record=bot.audit, cancel=bot.router.cancel)
    }

    async def silent(sentence: str) -> None:
        raise AssertionError("none of these takes long")

    async def run(operation: str, **parameters: object):
        return await found[operation].handler(parameters, silent)

    return run


async def test_deliveries_are_listed_and_retried(bot, call, caplog) -> None:
    """What did not arrive is shown with its reason and a way to send it."""
    bot.platform.failures.append(Unknown("answer lost", service="fake"))
    await bot.say("/ping", event_id="e1")
    (before,) = await call("delivery.list", open=True)
    await call("delivery.retry", id=before["id"])
    await bot.settled()
    after = await call("delivery.list", open=True)

    assert ("fake::e1#1", "unknown", "answer lost") == (before["id"], before["state"], before["reason"])
    assert before["created_at"].endswith("+00:00")
    assert [] == after
    assert ["sent"] == [row["state"] for row in await call("delivery.list")]


async def test_everything_that_is_dead_in_a_conversation_is_retried_in_order(bot, call, caplog) -> None:
    """What is unknown stays: it may have arrived."""
    refused = Rejected("the channel is read-only", service="fake", status=403)
    bot.platform.failures.extend([refused, refused, Unknown("answer lost", service="fake"), refused])
    for text in ("one", "two", "three"):
        await bot.say(f"/echo {text}")
    await bot.say("/echo elsewhere", conversation=bot.platform.conversation("other"))
    dead = await call("delivery.list", state="dead")
    answer = await call("delivery.retry", conversation="fake:general")
    await bot.settled()

    assert (3, {"conversation": "fake:general", "count": 2}) == (len(dead), answer)
    assert ["one", "two"] == bot.platform.texts()
    assert ["unknown"] == [row["state"] for row in await call("delivery.list", state="unknown")]
    with pytest.raises(NotFound):
        await call("delivery.retry", conversation="fake:general")
    with pytest.raises(UsageError):
        await call("delivery.list", state="ded")
