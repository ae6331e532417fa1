"""Stay connected: resume where Discord allows it, begin anew where it does not, and read what was missed then."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import aiohttp
import discord
from discord.gateway import ReconnectWebSocket

from quarterdeck.core.adapter import Link, PlatformContext
from quarterdeck.core.errors import AuthFailed, QuarterdeckError, Rejected
from quarterdeck.runtime.process.tasks import pause_after, unwrapped
from quarterdeck_adapters.discord import ids
from quarterdeck_adapters.discord.api.rest import Rest
from quarterdeck_adapters.discord.errors import INTENT_HINT, closed, failure_of
from quarterdeck_adapters.discord.gateway.backfill import Backfill
from quarterdeck_adapters.discord.gateway.budget import Budget
from quarterdeck_adapters.discord.gateway.intake import Intake
from quarterdeck_adapters.discord.gateway.socket import Socket
from quarterdeck_adapters.discord.gateway.state import LIMIT_S, Gap, State
from quarterdeck_adapters.discord.parse import events_of
from quarterdeck_adapters.discord.world import World

# docs.discord.com/developers/events/gateway, "Gateway intents", 2026-11-21
GUILDS, GUILD_MEMBERS, GUILD_MESSAGES, GUILD_REACTIONS = 1 << 0, 1 << 1, 1 << 9, 1 << 10
DIRECT_MESSAGES, DIRECT_REACTIONS, MESSAGE_CONTENT = 1 << 12, 1 << 13, 1 << 15
PLAIN: Final = GUILDS | GUILD_MESSAGES | GUILD_REACTIONS | DIRECT_MESSAGES | DIRECT_REACTIONS
# docs.discord.com/developers/resources/application, "Application flags", 2026-11-21
MEMBERS_ALLOWED: Final = (1 << 14) | (1 << 15)

LOST: Final = frozenset({4003, 4007, 4009})  # close codes after which the session is no more
GUILDS_S: Final = 5.0  # how long the servers may take to come after READY
INVALID_S: Final = (1.0, 5.0)  # the wait that Discord asks for after an invalid session
TRIES_AT_RESUME_URL: Final = 3
GAP_PAUSE_S: Final = 60.0

Data = Mapping[str, Any]

log = logging.getLogger(__name__)


class Interactions(Protocol):
    """Take interactions that come over the gateway."""

    async def arrive(self, data: Data) -> None:
        """Accept one and answer it; returns when it is on disk."""


class Gateway:
    """Hold the connection for as long as `run` runs."""

    def __init__(
        self,
        rest: Rest,
        context: PlatformContext,
        world: World,
        intake: Intake,
        *,
        gateway_url: str | None,
        interactions: Interactions,
        linked: Callable[[Link], None],
    ) -> None:
        self._rest, self._clock, self._world, self._intake = rest, context.clock, world, intake
        self._gateway_url, self._interactions, self._linked = gateway_url, interactions, linked
        self._state = State(context.memory, context.clock, world, intake)
        self._budget = Budget(context.memory, context.clock)
        self._backfill = Backfill(rest, world, context.clock, away_s=context.away_s)
        self._refused = 0  # intents that Discord does not grant us
        self._last: int | None = None  # the number of the last event that this process was given
        self._coming: set[str] = set()
        self._guilds_here = asyncio.Event()
        self._up = asyncio.Event()

    async def run(self, token: str) -> None:
        """Hand over what happens until cancelled.

        Raises:
            AuthFailed: Discord refuses the token.
            Rejected: Discord closed the gateway for good.
        """
        await self._state.load()
        try:
            with unwrapped():
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._state.keep(), name="discord:state")
                    tasks.create_task(self._fill_gaps(), name="discord:backfill")
                    await self._hold(token)
        finally:
            await self._intake.drain(LIMIT_S)
            await self._state.save(is_end=True)

    async def _hold(self, token: str) -> None:
        failures = 0
        while True:
            self._linked("connecting")
            pause_s = 0.0
            self._up.clear()
            try:
                await self._connection(token, failures)
            except ReconnectWebSocket as error:
                failures = 0 if self._up.is_set() else failures + 1
                if not error.resume:
                    log.info("Discord ended the session; a new one begins")
                    self._lose()
                    pause_s = random.uniform(*INVALID_S)  # noqa: S311  spreads load, guards nothing
            except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
                failures = 1 if self._up.is_set() else failures + 1
                self._judge(error, failures)
            except QuarterdeckError as error:
                failures += 1
                if not getattr(error, "retryable", False):
                    raise
                log.warning("Discord not reached", extra={"error": error.message, "failures": failures})
            if failures > 0:
                pause_s = max(pause_s, pause_after(failures))
            await self._clock.sleep(pause_s)

    def _judge(self, error: Exception, failures: int) -> None:
        """Go on, anew where the session is no more.

        Raises:
            ServiceError: going on makes no sense.
        """
        code = error.code if isinstance(error, discord.ConnectionClosed) else None
        failure = failure_of(error, method="GET") if code is None else closed(code)
        if isinstance(failure, AuthFailed):
            raise failure from error
        if isinstance(failure, Rejected):
            if failure.status != 4014 or self._refused == GUILD_MEMBERS | MESSAGE_CONTENT:
                raise failure from error
            self._refused = GUILD_MEMBERS | MESSAGE_CONTENT
            log.error("Discord refuses the privileged intents", extra={"hint": INTENT_HINT})
            return
        if failures == 1:
            log.warning("Discord's gateway broke off; connecting anew", extra={"error": failure.message})

    async def _connection(self, token: str, failures: int) -> None:
        """Hold one connection; ends with an error only."""
        session = self._state.session
        url = session.url if session is not None and session.url and failures < TRIES_AT_RESUME_URL else ""
        socket = await Socket.connect(
            self._rest, url or await self._address(), token=token, dispatch=self._dispatch
        )
        try:
            if session is not None:
                socket.session_id = session.id
                socket.sequence = session.number if self._last is None else self._last
                await socket.resume()
            else:
                intents = await self._intents()
                await self._budget.spend()
                self._lose()
                await socket.identify(intents)
            while True:
                if not self._intake.has_room:
                    socket.is_held = True
                    await self._intake.room()
                    socket.is_held = False
                await socket.poll_event()
        finally:
            await socket.end()
            if socket.socket.close_code in LOST:
                self._lose()

    def _lose(self) -> None:
        self._last = None
        self._state.lose()

    async def _address(self) -> str:
        if self._gateway_url:
            return self._gateway_url
        said = await self._rest.call("GET", "/gateway/bot")
        limit = said.get("session_start_limit") or {}
        if self._state.session is None and limit.get("remaining") == 0:
            wait_s = limit.get("reset_after", 0) / 1000
            log.error("Discord allows no new session for now", extra={"wait_s": round(wait_s)})
            await self._clock.sleep(wait_s)
        return str(said["url"])

    async def _intents(self) -> int:
        """Ask for the content of messages until it is refused, for members where the portal says that we may."""
        intents = PLAIN | MESSAGE_CONTENT
        try:
            application = await self._rest.call("GET", "/oauth2/applications/@me")
        except Rejected:  # it says no more than what we may ask for
            application = {}
        if int(application.get("flags") or 0) & MEMBERS_ALLOWED:
            intents |= GUILD_MEMBERS
        return intents & ~self._refused

    def _dispatch(self, name: str, number: int, data: Data) -> None:
        """Take an event; one that cannot be understood is left out, the next ones are not."""
        self._last = number
        self._state.touch()
        try:
            if name == "INTERACTION_CREATE":
                self._intake.run(number, self._interactions.arrive(data))
                return
            self._learn(name, number, data)
            session = self._state.session
            events = events_of(
                name,
                data,
                world=self._world,
                session=session.id if session else "",
                number=number,
                at=self._clock.now(),
            )
            if name == "MESSAGE_CREATE":
                self._world.saw(data["channel_id"], data.get("guild_id") or "", data["id"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("Event not understood", extra={"event": name, "error": repr(error)})
            events = ()
        self._intake.take(number, events)

    def _learn(self, name: str, number: int, data: Data) -> None:
        match name:
            case "READY":
                self._ready(data, number)
            case "RESUMED":
                log.info("Discord's session goes on")
                self._guilds_here.set()
                self._receiving()
            case "GUILD_CREATE":
                self._world.guild_came(data)
                self._coming.discard(str(data["id"]))
                if not self._coming:
                    self._guilds_here.set()
            case "GUILD_DELETE":
                self._world.guild_went(data)
            case "THREAD_CREATE" | "THREAD_LIST_SYNC":
                self._world.threads_came(data)

    def _ready(self, data: Data, number: int) -> None:
        self._world.bot = str(data["user"]["id"])
        self._coming = {str(guild["id"]) for guild in data.get("guilds") or ()}
        self._world.guilds = set(self._coming)
        self._guilds_here.clear()
        if not self._coming:
            self._guilds_here.set()
        self._state.begin(str(data["session_id"]), str(data.get("resume_gateway_url") or ""), number)
        log.info("Discord's session begins", extra={"guilds": len(self._coming)})
        self._receiving()

    def _receiving(self) -> None:
        self._up.set()
        self._linked("receiving")

    async def _fill_gaps(self) -> None:
        """Read what was missed, each time that a new session stands; what comes meanwhile in there waits."""
        while True:
            await self._state.is_due.wait()
            self._state.is_due.clear()
            await self._up.wait()
            try:
                async with asyncio.timeout(GUILDS_S):
                    await self._guilds_here.wait()
            except TimeoutError:
                log.info("Not every server came", extra={"missing": len(self._coming)})
            if self._state.gap is not None and not await self._fill(self._state.gap):
                await self._clock.sleep(GAP_PAUSE_S)
                self._state.is_due.set()

    async def _fill(self, gap: Gap) -> bool:
        """Read one gap; False where Discord did not give all of it: it stays a gap."""
        channels = self._backfill.channels(gap)
        held = {one: ids.conversation(self._world.guild_of.get(one, ""), one).id for one in channels}
        self._intake.hold(held.values())
        count = 0
        try:
            for channel, after in channels.items():
                count += await self._backfill.read(channel, after, self._intake.late)
                await self._intake.release(held.pop(channel))
            await self._state.close_gap()
        except QuarterdeckError as error:
            log.error("What was missed is not read yet", extra={"error": error.message})
            return False
        finally:
            for place in held.values():
                await self._intake.release(place)
        log.info("Read what was missed", extra={"messages": count, "channels": len(channels)})
        return True
