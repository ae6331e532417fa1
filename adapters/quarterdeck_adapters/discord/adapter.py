"""Connect Discord: its gateway, and signed calls to `/discord/interactions` where the public key is set.

The SDK is imported in a thread, when the adapter connects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from quarterdeck.core.adapter import Ability, Accept, Link, Pace, PlatformContext, Rendered
from quarterdeck.core.command import Command
from quarterdeck.core.errors import AuthFailed, Rejected, Unavailable
from quarterdeck.core.event import Event
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.network.routes import Route
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_adapters.discord import ids
from quarterdeck_adapters.discord.api import sdk
from quarterdeck_adapters.discord.gateway.intake import Intake
from quarterdeck_adapters.discord.interactions.answers import Answers, Open, Response
from quarterdeck_adapters.discord.interactions.interactions import Interactions
from quarterdeck_adapters.discord.render import render
from quarterdeck_adapters.discord.settings import DiscordSettings
from quarterdeck_adapters.discord.world import World

if TYPE_CHECKING:
    from quarterdeck_adapters.discord.api.people import People
    from quarterdeck_adapters.discord.api.rest import Rest
    from quarterdeck_adapters.discord.writing.posting import Posting

ABILITIES: Final = frozenset(
    {
        Ability.BUTTONS,
        Ability.COMMANDS,
        Ability.COMPLETION,
        Ability.DIRECT,
        Ability.EDIT,
        Ability.FILES,
        Ability.FORMS,
        Ability.HISTORY,
        Ability.IDEMPOTENT,
        Ability.MEMBERS,
        Ability.PRIVATE,
        Ability.REACTIONS,
        Ability.THREADS,
        Ability.TYPING,
    }
)
# docs.discord.com/developers/topics/rate-limits, 2026-11-21: 50 a second in all; a channel takes 5 in 5 s (its headers)
PACE: Final = Pace(conversation_s=1.0, per_second=45.0, edit_s=1.2)
AUTH_AGAIN_S: Final = 600.0  # between two tries with a refused token
TOKEN_LOOK_S: Final = 30.0  # between two looks whether there is another one

log = logging.getLogger(__name__)


def build(context: PlatformContext) -> DiscordAdapter:
    """Return the adapter; it connects when it runs."""
    return DiscordAdapter(context)


class _Connection:
    """Hold what a token opens."""

    def __init__(self, token: str, rest: Rest, posting: Posting, people: People) -> None:
        self.token, self.rest, self.posting, self.people = token, rest, posting, people


class DiscordAdapter:
    """Be one bot on Discord: the ports of `core/adapter.py` that its abilities name."""

    platform = ids.PLATFORM
    abilities = ABILITIES
    pace = PACE

    def __init__(self, context: PlatformContext) -> None:
        settings = context.settings
        if not isinstance(settings, DiscordSettings):
            raise TypeError("the settings are not those of platforms.discord")
        self._context, self._settings = context, settings
        self._world = World()
        self._answers = Answers(context.memory, context.clock)
        self._interactions = Interactions(context, self._answers, self._give)
        self._routes = self._door()
        self._opening = asyncio.Lock()
        self._connection: _Connection | None = None
        self._is_off = False  # it has run, and nothing more is opened
        self._silent: set[str] = set()  # channels where we may not show that we type
        self.link: Link = "connecting"

    def routes(self) -> Sequence[Route]:
        """Declare where Discord calls; nothing without the public key."""
        return self._routes

    def render(self, reply: Reply) -> list[Rendered]:
        """Write `reply` as messages of at most 2,000 characters."""
        return render(reply)

    async def run(self, accept: Accept) -> None:
        """Take events until cancelled. A refused token stops that, says so once, and is looked at again later."""
        refused, self._is_off = "", False
        try:
            while True:
                try:
                    await self._serve(accept)
                except AuthFailed as error:
                    self.link = "needs_auth"
                    token = self._token()
                    if refused != token:
                        log.error("Discord refuses our token", extra={"hint": error.hint})
                    refused = token
                await self._close()
                await self._until_another_token(refused)
        finally:
            self._is_off = True
            await self._close()
            self.link = "off"

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post a part, in answer to an interaction where that can still be; returns the message's id.

        Raises:
            ServiceError: what happened.
        """
        return await (await self._connected()).posting.send(to, part, key)

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Replace a message of ours.

        Raises:
            ServiceError: what happened.
        """
        await (await self._connected()).posting.edit(to, message_id, part)

    async def typing(self, to: Conversation) -> None:
        """Show for ten seconds that an answer is on its way; a channel that refuses it is not asked again."""
        channel = ids.place_of(to).channel
        if channel in self._silent:
            return
        try:
            rest = (await self._connected()).rest
            await rest.call("POST", "/channels/{channel_id}/typing", channel_id=channel)
        except Rejected:
            self._silent.add(channel)

    async def react(self, to: Conversation, message_id: str, emoji: str) -> None:
        """Put an emoji under a message.

        Raises:
            ServiceError: what happened.
        """
        await (await self._connected()).rest.call(
            "PUT",
            f"/channels/{{channel_id}}/messages/{{message_id}}/reactions/{quote(emoji, safe=':')}/@me",
            channel_id=ids.place_of(to).channel,
            message_id=message_id,
        )

    async def download(self, attachment: Attachment, into: Path, *, limit_bytes: int) -> None:
        """Write a file that came with a message to `into`.

        Raises:
            UsageError: it is larger than `limit_bytes`.
            ServiceError: Discord did not give it.
        """
        rest = (await self._connected()).rest
        await (await in_thread(sdk.load)).download(
            rest, self._settings.cdn_url, attachment, into, limit_bytes=limit_bytes
        )

    async def members(self, of: Conversation) -> frozenset[Identity] | None:
        """Return who reads a direct conversation or a private thread; None elsewhere.

        Raises:
            ServiceError: Discord did not say.
        """
        return await (await self._connected()).people.members(of)

    async def groups_of(self, identity: Identity) -> frozenset[str]:
        """Return the roles that somebody has now.

        Raises:
            ServiceError: Discord did not say.
        """
        return await (await self._connected()).people.groups_of(identity)

    async def direct(self, identity: Identity) -> Conversation | None:
        """Return the direct conversation with somebody; None where Discord allows none.

        Raises:
            ServiceError: Discord did not open it.
        """
        try:
            channel = await (await self._connected()).posting.direct_with(identity.user_id)
        except Rejected:
            return None
        return ids.conversation("", channel)

    async def declare(self, commands: Sequence[Command]) -> None:
        """Make Discord offer these commands and no others.

        Raises:
            ServiceError: Discord refused; the old set stays.
        """
        rest = (await self._connected()).rest
        declaring = (await in_thread(sdk.load)).declaring
        await declaring(rest, self._context.memory, self._settings.guild_ids).declare(commands)

    async def _serve(self, accept: Accept) -> None:
        """Hold the gateway; ends with an error only."""
        self.link = "connecting"
        connection = await self._connected()

        async def take(event: Event) -> bool:
            is_new = await accept(event)
            if is_new:
                connection.posting.came(event.key)
            return is_new

        self._interactions.open(take)
        gateway = (await in_thread(sdk.load)).gateway(
            connection.rest,
            self._context,
            self._world,
            Intake(take, self._context.clock),
            gateway_url=self._settings.gateway_url,
            interactions=self._interactions,
            linked=self._linked,
        )
        await gateway.run(connection.token)

    async def _connected(self) -> _Connection:
        """Return the connection; it is opened when it is first needed.

        Raises:
            ServiceError: Discord refused the token, or is not there.
        """
        if self._connection is not None:
            return self._connection
        if self._is_off:
            raise Unavailable("the bot is stopping", service=self.platform)
        async with self._opening:
            if self._connection is None:
                self._connection = await self._open()
            return self._connection

    async def _open(self) -> _Connection:
        loaded, token = await in_thread(sdk.load), self._token()
        context, world = self._context, self._world
        rest = loaded.rest(self._settings.api_url, context.clock)
        try:
            me = await rest.login(token)
        except BaseException:
            await rest.close()
            raise
        if self._is_off:
            await rest.close()
            raise Unavailable("the bot is stopping", service=self.platform)
        world.bot = str(me["id"])
        posting = loaded.posting(rest, self._answers, context.memory, context.clock, world)
        people = loaded.people(rest, world, context.clock, self._settings.guild_ids)
        return _Connection(token, rest, posting, people)

    async def _close(self) -> None:
        await self._interactions.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.rest.close()

    async def _give(self, response: Response, entry: Open) -> None:
        await (await self._connected()).posting.give(response, entry)

    async def _until_another_token(self, refused: str) -> None:
        clock = self._context.clock
        until_s = clock.monotonic() + AUTH_AGAIN_S
        while self._token() == refused and clock.monotonic() < until_s:
            await clock.sleep(TOKEN_LOOK_S)

    def _token(self) -> str:
        return self._context.secret(self._settings.token).strip()

    def _linked(self, link: Link) -> None:
        self.link = link

    def _door(self) -> Sequence[Route]:
        if self._settings.public_key is None:
            return ()
        from quarterdeck_adapters.discord.interactions.door import Door

        door = Door(self._settings.public_key, self._interactions, self._answers, self._context.clock)
        return door.routes()
