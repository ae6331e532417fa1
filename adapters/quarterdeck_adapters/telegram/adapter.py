"""Connect Telegram: by long polling, or by being called (`platforms.telegram.mode`).

The SDK takes half a second to import, so it is imported in a thread, when the adapter connects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from quarterdeck.core.adapter import Ability, Accept, Link, Pace, PlatformContext, Rendered
from quarterdeck.core.command import Command
from quarterdeck.core.errors import AuthFailed, Gone, RateLimited, ServiceError
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.network.routes import Route
from quarterdeck.runtime.process.tasks import in_thread, pause_after
from quarterdeck_adapters.telegram import files, menu, sdk
from quarterdeck_adapters.telegram.chats import PLATFORM, Moves, conversation_of, limited_as, place_of
from quarterdeck_adapters.telegram.intake import Intake
from quarterdeck_adapters.telegram.polling import LONGEST_PAUSE_S, Polling
from quarterdeck_adapters.telegram.render import render
from quarterdeck_adapters.telegram.sending import Sending
from quarterdeck_adapters.telegram.settings import TelegramSettings
from quarterdeck_adapters.telegram.text import Me
from quarterdeck_adapters.telegram.webhook import Webhook

if TYPE_CHECKING:
    from quarterdeck_adapters.telegram.api import Api

ABILITIES: Final = frozenset(
    {
        Ability.BUTTONS,
        Ability.COMMANDS,
        Ability.DIRECT,
        Ability.EDIT,
        Ability.FILES,
        Ability.MEMBERS,
        Ability.REACTIONS,
        Ability.THREADS,
        Ability.TYPING,
    }
)
# Bots FAQ, "My bot is hitting limits", 2026-11-21. A chat's topics share its limit.
PACE: Final = Pace(conversation_s=1.0, per_second=30.0, group_per_minute=20, edit_s=1.0, place=limited_as)
AUTH_AGAIN_S: Final = 600.0  # between two looks whether the token is good again, or another one

log = logging.getLogger(__name__)


def build(context: PlatformContext) -> TelegramAdapter:
    """Return the adapter; it connects when it runs.

    Raises:
        SetupError: the webhook's secret is missing, or none that Telegram would send.
    """
    return TelegramAdapter(context)


class TelegramAdapter:
    """Be one bot on Telegram: the ports of `core/adapter.py` that its abilities name."""

    platform = PLATFORM
    abilities = ABILITIES
    pace = PACE

    def __init__(self, context: PlatformContext) -> None:
        settings = context.settings
        if not isinstance(settings, TelegramSettings):
            raise TypeError("the settings are not those of platforms.telegram")
        self._context, self._settings = context, settings
        self._api: Api | None = None
        self._opening = asyncio.Lock()
        self._moves = Moves(context.memory)
        self._sending = Sending(self._connected, context.memory, self._moves)
        is_called = settings.mode == "webhook"
        self._webhook = Webhook(context.secret(settings.webhook_secret)) if is_called else None
        self.link: Link = "connecting"

    def routes(self) -> Sequence[Route]:
        """Declare where Telegram calls; nothing while we poll."""
        return self._webhook.routes() if self._webhook else ()

    def render(self, reply: Reply) -> list[Rendered]:
        """Write `reply` as messages with entities, each at most 4,096 UTF-16 units."""
        return render(reply)

    async def run(self, accept: Accept) -> None:
        """Take updates until cancelled. A refused token stops that, says so once, and is looked at again later."""
        is_told = False
        try:
            while True:
                try:
                    await self._serve(accept)
                except* AuthFailed as group:
                    self._show("needs_auth")
                    if not is_told:
                        error = cast("AuthFailed", group.exceptions[0])
                        log.error("Telegram refuses our token", extra={"hint": error.hint})
                    is_told = True
                await self._close()
                await self._context.clock.sleep(AUTH_AGAIN_S)
        finally:
            await self._close()
            self._show("off")

    async def _serve(self, accept: Accept) -> None:
        """Hold one connection."""
        context = self._context
        self._show("connecting")
        api = await self._connected()
        me = await self._who_am_i(api)
        async with asyncio.TaskGroup() as group:
            intake = Intake(
                api=api,
                me=me,
                accept=accept,
                memory=context.memory,
                clock=context.clock,
                moves=self._moves,
                group=group,
            )
            await intake.albums.resume()
            if self._webhook is None:
                await Polling(api, intake, context.clock, self._show).run()
            else:
                await self._be_called(self._webhook, api, intake)

    async def _be_called(self, webhook: Webhook, api: Api, intake: Intake) -> None:
        intake.missed_before(self._context.clock.now())
        webhook.intake = intake
        try:
            await self._until_it_works(lambda: webhook.announce(api, self._settings.webhook_url or ""))
            self._show("receiving")
            await asyncio.Event().wait()
        finally:
            webhook.intake = None

    async def _who_am_i(self, api: Api) -> Me:
        found = await self._until_it_works(lambda: api.call("getMe"))
        names = menu.names_of(self._context.commands.all())
        return Me(id=found["id"], username=found.get("username") or "", names=names)

    async def _until_it_works(self, act: Any) -> Any:
        """Try until Telegram can be reached.

        Raises:
            AuthFailed: our token is refused.
        """
        failures = 0
        while True:
            try:
                return await act()
            except AuthFailed:
                raise
            except ServiceError as error:
                failures += 1
                if failures == 1:
                    log.warning("Telegram does not answer", extra={"error": error.message})
                asked_s = error.retry_after_s if isinstance(error, RateLimited) else None
                await self._context.clock.sleep(asked_s or min(LONGEST_PAUSE_S, pause_after(failures)))

    async def send(self, to: Conversation, part: Rendered, key: str) -> str:
        """Post `part`; in a group as a reply to what is answered. There is no key that Telegram would know."""
        return await self._sending.post(to, part, key)

    async def edit(self, to: Conversation, message_id: str, part: Rendered) -> None:
        """Make the message say `part`."""
        await self._sending.edit(to, message_id, part)

    async def typing(self, to: Conversation) -> None:
        """Show for five seconds that an answer is being written."""
        await self._in(to, "sendChatAction", {"action": "typing"}, is_in_topic=True)

    async def react(self, to: Conversation, message_id: str, emoji: str) -> None:
        """Put the emoji under the message, or the nearest one that Telegram has."""

        async def act(chat: int, _: int | None) -> None:
            place = {"chat_id": chat, "message_id": int(message_id)}
            await (await self._connected()).react(place, emoji)

        await self._sending.there(to, act)

    async def download(self, attachment: Attachment, into: Path, *, limit_bytes: int) -> None:
        """Write the file to `into`; Telegram gives files of at most 20 MB."""
        await files.download(await self._connected(), attachment, into, limit_bytes=limit_bytes)

    async def members(self, of: Conversation) -> frozenset[Identity] | None:
        """Return who reads a chat: known where it is direct, or where all in it are administrators."""
        if of.kind == "direct":
            return frozenset({_identity(place_of(of)[0])})
        admins = await self._in(of, "getChatAdministrators", {})
        count = await self._in(of, "getChatMemberCount", {})
        people = [admin["user"] for admin in admins]
        if len(people) != count or any(admin.get("is_anonymous") for admin in admins):
            return None
        return frozenset(_identity(user["id"]) for user in people if not user.get("is_bot"))

    async def direct(self, identity: Identity) -> Conversation | None:
        """Return the chat with somebody; None for those who have never written to the bot, or have blocked it."""
        if identity.platform != PLATFORM or not identity.user_id.isdecimal():
            return None
        chat = conversation_of({"id": int(identity.user_id), "type": "private"})
        try:
            await self.typing(chat)
        except Gone:
            return None
        return chat

    async def declare(self, commands: Sequence[Command]) -> None:
        """Put the commands into Telegram's menus."""
        await menu.declare(await self._connected(), commands)

    async def _in(
        self, to: Conversation, method: str, parameters: dict[str, object], *, is_in_topic: bool = False
    ) -> Any:
        """Call a method about a chat, wherever it has moved to."""

        async def act(chat: int, topic: int | None) -> Any:
            place: dict[str, object] = {"chat_id": chat}
            if is_in_topic and topic is not None:
                place["message_thread_id"] = topic
            return await (await self._connected()).call(method, {**parameters, **place})

        return await self._sending.there(to, act)

    async def _connected(self) -> Api:
        """Return the account, opened when it is needed first."""
        if self._api is not None:
            return self._api
        async with self._opening:
            if self._api is None:
                api = await in_thread(sdk.load)
                await self._moves.load()
                settings = self._settings
                token = self._context.secret(settings.token)
                self._api = api(token, api_url=settings.api_url, file_url=settings.file_url)
        return self._api

    async def _close(self) -> None:
        api, self._api = self._api, None
        if api is not None:
            await api.close()

    def _show(self, link: Link) -> None:
        self.link = link


def _identity(user_id: int) -> Identity:
    return Identity(platform=PLATFORM, user_id=str(user_id))
