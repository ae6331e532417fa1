"""Be Discord: `async with DiscordSimulator() as discord: …`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from quarterdeck.core.ports import Clock
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.testing.simulator.discord.commands import Commands
from quarterdeck.testing.simulator.discord.door import PATH, Door
from quarterdeck.testing.simulator.discord.events import Events
from quarterdeck.testing.simulator.discord.forms import filled, seen_form
from quarterdeck.testing.simulator.discord.gateway import Gateway
from quarterdeck.testing.simulator.discord.interactions import Interaction, Interactions
from quarterdeck.testing.simulator.discord.pace import BAN_COUNT, Pace
from quarterdeck.testing.simulator.discord.people import People
from quarterdeck.testing.simulator.discord.rest import BASE, Rest, name_of, refuse
from quarterdeck.testing.simulator.discord.seen import seen_message
from quarterdeck.testing.simulator.discord.signing import Signer
from quarterdeck.testing.simulator.discord.site import Site
from quarterdeck.testing.simulator.discord.world import CONTENT_BIT, THREAD, Channel, World
from quarterdeck.testing.simulator.faults import Faults
from quarterdeck.testing.simulator.platform import Fault, SeenForm, SeenMessage
from quarterdeck.testing.simulator.server import LoopbackServer
from quarterdeck.testing.simulator.waiting import Changes

TOKEN: Final = "c2ltdWxhdGVk.simulated.discord-bot-token"  # noqa: S105 - of nobody
MEMBERS_BIT: Final = 1 << 1
COMPLETE_WITHIN_S: Final = 10.0


class DiscordSimulator:
    """Implement `SimulatedPlatform`.

    `enforce_limits` holds the bot to rate limits and to one identify in 5 s on `clock`. `privileged` are the privileged
    intents that the application was given, as bits. `identify_limit` sessions a day, then the token is reset.
    `ban_after` wrong requests in ten minutes shut the address out. What Discord fetched to show previews is in
    `world.previewed`.
    """

    platform: Final = "discord"

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        enforce_limits: bool = False,
        privileged: int = CONTENT_BIT | MEMBERS_BIT,
        identify_limit: int = 1000,
        heartbeat_s: float = 41.25,
        ban_after: int = BAN_COUNT,
    ) -> None:
        self._clock = clock or SystemClock()
        self._changes = Changes()
        self._faults = Faults(self._clock)
        self._signer = Signer()
        self.world = World(self._clock)
        self.gateway = Gateway(
            self.world,
            self._clock,
            self._faults,
            lambda: self._server,
            privileged=privileged,
            identify_limit=identify_limit,
            heartbeat_s=heartbeat_s,
            is_strict=enforce_limits,
            changed=self._changes.tell,
        )
        self.gateway.token = TOKEN
        events = Events(self.world, self.gateway)
        interactions = Interactions(self.world, events, self._cdn, self._changes.tell)
        self.site = Site(
            world=self.world,
            gateway=self.gateway,
            events=events,
            commands=Commands(self.world),
            interactions=interactions,
            cdn=self._cdn,
            changed=self._changes.tell,
            privileged=privileged,
            public_key=self._signer.public_key,
        )
        self.rest = Rest(
            lambda: self.site, Pace(self._clock, is_enforced=enforce_limits, ban_after=ban_after)
        )
        self._door = Door(self._clock, self._faults, self._signer, interactions, self.rest.refused.append)
        self._people = People(self.site, self._deliver)
        self._server = LoopbackServer(
            [*self.gateway.routes(), *self.rest.routes()],
            middlewares=[self._faults.middleware(name_of, refuse)],
        )
        self._returned: set[tuple[str, str, int, str]] = set()

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.site.interactions.close()
        await self._door.close()
        await self._faults.close()
        await self._server.__aexit__(*exc)

    @property
    def url(self) -> str:
        """Return the base of the REST API."""
        return f"{self._server.url}{BASE}"

    @property
    def gateway_url(self) -> str:
        """Return what GET /gateway/bot says."""
        return f"{self._server.socket_url}/gateway"

    @property
    def changes(self) -> Changes:
        """Wake whoever waits until something is different there."""
        return self._changes

    def environment(self) -> Mapping[str, str]:
        """Return the environment that connects a bot to it."""
        section = "QUARTERDECK__PLATFORMS__DISCORD"
        return {
            "DISCORD_TOKEN": TOKEN,
            f"{section}__API_URL": self.url,
            f"{section}__CDN_URL": self._cdn(),
            f"{section}__PUBLIC_KEY": self._signer.public_key,
        }

    def connect_http(self, base_url: str) -> None:
        """Bring interactions to the bot's web server; messages still come over the gateway."""
        self._door.url = f"{base_url.rstrip('/')}{PATH}"

    def identity(self, user: str) -> str:
        """Return how the bot knows a person."""
        return f"discord::{self.world.person(user).id}"

    async def ready(self, timeout_s: float = 30.0) -> None:
        """Return once a session is connected, or interactions go out over HTTP."""
        await self._changes.until(
            lambda: self.gateway.is_connected or bool(self._door.url),
            timeout_s=timeout_s,
            what="a bot on the gateway",
        )

    async def say(
        self,
        user: str,
        text: str,
        *,
        where: str = "general",
        thread: str = "",
        files: Sequence[tuple[str, bytes]] = (),
    ) -> str:
        """Let a person write. `thread` is a thread, or a message to begin one at."""
        return str((await self._people.write(user, text, where, thread, files)).id)

    async def edit(self, user: str, message: str, text: str, *, where: str = "general") -> None:
        """Let a person change their message."""
        await self._people.rewrite(user, message, text, where)

    async def delete(self, user: str, message: str, *, where: str = "general") -> None:
        """Let a person take a message away."""
        await self._people.remove(user, message, where)

    async def command(
        self, user: str, name: str, options: Mapping[str, object] | str, *, where: str = "general"
    ) -> None:
        """Let a person use a command; a bare text belongs to its first option."""
        await self._people.command(user, name, options, where)

    async def complete(
        self, user: str, name: str, option: str, typed: str, *, where: str = "general"
    ) -> list[str]:
        """Return what the person's client offers while they type."""
        found = await self._people.complete(user, name, option, typed, where)
        if isinstance(found, list):
            return found
        await self._until_over(found)
        return [str(choice["name"]) for choice in found.choices or ()]

    async def press(self, user: str, label: str, *, where: str = "general", message: str = "") -> None:
        """Let a person press the newest button of this label, or that of `message`."""
        await self._people.press(user, label, where, message)

    async def form(self, user: str) -> SeenForm | None:
        """Return the form that is open before a person."""
        found = self.site.interactions.forms.get(user)
        return seen_form(found.form) if found is not None and found.form else None

    async def wait_for_form(self, user: str, timeout_s: float = 20.0) -> SeenForm:
        """Return the form that opens before a person."""
        found = await self._changes.until(
            lambda: self.site.interactions.forms.get(user), timeout_s=timeout_s, what=f"a form before {user}"
        )
        return seen_form(found.form or {})

    async def submit(self, user: str, values: Mapping[str, str]) -> None:
        """Let a person fill the open form in, by label, and send it."""
        found = self.site.interactions.forms.get(user)
        if found is None or found.form is None:
            raise LookupError("no form is open")
        components = filled(found.form, values)
        del self.site.interactions.forms[user]
        await self._until_over(await self._people.submit(user, found, components))

    async def react(self, user: str, message: str, emoji: str, *, where: str = "general") -> None:
        """Let a person put an emoji under a message."""
        await self._people.react(user, message, emoji, where)

    async def seen(self, user: str, *, where: str = "general") -> list[SeenMessage]:
        """Return what `user` sees there and in its threads, oldest first."""
        return self._seen(user, await self._people.place(user, where))

    async def wait_for(
        self, user: str, text: str, *, where: str = "general", timeout_s: float = 20.0
    ) -> SeenMessage:
        """Return the first message of somebody else, not returned before, that contains `text`."""
        channel = await self._people.place(user, where)
        known: dict[tuple[int, int, int], SeenMessage] = {}

        def look() -> SeenMessage | None:
            for message in self._seen(user, channel, known):
                key = (user, message.id, message.edits, message.text)
                is_new = message.author != user and not message.is_deleted and key not in self._returned
                if is_new and text in message.text:
                    self._returned.add(key)
                    return message
            return None

        def what() -> str:
            return f"{text!r} in {where}; there is {[one.text for one in self._seen(user, channel)]}"

        return await self._changes.until(look, timeout_s=timeout_s, what=what)

    def fail(self, fault: Fault) -> None:
        """Order a fault; `where` is a request (`POST messages`), an event (`MESSAGE_CREATE`), or `download`."""
        self._faults.order(fault)

    def refusals(self) -> Sequence[str]:
        """Return what Discord had to refuse, with the codes that it closed sockets with."""
        return (*self.rest.refused, *(f"gateway: closed with {code}" for code in self.gateway.closes))

    async def give_role(self, user: str, role: str) -> str:
        """Give a person a role; returns its number."""
        person = self.world.person(user)
        person.roles.add(role)
        number = self.world.role(role)
        await self.site.events.member(person)
        return str(number)

    async def take_role(self, user: str, role: str) -> None:
        """Take a role away again."""
        person = self.world.person(user)
        person.roles.discard(role)
        await self.site.events.member(person)

    async def forbid(self, what: str, *, where: str = "general") -> None:
        """Take a permission from the bot: view, send, history, react, threads, files, manage."""
        (await self._people.place("admin", where)).denied.add(what)

    async def remove_channel(self, where: str) -> None:
        """Take a channel away."""
        channel = await self._people.place("admin", where)
        channel.is_gone = True
        await self.site.events.channel("CHANNEL_DELETE", channel)

    def reset_token(self) -> None:
        """Make the token invalid, as after a reset in the developer portal."""
        self.gateway.token = ""

    async def _deliver(self, one: Interaction, body: dict[str, Any]) -> None:
        if self._door.url:
            await self._door.deliver(one, body)
        elif self.gateway.is_connected:
            await self.site.events.interaction(body)
        else:
            self.site.interactions.give_up(one)

    async def _until_over(self, one: Interaction) -> None:
        await self._changes.until(lambda: one.is_over, timeout_s=COMPLETE_WITHIN_S, what="the bot's answer")

    def _seen(
        self, user: str, channel: Channel, known: dict[tuple[int, int, int], SeenMessage] | None = None
    ) -> list[SeenMessage]:
        """Return what a person sees; `known` keeps what was read before, for who looks again and again."""
        known = {} if known is None else known
        places = {channel.id} | {one.id for one in self.world.channels.values() if one.parent == channel.id}
        found: list[SeenMessage] = []
        for message in self.world.messages.values():
            if message.channel.id not in places or message.to not in ("", user):
                continue
            key = (message.id, message.edits, message.flags + message.is_deleted)
            if key not in known:
                known[key] = seen_message(self.world, message, message.channel.type == THREAD)
            found.append(known[key])
        return sorted(found, key=lambda one: int(one.id))

    def _cdn(self) -> str:
        return f"{self._server.url}/cdn"
