"""An album is one message, whole, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.adapters.telegram.conftest import Arrivals, Connected, Notes, connected

from quarterdeck.core.errors import Busy
from quarterdeck.core.event import Posted
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.telegram.simulator import TelegramSimulator
from quarterdeck_adapters.telegram.albums import QUIET_S, Albums

FILES = [(f"{n}.txt", f"file {n}".encode()) for n in range(5)]


def part(number: int, *, album: str = "1", user: int = 4) -> dict[str, Any]:
    """Return the update of one part."""
    chat = {"id": 4, "type": "private"}
    message = {"message_id": number, "chat": chat, "from": {"id": user}, "media_group_id": album}
    return {"update_id": 100 + number, "message": message}


class Crash(BaseException):
    """Stand for the end of the process."""


class Desk:
    """Take albums over, or end the process as told."""

    def __init__(self) -> None:
        self.taken: list[list[int]] = []
        self.crashes_after = False

    async def hand_over(self, updates: Sequence[Any]) -> None:
        self.taken.append([update["message"]["message_id"] for update in updates])
        if self.crashes_after:
            raise Crash


async def take(albums: Albums, *numbers: int) -> list[bool]:
    """Let parts come, one after the other."""
    return [await albums.take(part(number)["message"], part(number)) for number in numbers]


async def test_an_album_is_one_message_with_all_files(bot: Connected) -> None:
    """Whoever sends five pictures asks once."""
    await bot.telegram.say("ada", "look at these", where="direct", files=FILES)
    await bot.telegram.say("ada", "well?", where="direct")
    album, text = await bot.inbox.count(2)

    assert isinstance(album, Posted)
    assert isinstance(text, Posted)
    assert "look at these" == album.message.text
    assert [name for name, _ in FILES] == [one.name for one in album.message.attachments]
    assert "well?" == text.message.text


async def test_an_album_is_whole_when_nothing_more_comes(telegram: TelegramSimulator) -> None:
    """And not before."""
    clock = FakeClock()
    async with connected(telegram, clock=clock) as bot:
        await telegram.say("ada", "look", where="direct", files=FILES)
        await clock.wait_for_sleepers()
        assert [] == bot.inbox.events
        await clock.advance(QUIET_S * 2)
        (album,) = await bot.inbox.count(1)

    assert isinstance(album, Posted)
    assert 5 == len(album.message.attachments)


async def test_an_album_waits_while_the_core_has_no_room(telegram: TelegramSimulator) -> None:
    """It is on disk."""
    inbox = Arrivals()
    inbox.failures.append(Busy("full"))
    clock = FakeClock()
    async with connected(telegram, inbox=inbox, clock=clock):
        await telegram.say("ada", "look", where="direct", files=FILES)
        await clock.wait_for_sleepers()
        await clock.advance(QUIET_S * 4)
        await inbox.count(1)

    assert 2 == inbox.calls


async def test_after_a_crash_an_album_goes_on(telegram: TelegramSimulator) -> None:
    """Its parts were confirmed, so only our memory has them."""
    memory, clock = Notes(), FakeClock()
    async with connected(telegram, memory=memory, clock=clock):
        await telegram.say("ada", "look", where="direct", files=FILES)
        await clock.wait_for_sleepers()
    async with connected(telegram, memory=memory, clock=clock) as bot:
        await clock.wait_for_sleepers()
        await clock.advance(QUIET_S * 2)
        (album,) = await bot.inbox.count(1)

    assert isinstance(album, Posted)
    assert 5 == len(album.message.attachments)


async def test_a_crash_right_after_handing_over_repeats_the_same_album() -> None:
    """A part that comes after it must not change what is repeated, and must not be lost."""
    memory, clock, desk = Notes(), FakeClock(), Desk()
    desk.crashes_after = True

    async def until_it_crashes() -> None:
        async with asyncio.TaskGroup() as group:
            await take(Albums(memory, clock, desk.hand_over, group), 1, 2)
            await clock.advance(QUIET_S * 2)

    with pytest.raises(BaseExceptionGroup):
        await until_it_crashes()
    desk.crashes_after = False
    async with asyncio.TaskGroup() as group:
        albums = Albums(memory, clock, desk.hand_over, group)
        await albums.resume()
        late = await take(albums, 3, 2)
        await clock.advance(QUIET_S * 2)

    assert [[1, 2], [1, 2]] == desk.taken
    assert [False, True] == late


async def test_a_part_that_comes_again_is_known_and_a_late_one_is_its_own_message() -> None:
    """For as long as Telegram repeats updates."""
    memory, clock, desk = Notes(), FakeClock(), Desk()
    async with asyncio.TaskGroup() as group:
        albums = Albums(memory, clock, desk.hand_over, group)
        again = await take(albums, 2, 1, 1)
        await clock.advance(QUIET_S * 2)
        after = await take(albums, 1, 2, 3)

    assert [True, True, True] == again
    assert [True, True, False] == after
    assert [[1, 2]] == desk.taken


async def test_parts_that_come_at_once_are_all_kept() -> None:
    """A webhook brings them side by side."""
    memory, clock, desk = Notes(), FakeClock(), Desk()
    async with asyncio.TaskGroup() as group:
        albums = Albums(memory, clock, desk.hand_over, group)
        await asyncio.gather(*(take(albums, number) for number in range(1, 11)))
        await clock.advance(QUIET_S * 2)

    assert [list(range(1, 11))] == desk.taken
