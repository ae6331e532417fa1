"""Platforms are told which commands there are, again after a failure, and when the set changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Command
from quarterdeck.core.errors import RateLimited, Rejected, ServiceError
from quarterdeck.router.command.catalogue import Catalogue
from quarterdeck.router.native.offering import Offering
from quarterdeck.runtime.platform_facts import PlatformFacts
from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.platform import FakePlatform


async def never(call: object) -> None:
    """Stand in for a handler."""


def command(name: str) -> Command:
    """Declare a command."""
    return Command(name=name, summary="Do it", handler=never)


class Native(FakePlatform):
    """Take commands, or fail as told."""

    def __init__(self, platform: str = "fake") -> None:
        super().__init__(platform, abilities=[Ability.COMMANDS])
        self.offered: list[list[str]] = []
        self.refusals: list[ServiceError] = []
        self.tried = asyncio.Event()
        self.tries_to_declare = 0

    async def declare(self, commands) -> None:
        """Take a set."""
        self.tries_to_declare += 1
        self.tried.set()
        if self.refusals:
            raise self.refusals.pop(0)
        self.offered.append([command.name for command in commands])

    async def next(self) -> None:
        """Wait for the next try."""
        async with asyncio.timeout(10):
            await self.tried.wait()
        self.tried.clear()


def facts(platform: str) -> PlatformFacts:
    """State the facts of a platform."""
    return PlatformFacts(
        id=platform, name=platform, proof="live", source="here", checked_on=date(2026, 11, 21),
        abilities=(Ability.COMMANDS,),
    )  # fmt: skip


@asynccontextmanager
async def serving(offering: Offering) -> AsyncIterator[Callable[[], None]]:
    """Let it serve while the block runs."""
    task = asyncio.create_task(offering.serve())
    yield offering.refresh
    task.cancel()
    await asyncio.wait([task])


async def test_the_set_is_offered_once_and_again_when_it_changes() -> None:
    """A refresh without a change sends nothing."""
    platform, commands = Native(), Catalogue([command("a")])
    async with serving(Offering({"fake": platform}, facts, commands, FakeClock())) as refresh:
        await platform.next()
        refresh()
        commands._commands["b"] = command("b")
        refresh()
        await platform.next()

    assert [["a"], ["a", "b"]] == platform.offered


async def test_a_platform_that_fails_is_asked_again_and_the_others_do_not_wait() -> None:
    """Later each time, as long as it asked for, and rarely where it refused for good."""
    clock, platform, other = FakeClock(), Native(), Native("other")
    platform.refusals = [
        ServiceError("down", service="fake", retryable=True),
        RateLimited("slow", service="fake", retry_after_s=7.0),
        Rejected("no", service="fake", status=400),
    ]
    offering = Offering({"fake": platform, "other": other}, facts, Catalogue([command("a")]), clock)
    async with serving(offering):
        await platform.next()
        await other.next()
        for wait_s in (1.0, 7.0, 300.0):
            await clock.wait_for_sleepers()
            await clock.advance(wait_s)
            await platform.next()

    assert ([["a"]], [["a"]], 4) == (other.offered, platform.offered, platform.tries_to_declare)


async def test_a_platform_without_commands_is_left_alone() -> None:
    """There is nothing to declare."""
    bare = FakePlatform()
    async with asyncio.timeout(10):
        await Offering({"fake": bare}, facts, Catalogue([command("a")]), FakeClock()).serve()

    assert not hasattr(bare, "offered")


async def test_a_platform_whose_commands_stand_in_its_manifest_keeps_no_other_from_its_own() -> None:
    """Slack has native commands and nothing to declare them with; Discord beside it still gets its set."""
    by_manifest = FakePlatform("slack", abilities=[Ability.COMMANDS])
    native = Native("discord")
    adapters = {"slack": by_manifest, "discord": native}
    offering = Offering(adapters, facts, Catalogue([command("ping")]), FakeClock())
    async with serving(offering):
        await native.next()

    assert [["ping"]] == [[name for name in offered if name == "ping"] for offered in native.offered]
