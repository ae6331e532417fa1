"""Connect Slack: hold its connections, and be all that the core asks of a platform."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import aiohttp

from quarterdeck.core.adapter import Ability, Accept, Link, Pace, PlatformContext, Rendered
from quarterdeck.core.errors import (
    AuthFailed,
    QuarterdeckError,
    RateLimited,
    Rejected,
    ServiceError,
    SetupError,
    Unavailable,
)
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.core.value import dataclass
from quarterdeck.runtime.network.http import open_session
from quarterdeck.runtime.network.routes import Route
from quarterdeck.runtime.process.tasks import in_thread, pause_after, unwrapped
from quarterdeck_adapters.slack import errors, ids
from quarterdeck_adapters.slack.ids import Account
from quarterdeck_adapters.slack.reading.emoji import name as emoji_name
from quarterdeck_adapters.slack.reading.messages import mapping, text_of
from quarterdeck_adapters.slack.render import render
from quarterdeck_adapters.slack.settings import SlackSettings
from quarterdeck_adapters.slack.wire.answers import Answers
from quarterdeck_adapters.slack.wire.backfill import Backfill
from quarterdeck_adapters.slack.wire.directory import Directory
from quarterdeck_adapters.slack.wire.files import Files
from quarterdeck_adapters.slack.wire.http import HttpDoor
from quarterdeck_adapters.slack.wire.posting import Posting
from quarterdeck_adapters.slack.wire.readback import ReadBack
from quarterdeck_adapters.slack.wire.reception import Helpers, Reception
from quarterdeck_adapters.slack.wire.secret import Secret
from quarterdeck_adapters.slack.wire.sockets import Sockets

if TYPE_CHECKING:
    from quarterdeck_adapters.slack.wire.client import Client
    from quarterdeck_adapters.slack.wire.connection import Connection

ABILITIES: Final = frozenset(
    {
        Ability.BUTTONS,
        Ability.COMMANDS,
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
# chat.postMessage and chat.update: about one a second to a channel (docs.slack.dev, rate limits, 2026-11-21).
PACE: Final = Pace(conversation_s=1.0, edit_s=1.2, place=ids.channel_of)
REFUSED_S: Final = 60.0  # how often a token that Slack refuses is tried again
TOTAL_S: Final = 30.0
STATUS: Final = "is working on it…"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hold what is open while the adapter runs."""

    session: aiohttp.ClientSession
    client: Client
    files: Files


def build(context: PlatformContext) -> SlackAdapter:
    """Build the adapter; nothing is connected yet.

    Raises:
        SetupError: a token is missing or blank.
    """
    settings = cast("SlackSettings", context.settings)
    mode = settings.mode or ("socket" if settings.app_token is not None else "http")
    wanted = "app_token" if mode == "socket" else "signing_secret"
    for name in ("bot_token", wanted):
        reference = getattr(settings, name)
        if reference is None:
            raise SetupError(
                f"Slack in mode {mode} needs platforms.slack.{name}",
                hint=f"set SLACK_{name.upper()}",
                key=f"platforms.slack.{name}",
            )
        context.secret(reference)
    return SlackAdapter(context, settings, mode)


