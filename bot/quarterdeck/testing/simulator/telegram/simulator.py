"""Be Telegram: `async with TelegramSimulator() as telegram: …`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Self

from quarterdeck.core.ports import Clock
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.testing.simulator.faults import Faults
from quarterdeck.testing.simulator.platform import Fault, SeenButton, SeenForm, SeenMessage
from quarterdeck.testing.simulator.server import LoopbackServer
from quarterdeck.testing.simulator.telegram.api import Api, middleware
from quarterdeck.testing.simulator.telegram.compose import links
from quarterdeck.testing.simulator.telegram.hook import Hook, Hooks
from quarterdeck.testing.simulator.telegram.pace import Pace
from quarterdeck.testing.simulator.telegram.people import People
from quarterdeck.testing.simulator.telegram.refusal import conflict
from quarterdeck.testing.simulator.telegram.updates import OTHER_POLLER, Updates
from quarterdeck.testing.simulator.telegram.world import BOT, BOT_USERNAME, Chat, Message, World
from quarterdeck.testing.simulator.waiting import Changes

TOKEN: Final = "7000000001:simulated-telegram-0123456789abcdef"  # noqa: S105 - of nobody
WEBHOOK_SECRET: Final = "simulated-webhook-secret"  # noqa: S105 - of nobody
WEBHOOK_PATH: Final = "/telegram/webhook"


class TelegramSimulator:
    """Implement `SimulatedPlatform`.

    `http` tells the bot to wait for a webhook instead of polling. `enforce_limits` holds the bot to Telegram's pace on
    `clock`. `first_retry_s` is the first wait before an update is posted again. What Telegram fetched to show
    previews is in `previewed`; every call is in `calls`.
    """

    platform = "telegram"

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        http: bool = False,
        enforce_limits: bool = False,
        first_retry_s: float = 1.0,
    ) -> None:
        self._clock = clock or SystemClock()
        self._http = http
        self._first_retry_s = first_retry_s
        self._changes = Changes()
        self._faults = Faults(self._clock)
        self.world = World(self._clock)
        self._pace = Pace(self._clock, is_enforced=enforce_limits)
        self.updates = Updates(self._clock, self._changed)
        self.api = Api(self.world, self.updates, self._pace, TOKEN, self._changed)
        self._people = People(self.world, self.updates, self._faults, self.api.queries)
        self._server = LoopbackServer(self.api.routes(), middlewares=[middleware(self._faults)])
        self._returned: set[tuple[str, int, str, int, str]] = set()

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        self.api.hooks = self._hooks = Hooks(
            self._clock,
            self.updates,
            self._faults,
            self.api.answer_of_hook,
            first_retry_s=self._first_retry_s,
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._hooks.close()
        await self._faults.close()
        self.updates.wake()
        await self._server.__aexit__(*exc)

    @property
    def url(self) -> str:
        """Return the root of the Bot API, without /bot."""
        return self._server.url

    @property
    def changes(self) -> Changes:
        """Wake whoever waits until something is different there."""
        return self._changes

    def environment(self) -> Mapping[str, str]:
        """Return the environment that connects a bot to it."""
        section = "QUARTERDECK__PLATFORMS__TELEGRAM"
        return {
            "TELEGRAM_BOT_TOKEN": self.api.token,
            f"{section}__API_URL": self.url,
            f"{section}__FILE_URL": f"{self.url}/file",
            f"{section}__MODE": "webhook" if self._http else "polling",
            f"{section}__WEBHOOK_SECRET": "env:TELEGRAM_WEBHOOK_SECRET",
            "TELEGRAM_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }

    def connect_http(self, base_url: str) -> None:
        """Set the webhook, as whoever runs the bot would."""
        self._http = True
        self._hooks.start(Hook(f"{base_url.rstrip('/')}{WEBHOOK_PATH}", WEBHOOK_SECRET))

    def identity(self, user: str) -> str:
        """Return how the bot knows a person."""
        return f"telegram::{self.world.user(user).id}"

    async def ready(self, timeout_s: float = 30.0) -> None:
        """Return once somebody polls, or a webhook is set."""

        def is_ready() -> bool:
            return self.updates.is_polled or self.updates.has_webhook

        await self._changes.until(is_ready, timeout_s=timeout_s, what="a bot that polls, or a webhook")

    async def say(
        self,
        user: str,
        text: str,
        *,
        where: str = "general",
        thread: str = "",
        files: Sequence[tuple[str, bytes]] = (),
    ) -> str:
        """Let a person write. `thread` is a message to answer, or a topic's name or number."""
        return str((await self._people.write(user, text, where, thread, files)).id)

    async def edit(self, user: str, message: str, text: str, *, where: str = "general") -> None:
        """Let a person change their message."""
        await self._people.rewrite(user, message, text, where)
        self._changed()

    async def delete(self, user: str, message: str, *, where: str = "general") -> None:
        """Let a person take a message away; Telegram tells bots nothing of it."""
        self._people.find(self.world.place(user, where), message).is_deleted = True
        self._changed()

    async def command(
        self, user: str, name: str, options: Mapping[str, object] | str, *, where: str = "general"
    ) -> None:
        """Let a person pick a command from the menu, and write what belongs to it."""
        chat = self.world.place(user, where)
        offered = [entry["command"] for entry in self.api.menu.offered(chat, user)]
        wanted = name.removeprefix("/").replace("-", "_").replace(" ", "_")
        if wanted not in offered:
            raise LookupError(f"the menu has no /{wanted}; it has {offered}")
        target = "" if chat.type == "private" else f"@{BOT_USERNAME}"
        await self.say(user, f"/{wanted}{target} {written(options)}".strip(), where=where)

    async def complete(
        self, user: str, name: str, option: str, typed: str, *, where: str = "general"
    ) -> list[str]:
        """Return nothing: Telegram's clients complete names of commands, not what follows them."""
        return []

    async def press(self, user: str, label: str, *, where: str = "general", message: str = "") -> None:
        """Let a person press the newest button of this label, or that of `message`."""
        await self._people.press(user, label, where, message)

    async def form(self, user: str) -> SeenForm | None:
        """Return nothing: Telegram has no forms."""
        return None

    async def submit(self, user: str, values: Mapping[str, str]) -> None:
        """Fail: Telegram has no forms.

        Raises:
            LookupError: always.
        """
        raise LookupError("no form is open: Telegram has none")

    async def react(self, user: str, message: str, emoji: str, *, where: str = "general") -> None:
        """Let a person put an emoji under a message."""
        await self._people.react(user, message, emoji, where)
        self._changed()

    async def seen(self, user: str, *, where: str = "general") -> list[SeenMessage]:
        """Return what `user` sees there, oldest first."""
        return self._seen(self.world.place(user, where))

    async def wait_for(
        self, user: str, text: str, *, where: str = "general", timeout_s: float = 20.0
    ) -> SeenMessage:
        """Return the first message of somebody else, not returned before, that contains `text`."""
        chat = self.world.place(user, where)

        def look() -> SeenMessage | None:
            for message in self._seen(chat):
                key = (user, chat.id, message.id, message.edits, message.text)
                is_new = message.author != user and not message.is_deleted and key not in self._returned
                if is_new and text in message.text:
                    self._returned.add(key)
                    return message
            return None

        def what() -> str:
            return f"{text!r} in {where}; there is {[one.text for one in self._seen(chat)]}"

        return await self._changes.until(look, timeout_s=timeout_s, what=what)

    def fail(self, fault: Fault) -> None:
        """Order a fault; `where` is a method (`sendMessage`), a kind of update (`message`), or `download`."""
        self._faults.order(fault)

    def refusals(self) -> Sequence[str]:
        """Return what Telegram had to refuse."""
        return tuple(self.api.refused)

    async def steal_poll(self) -> None:
        """Be a second program that polls with the same token: the first is ended."""
        self.updates.end_poll(conflict(OTHER_POLLER))

    async def block(self, user: str) -> None:
        """Let a person block the bot."""
        await self._people.set_bot_status(self.world.direct(user), user, "kicked")

    async def kick(self, user: str, where: str) -> None:
        """Let a person throw the bot out of a group."""
        await self._people.set_bot_status(self.world.place(user, where), user, "kicked")

    async def promote(self, user: str, where: str) -> None:
        """Let a person make the bot an administrator of a group: it gets all messages and reactions there."""
        await self._people.set_bot_status(self.world.place(user, where), user, "administrator")

    async def migrate(self, user: str, where: str) -> tuple[int, int]:
        """Let a person turn a basic group into a supergroup; returns the old and the new number of the chat."""
        old = self.world.place(user, where)
        old.migrated_to = -1
        new = self.world.group(where, "supergroup")
        old.migrated_to, new.members = new.id, set(old.members)
        await self._people.say_service(old, user, {"migrate_to_chat_id": new.id})
        await self._people.say_service(new, user, {"migrate_from_chat_id": old.id})
        return old.id, new.id

    def revoke_token(self, new: str = f"{TOKEN[:-1]}0") -> None:
        """Give the bot another token: with the old one it gets 401 from now on."""
        self.api.token = new

    def jump_update_ids(self, to: int) -> None:
        """Let the next update have this number, as after a week without any."""
        self.updates.next_id = to

    def draft(self, user: str) -> str | None:
        """Return the draft that a person sees the bot write, None for none."""
        return next(
            (text for (chat, _), text in self.world.drafts.items() if chat == self.world.user(user).id), None
        )

    def notices(self, user: str) -> list[str]:
        """Return the notices that a person saw after pressing buttons."""
        return [
            query.notice for query in self.api.queries.known.values() if query.handle == user and query.notice
        ]

    def _seen(self, chat: Chat) -> list[SeenMessage]:
        return [seen_message(message) for message in self.world.history(chat) if not message.service]

    def _changed(self) -> None:
        self._changes.tell()
        if self.updates.has_webhook:
            self._hooks.deliver()


def seen_message(message: Message) -> SeenMessage:
    """Return a message as a person sees it."""
    rows = (message.markup or {}).get("inline_keyboard", ())
    return SeenMessage(
        id=str(message.id),
        author=message.sender if message.sender != BOT else "bot",
        text="" if message.is_deleted else message.text,
        thread=message.chat.topics.get(message.topic, ""),
        edits=message.edits,
        is_deleted=message.is_deleted,
        buttons=tuple(
            SeenButton(label=button["text"], danger=button.get("style") == "danger")
            for row in rows
            for button in row
        ),
        reactions=tuple(message.reactions.values()),
        files=(message.file.name,) if message.file else (),
        links=links(message),
        pings=message.pings,
    )


def written(options: Mapping[str, object] | str) -> str:
    """Return options as a person writes them behind a command: bare when there is one, named when there are more."""
    if isinstance(options, str):
        return options
    if len(options) == 1:
        return str(next(iter(options.values())))
    return " ".join(
        f'--{name} "{value}"' if re.search(r"\s", str(value)) else f"--{name} {value}"
        for name, value in options.items()
    )
