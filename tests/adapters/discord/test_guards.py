"""What keeps the bot from being banned, and what turns Discord's refusals into ours."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest
from tests.adapters.discord.bench import DictMemory

from quarterdeck.core.errors import (
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    ServiceError,
    Unavailable,
    Unknown,
)
from quarterdeck.testing.clock import FakeClock
from quarterdeck_adapters.discord.api.breaker import MOST, WINDOW_S, Breaker
from quarterdeck_adapters.discord.errors import GONE, closed, failure_of, refusal
from quarterdeck_adapters.discord.gateway.budget import DAY_MS, NAME, Budget
from quarterdeck_adapters.discord.gateway.budget import MOST as MOST_SESSIONS
from quarterdeck_adapters.discord.gateway.intake import Intake
from quarterdeck_adapters.discord.gateway.state import State
from quarterdeck_adapters.discord.world import World

RESPONSE: Any = SimpleNamespace(status=500, reason="x", headers={"Retry-After": "1.5"})


async def test_sessions_of_a_day_are_counted_over_restarts(caplog: pytest.LogCaptureFixture) -> None:
    """At 500 the bot waits until the oldest is a day old: at 1,000 Discord resets the token."""
    clock, memory = FakeClock(), DictMemory()
    for _ in range(MOST_SESSIONS):
        await Budget(memory, clock).spend()
    waiting = asyncio.create_task(Budget(memory, clock).spend())
    await clock.wait_for_sleepers()

    assert MOST_SESSIONS == len(memory.values[NAME])
    assert "Discord sessions used up" in caplog.text
    await clock.advance(DAY_MS / 1000)
    await waiting
    assert 1 == len(memory.values[NAME])


def test_too_many_refusals_stop_us_before_discord_does() -> None:
    """10,000 in ten minutes get the address banned; the window passes by itself."""
    clock = FakeClock()
    breaker = Breaker(clock)
    for _ in range(MOST):
        breaker.check()
        breaker.refused(403, Rejected("no", service="discord", status=403))

    with pytest.raises(Unavailable) as caught:
        breaker.check()
    assert WINDOW_S == caught.value.retry_after_s


async def test_the_window_passes() -> None:
    """Nobody has to restart the bot."""
    clock = FakeClock()
    breaker = Breaker(clock)
    for _ in range(MOST):
        breaker.refused(429, RateLimited("slow", service="discord"))
    await clock.advance(WINDOW_S)

    assert None is breaker.check()


def test_a_refused_token_is_not_shown_again() -> None:
    """Every 401 counts."""
    breaker = Breaker(FakeClock())
    breaker.refused(401, refusal(401, 0, ""))

    with pytest.raises(AuthFailed):
        breaker.check()


def all_of(kind: type[BaseException]) -> list[type[BaseException]]:
    """Return what the library's HTTP client and gateway raise; its command framework is not used."""
    kinds = [kind, *(one for child in kind.__subclasses__() for one in all_of(child))]
    return [one for one in kinds if one.__module__ == "discord.errors"]


def made(kind: type[BaseException]) -> Exception:
    """Return an error of this kind; they all differ in what they take."""
    for given in (
        (RESPONSE, "said"),
        (1.5,),
        (SimpleNamespace(close_code=4004),),
        (None,),
        (),
        ("said",),
    ):
        try:
            extra = {"shard_id": None} if kind is discord.ConnectionClosed else {}
            return kind(*given, **extra)  # type: ignore[return-value]
        except (TypeError, AttributeError):
            continue
    error: Exception = kind.__new__(kind)  # type: ignore[assignment]
    return error


@pytest.mark.parametrize("kind", all_of(discord.DiscordException), ids=lambda kind: kind.__name__)
def test_every_error_of_the_library_is_mapped(kind: type[BaseException]) -> None:
    """None gets through as itself, and none is taken for a lost answer."""
    failure = failure_of(made(kind))

    assert isinstance(failure, ServiceError)
    assert not isinstance(failure, Unknown)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 0, AuthFailed),
        (401, 50027, Rejected),
        (403, 50001, Gone),
        (403, 50013, Gone),
        (404, 10003, Gone),
        (403, 50007, Gone),
        (400, 50035, Rejected),
        (404, 10008, Rejected),
        (429, 0, RateLimited),
        (500, 0, Unavailable),
        (503, 130000, Unavailable),
    ],
)
def test_refusals_are_told_apart(status: int, code: int, kind: type[ServiceError]) -> None:
    """A closed place, a bad message, a pause, an outage: the outbox does something else with each."""
    assert kind is type(refusal(status, code, "said"))


def test_a_lost_answer_is_unknown_only_where_repeating_could_double() -> None:
    """A GET may be made again; whether a connection was there decides, too."""
    lost = aiohttp.ServerDisconnectedError()
    refused = aiohttp.ClientConnectorError(
        SimpleNamespace(ssl=True, host="h", port=1), OSError(111, "refused")
    )  # type: ignore[arg-type]

    assert [Unknown, Unavailable, Unavailable] == [
        type(failure_of(lost)),
        type(failure_of(lost, method="GET")),
        type(failure_of(refused)),
    ]


@pytest.mark.parametrize(
    ("code", "kind"), [(4004, AuthFailed), (4014, Rejected), (4011, Rejected), (4000, Unavailable)]
)
def test_codes_that_close_the_gateway(code: int, kind: type[ServiceError]) -> None:
    """Some are for a person, the others pass."""
    assert kind is type(closed(code))


def test_every_closed_place_is_explained() -> None:
    """`delivery list` shows this sentence."""
    assert [] == [code for code, reason in GONE.items() if not reason]


def test_the_log_names_no_token(caplog: pytest.LogCaptureFixture) -> None:
    """discord.py logs payloads at DEBUG only; ours never hold the token."""
    caplog.set_level(logging.DEBUG)
    assert "t0ken" not in str(refusal(401, 0, ""))


async def test_a_new_session_is_on_disk_before_a_second_has_passed() -> None:
    """After a kill, a direct message never met before is in no history that we read: only resuming brings it."""
    clock, memory = FakeClock(), DictMemory()

    async def accept(event: object) -> bool:
        return True

    state = State(memory, clock, World(), Intake(accept, clock))
    keeping = asyncio.create_task(state.keep())
    state.begin("session-1", "wss://gateway.invalid", 1)
    await clock.advance(0)
    keeping.cancel()

    assert "session-1" == memory.values["session"]["id"]