class SlackAdapter:
    """Be Slack (`Adapter`, `Edits`, `Types`, `Directs`, `Reacts`, `Downloads`, `Members`, `Groups`, `ProvesEmail`)."""

    platform = ids.PLATFORM
    abilities = ABILITIES
    pace = PACE

    def __init__(self, context: PlatformContext, settings: SlackSettings, mode: str) -> None:
        self._context, self._settings, self._mode = context, settings, mode
        self._clock = context.clock
        self._token = Secret(lambda: context.secret(settings.bot_token), context.clock)
        self._link: Link = "off"
        self._line: Line | None = None
        self._live = 0
        self._has_status = True
        self._was_refused = False
        self._checked = asyncio.Event()
        self._answers = Answers(context.memory, context.clock)
        self._readback = ReadBack(context.memory, context.clock)
        self._backfill = Backfill(context.memory, context.clock, context.away_s)
        self._posting = Posting(self._answers, self._readback, context.memory, context.clock)
        self._directory = Directory(context.clock)
        helpers = Helpers(
            open_form=self._open_form,
            options=self._options,
            value_of=self._posting.value_of,
            on_gap=self._backfill.mark,
            on_revoked=self._on_revoked,
            on_seen=self._backfill.note,
        )
        self._reception = Reception(
            self._answers, context.commands, context.clock, helpers, reply_in_ack=settings.reply_in_ack
        )
        self._door = HttpDoor(self._reception, context.clock, lambda: context.secret(settings.signing_secret))

    @property
    def link(self) -> Link:
        """Say how the connection does."""
        return self._link

    def routes(self) -> Sequence[Route]:
        """Declare `/slack/events` where Slack calls us."""
        return self._door.routes() if self._mode == "http" else ()

    async def run(self, accept: Accept) -> None:
        """Hold the connection until cancelled."""
        self._reception.open(accept)
        self._set_link("connecting")
        try:
            async with open_session(self._settings.api_url, total_timeout_s=TOTAL_S) as session:
                self._line = await self._open(session)
                await self._readback.begin()
                await self._backfill.begin(self._readback.alive_until_s)
                account = await self._introduced(self._line.client)
                self._reception.account = account
                with unwrapped():
                    await self._serve(self._line.client, account, accept)
        finally:
            self._reception.open(None)
            self._line = None
            self._link = "off"
            with suppress(QuarterdeckError):  # then a little more is read again after the start
                await self._backfill.flush()

    def render(self, reply: Reply) -> list[Rendered]:
        """Write `reply` in Slack's markup, in as many messages as its limits ask for."""
        return render(reply)

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post `part` once, however often it is asked for with this key.

        Raises:
            ServiceError: what happened; `Unknown` where it may have been posted.
        """
        line = self._open_line()
        return await self._posting.send(line.client, line.session, line.files, to, part, key)

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Replace the message's content by `part`.

        Raises:
            ServiceError: what happened.
        """
        await self._posting.edit(self._open_line().client, to, message_id, part)

    async def typing(self, to: Conversation) -> None:
        """Show a status below the thread; elsewhere, and where the app may not, Slack has nothing like it."""
        place = ids.place(to)
        if not place.thread or not self._has_status:
            return
        sent = {"channel_id": place.channel, "thread_ts": place.thread, "status": STATUS}
        try:
            await self._open_line().client.api_call("assistant.threads.setStatus", json=sent)
        except Rejected as error:
            self._has_status = False
            log.info("Slack shows no status for this app", extra={"error": error.message})

    async def react(self, to: Conversation, message_id: str, emoji: str) -> None:
        """Add the emoji; twice is once.

        Raises:
            ServiceError: Slack refused.
        """
        name, channel = emoji_name(emoji), ids.place(to).channel
        try:
            await self._open_line().client.reactions_add(
                channel=channel, timestamp=ids.ts_of(message_id), name=name
            )
        except Rejected as error:
            if error.detail != "already_reacted":
                raise

    async def download(self, attachment: Attachment, into: Path, *, limit_bytes: int) -> None:
        """Write the file to `into`.

        Raises:
            UsageError: it is larger than `limit_bytes`.
            ServiceError: Slack did not give it.
        """
        line = self._open_line()
        await line.files.download(line.client, self._token.value(), attachment, into, limit_bytes)

    async def members(self, of: Conversation) -> frozenset[Identity] | None:
        """Return everybody who reads it, but for the bot; None when that cannot be known."""
        account = self._reception.account
        return await self._directory.members(self._open_line().client, account.team, account.user, of)

    async def groups_of(self, identity: Identity) -> frozenset[str]:
        """Return the user groups somebody is in now.

        Raises:
            ServiceError: Slack did not say.
        """
        team = self._reception.account.team
        return await self._directory.groups_of(self._open_line().client, team, identity)

    async def email_of(self, identity: Identity) -> str:
        """Return the address that Slack has confirmed for a full member; empty for anybody else.

        Raises:
            ServiceError: Slack did not say.
        """
        team = self._reception.account.team
        return await self._directory.email_of(self._open_line().client, team, identity)

    async def direct(self, identity: Identity) -> Conversation | None:
        """Return the direct conversation with somebody; None when they cannot be reached.

        Raises:
            ServiceError: Slack did not open it.
        """
        team = self._reception.account.team
        return await self._directory.direct(self._open_line().client, team, identity)

    async def _open(self, session: aiohttp.ClientSession) -> Line:
        """Load the SDK, in a thread: it takes a fifth of a second."""
        module: Any = await in_thread(importlib.import_module, f"{__package__}.wire.client")
        api_url = self._settings.api_url
        client = module.Client(
            api_url=api_url, session=session, token=self._token.value, on_auth_failed=self._on_refused_token
        )
        return Line(session=session, client=client, files=Files(session, self._context.memory, api_url))

    async def _introduced(self, client: Client) -> Account:
        """Return who we are, as soon as Slack says so; a refused token is tried again, slowly."""
        failures = 0
        while True:
            try:
                answer: Any = (await client.auth_test()).data
            except AuthFailed:
                await self._clock.sleep(REFUSED_S)
            except RateLimited as error:
                await self._clock.sleep(error.retry_after_s or REFUSED_S)
            except ServiceError as error:
                failures += 1
                if failures == 1:
                    log.warning("Slack does not answer; trying again", extra={"error": error.message})
                await self._clock.sleep(pause_after(failures))
            else:
                self._was_refused = False
                self._checked.clear()
                return Account(
                    text_of(answer, "team_id"), text_of(answer, "user_id"), text_of(answer, "bot_id")
                )

    async def _serve(self, client: Client, account: Account, accept: Accept) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._readback.beat())
            group.create_task(self._backfill.run(client, account, accept))
            group.create_task(self._backfill.write())
            group.create_task(self._watch_token(client))
            if self._mode == "http":
                self._receiving()
            else:
                group.create_task(await self._sockets(client))

    async def _sockets(self, client: Client) -> Any:
        module: Any = await in_thread(importlib.import_module, f"{__package__}.wire.connection")
        app = module.app_for(client, self._reception)

        async def connect() -> Connection:
            line = self._open_line()
            token = self._context.secret(self._settings.app_token)
            connection: Connection = module.Connection(app, line.client, line.session, token)
            await connection.connect()
            return connection

        return Sockets(connect, self._clock, on_live=self._on_live, on_refused=self._on_refused_socket).run()

    async def _watch_token(self, client: Client) -> None:
        """Ask now and then whether a refused token is good again."""
        while True:
            await self._checked.wait()
            await self._clock.sleep(REFUSED_S)
            try:
                await client.auth_test()
            except ServiceError:
                continue
            self._checked.clear()
            self._was_refused = False
            log.info("Slack takes our token again")
            self._backfill.lose()
            if self._mode == "http" or self._live:
                self._receiving()
            else:
                self._set_link("connecting")

    def _open_line(self) -> Line:
        """Return what is open.

        Raises:
            AuthFailed: Slack refuses our token; it is not asked again for each message.
            Unavailable: the adapter is not running yet.
        """
        if self._line is None:
            raise Unavailable("the connection to Slack is not open", service=errors.SERVICE)
        if self._was_refused:
            raise AuthFailed("Slack refuses our token", service=errors.SERVICE, hint=errors.REINSTALL)
        return self._line

    def _on_live(self, count: int) -> None:
        self._live = count
        if not count:
            self._backfill.lose()
            self._set_link("connecting")
        elif self._link != "receiving":
            self._receiving()

    def _receiving(self) -> None:
        self._set_link("receiving")
        if self._backfill.is_behind:
            self._backfill.mark()

    def _on_refused_token(self, error: ServiceError) -> None:
        """Say once that our token is refused, and how to mend it."""
        self._checked.set()
        if not self._was_refused:
            self._was_refused = True
            log.error("Slack refuses our token", extra={"error": error.message, "fix": error.hint})
        self._set_link("needs_auth")

    def _on_refused_socket(self, fix: str) -> None:
        if self._link != "needs_auth":
            log.error("Slack lets us open no connection", extra={"fix": fix})
        self._set_link("needs_auth")

    def _on_revoked(self) -> None:
        self._on_refused_token(
            AuthFailed(
                "the app was taken out of the workspace", service=errors.SERVICE, hint=errors.REINSTALL
            )
        )

    def _set_link(self, link: Link) -> None:
        if link != self._link:
            log.info("Slack is %s", link, extra={"link": link})
        self._link = link

    async def _open_form(self, payload: Mapping[str, object]) -> None:
        try:
            await self._posting.open_form(self._open_line().client, payload)
        except ServiceError as error:
            log.warning("A form cannot be opened", extra={"error": error.message})

    async def _options(self, payload: Mapping[str, object]) -> Mapping[str, object]:
        team = text_of(mapping(payload, "team"), "id") or self._reception.account.team
        try:
            found = await self._directory.options(self._open_line().client, team, text_of(payload, "value"))
        except ServiceError as error:
            log.warning("User groups cannot be listed", extra={"error": error.message})
            found = []
        return {"options": found}
