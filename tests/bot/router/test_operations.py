"""What the program's own verbs do with deliveries."""

from __future__ import annotations

import pytest

from quarterdeck.core.errors import Unknown
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
