"""Be a Slack workspace with one app in it, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal, Self

from aiohttp import web

from quarterdeck.core.ports import Clock
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.testing.simulator.faults import Faults
from quarterdeck.testing.simulator.platform import Fault, SeenButton, SeenMessage
from quarterdeck.testing.simulator.server import LoopbackServer
from quarterdeck.testing.simulator.slack.actors import Actors
from quarterdeck.testing.simulator.slack.api.files import receive_upload, send_file
from quarterdeck.testing.simulator.slack.api.pace import RateLimits
from quarterdeck.testing.simulator.slack.api.posting import seen_of
from quarterdeck.testing.simulator.slack.api.registry import Site
from quarterdeck.testing.simulator.slack.api.server import SCOPES, WebApi, refuse
from quarterdeck.testing.simulator.slack.delivery.answers import Answers
from quarterdeck.testing.simulator.slack.delivery.deliveries import Deliveries, Delivery
from quarterdeck.testing.simulator.slack.delivery.events import event_callback, with_addresses
from quarterdeck.testing.simulator.slack.delivery.http import HttpDoor
from quarterdeck.testing.simulator.slack.delivery.sockets import Reason, SocketDoor
from quarterdeck.testing.simulator.slack.markup.emoji import sign_of
from quarterdeck.testing.simulator.slack.views import OpenForms
from quarterdeck.testing.simulator.slack.workspace import Payload, Post, Workspace
from quarterdeck.testing.simulator.waiting import Changes

BOT_TOKEN: Final = "xoxb-simulated-bot"  # noqa: S105  # opens nothing but this simulator
APP_TOKEN: Final = "xapp-simulated-app"  # noqa: S105
SIGNING_SECRET: Final = "simulated-signing-key"  # noqa: S105
API_URL: Final = "QUARTERDECK__PLATFORMS__SLACK__API_URL"


class SlackSimulator(Actors):
    """Implement `SimulatedPlatform` for Slack.

    `commands` are the slash commands in the app's manifest, None for any. `scopes` are what the bot token may do,
    `subscribed` the events it gets, None for all. `has_streams`: the workspace knows chat.startStream. `truncates`:
    text over 40,000 characters is cut in silence as Slack does; otherwise refused, so that a test sees it.
    `enforce_limits`: calls that come too fast are refused. `clock` rules deadlines, retries and limits.
    """

    platform: Final = "slack"

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        mode: Literal["socket", "http"] = "socket",
        commands: Collection[str] | None = None,
        scopes: Collection[str] = SCOPES,
        subscribed: Collection[str] | None = None,
        has_streams: bool = True,
        truncates: bool = False,
        enforce_limits: bool = False,
    ) -> None:
        clock = clock or SystemClock()
        workspace = Workspace(clock)
        self._refusals: list[str] = []
        self._clock, self._mode, self._subscribed = clock, mode, subscribed
        self.faults = Faults(clock)
        middleware = self.faults.middleware(_name_of, refuse)
        self.server = LoopbackServer(list(self._routes()), middlewares=[middleware])
        self.sockets = SocketDoor(workspace, clock, self.faults, self.server, self._refusals)
        self.http: HttpDoor | None = None
        self.site = Site(
            workspace=workspace,
            forms=OpenForms(clock, workspace.next_id),
            publish=self.publish,
            url=lambda: self.server.url,
            socket_ticket=self.sockets.ticket,
            bot_token=BOT_TOKEN,
            scopes=frozenset(scopes),
            has_streams=has_streams,
            truncates=truncates,
        )
        self.api = WebApi(
            self.site,
            app_token=APP_TOKEN,
            scopes=frozenset(scopes),
            limits=RateLimits(clock) if enforce_limits else None,
            refusals=self._refusals,
        )
        self._answers = Answers(self.site, clock, self._refusals)
        deliveries = Deliveries(clock, self.server, workspace.changes, self._refusals)
        super().__init__(self.site, deliveries, self._answers, commands)
        deliveries.door = self.sockets if mode == "socket" else None
        self._returned: set[tuple[str, str, str]] = set()

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.faults.close()
        if self.http is not None:
            await self.http.close()
        await self.server.__aexit__(*exc)

    @property
    def changes(self) -> Changes:
        """Wake whoever waits until something is different there."""
        return self.workspace.changes

    def environment(self) -> Mapping[str, str]:
        """Return the tokens and the address; with a signing secret instead of an app token for HTTP."""
        second = (
            ("SLACK_APP_TOKEN", APP_TOKEN)
            if self._mode == "socket"
            else ("SLACK_SIGNING_SECRET", SIGNING_SECRET)
        )
        return {"SLACK_BOT_TOKEN": BOT_TOKEN, second[0]: second[1], API_URL: f"{self.server.url}/api/"}

    def connect_http(self, base_url: str) -> None:
        """Deliver to `{base_url}/slack/events` from now on."""
        self._mode = "http"
        self.http = HttpDoor(base_url, SIGNING_SECRET, self._clock, self.faults)
        self.deliveries.door = self.http

    def identity(self, user: str) -> str:
        """Return `slack:TEAM:USER`."""
        return f"slack:{self.workspace.team_id}:{self.workspace.person(user).id}"

    async def ready(self, timeout_s: float = 30.0) -> None:
        """Return once a socket of the app is open, or its web server answers Slack's handshake.

        Raises:
            TimeoutError: nobody came.
        """
        if self.http is not None:
            try:
                await asyncio.wait_for(self.http.handshake(), timeout_s)
            except TimeoutError as error:
                raise TimeoutError(f"waited {timeout_s:g} s in vain for the app's web server") from error
            return
        await self.workspace.changes.until(
            lambda: bool(self.sockets.connections),
            timeout_s=timeout_s,
            what="a socket of the app",
        )

    def publish(self, event: Payload) -> None:
        """Send an event to the app where it listens to its kind."""
        kind = str(event["type"])
        if self._subscribed is None or kind in self._subscribed:
            payload = with_addresses(event_callback(self.workspace, event), self.server.url)
            self.deliveries.begin(Delivery(kind="events_api", name=kind, payload=payload))

    async def seen(self, user: str, *, where: str = "general") -> list[SeenMessage]:
        """Return what `user` sees there, threads included, oldest first."""
        channel = self.workspace.place(where, user)
        return [self._seen(post) for post in self.workspace.visible(channel, user)]

    async def wait_for(
        self, user: str, text: str, *, where: str = "general", timeout_s: float = 20.0
    ) -> SeenMessage:
        """Return the first message of somebody else, not returned before, that contains `text`."""
        channel = self.workspace.place(where, user)
        person = self.workspace.person(user).id

        def look() -> SeenMessage | None:
            for post in self.workspace.visible(channel, person):
                message = self._seen(post)
                key = (person, post.ts, message.text)
                is_new = post.user != person and not post.is_deleted and key not in self._returned
                if is_new and text in message.text:
                    self._returned.add(key)
                    return message
            return None

        def what() -> str:
            shown = [self._seen(post).text for post in self.workspace.visible(channel, person)]
            return f"{text!r}; {user} sees {shown}, Slack refused {self._refusals}"

        return await self.workspace.changes.until(look, timeout_s=timeout_s, what=what)

    def fail(self, fault: Fault) -> None:
        """Order a fault; `where` is a method (`chat.postMessage`), `response_url`, `upload`, `download`, an event's

        type (`message`), a command's name, `block_actions` or `view_submission`.
        """
        self.faults.order(fault)

    def refusals(self) -> Sequence[str]:
        """Return what was refused so far."""
        return tuple(self._refusals)

    async def disconnect(self, reason: Reason = "refresh_requested", *, count: int | None = None) -> None:
        """Tell the app's sockets to go, `count` of them."""
        await self.sockets.disconnect(reason, count=count)

    async def revoke(self) -> None:
        """Take the app's tokens away."""
        self.api.is_revoked = True
        await self.sockets.disconnect("link_disabled")

    def archive(self, where: str) -> None:
        """Archive a channel."""
        self.workspace.channel(where).is_archived = True

    def remove_bot(self, where: str) -> None:
        """Take the bot out of a channel."""
        self.workspace.channel(where).members.remove(self.workspace.bot.id)

    def _seen(self, post: Post) -> SeenMessage:
        found = seen_of(self.site, post)
        is_shown = not post.is_deleted
        return SeenMessage(
            id=post.ts,
            author="bot" if post.is_bot else post.user,
            text=found.text() if is_shown else "",
            to=post.to,
            thread="" if post.thread_ts == post.ts else post.thread_ts,
            edits=post.edits,
            is_deleted=post.is_deleted,
            buttons=tuple(
                SeenButton(label=one["text"]["text"], danger=one.get("style") == "danger")
                for one in found.buttons
            ),
            reactions=tuple(sign_of(name) for name, users in post.reactions.items() if users),
            files=tuple(self.workspace.files[one].name for one in post.files),
            links=tuple(dict.fromkeys(found.links)),
            pings=tuple(dict.fromkeys(found.pings)),
        )

    def _routes(self) -> list[web.AbstractRouteDef]:
        async def call(request: web.Request) -> web.StreamResponse:
            return await self.api.answer(request)

        async def link(request: web.Request) -> web.StreamResponse:
            return await self.sockets.serve(request)

        async def respond(request: web.Request) -> web.StreamResponse:
            return await self._answers.receive(request)

        async def upload(request: web.Request) -> web.StreamResponse:
            return await receive_upload(self.site, request)

        async def download(request: web.Request) -> web.StreamResponse:
            return await send_file(self.site, request)

        return [
            web.route("*", "/api/{method}", call),
            web.get("/link/", link),
            web.post("/commands/{team}/{name}", respond),
            web.post("/upload/v1/{file}", upload),
            web.get("/files-pri/{file}/{name}", download),
            web.get("/files-pri/{file}/download/{name}", download),
        ]


def _name_of(request: web.Request) -> str:
    """Name what a request is for, as faults name it."""
    first, _, rest = request.path.lstrip("/").partition("/")
    names = {"commands": "response_url", "upload": "upload", "files-pri": "download"}
    return rest if first == "api" else names.get(first, "")
