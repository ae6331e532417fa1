"""Connect python-telegram-bot, as it comes, to a simulated Telegram."""

from collections.abc import AsyncIterator

import pytest
from telegram import Bot

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.telegram.simulator import TelegramSimulator


@pytest.fixture(autouse=True)
def time_as_timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the SDK's newer way of telling times; the older one warns."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramSimulator]:
    """Return a running simulator."""
    async with TelegramSimulator(first_retry_s=0.01) as running:
        yield running


@pytest.fixture
async def bot(telegram: TelegramSimulator) -> AsyncIterator[Bot]:
    """Return the SDK's bot, connected to `telegram`."""
    async with connect(telegram) as running:
        yield running


def connect(telegram: TelegramSimulator) -> Bot:
    """Return the SDK's bot for a simulator."""
    return Bot(telegram.api.token, base_url=f"{telegram.url}/bot", base_file_url=f"{telegram.url}/file/bot")


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands."""
    return FakeClock()
