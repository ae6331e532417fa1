"""Say what every simulated platform can do, so that one transcript drives all of them.

A simulated platform is stateful and strict: it keeps conversations, messages, edits, reactions, files, registered
commands and open forms, and refuses what the vendor's published API refuses. `seen` is what a person would see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from typing import Literal, Protocol

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.waiting import Changes

FaultKind = Literal[
    "drop", "delay", "duplicate", "reorder", "disconnect", "status", "lost_answer", "rate_limit"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenButton:
    """See one button: `label` as shown."""

    label: str
    danger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMessage:
    """See one message as a person does: `text` plain, without markup signs; `author` a user id or `bot`.

    `to` is the only person who sees it, empty for all. `edits` counts changes. `pings` are the accounts, groups or
    `everyone` that it notified. `links` are its live links, `files` the names of its files.
    """

    id: str
    author: str
    text: str
    to: str = ""
    thread: str = ""
    edits: int = 0
    is_deleted: bool = False
    buttons: tuple[SeenButton, ...] = ()
    reactions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    pings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenForm:
    """See the form that is open before a person: `inputs` by label, each with its kind and choices.

    `errors` are what the bot said about single inputs, by label.
    """

    title: str
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Order a fault: the next `count` passages of `where` (a method's or event's name, `*` for any) go wrong.

    `status` and `after_s` belong to `status`, `rate_limit` and `delay`. `lost_answer`: the server does it, and the
    connection breaks before the answer.
    """

    kind: FaultKind
    where: str = "*"
    count: int = 1
    status: int = 500
    after_s: float = 0.0


class SimulatedPlatform(Protocol):
    """Be one vendor. Use as `async with` — it listens on loopback, on a port of its own, until the block ends."""

    @property
    def platform(self) -> str:
        """Name it: slack, discord, telegram."""

    @property
    def changes(self) -> Changes:
        """Wake whoever waits until something is different there."""

    def environment(self) -> Mapping[str, str]:
        """Return the environment that connects a bot to it: tokens and `QUARTERDECK__PLATFORMS__…` addresses."""

    def connect_http(self, base_url: str) -> None:
        """Deliver over HTTP to the bot's web server at `base_url` from now on, where the platform has that way."""

    def identity(self, user: str) -> str:
        """Return how the bot knows a person, as in `quarterdeck person grant`; somebody new joins the platform.

        `user` is everywhere the vendor's own id, or a short name (`ada`) that gets an id of its own, always the same.
        """

    async def ready(self, timeout_s: float = 30.0) -> None:
        """Return once a bot is connected and can be talked to."""

    async def say(
        self,
        user: str,
        text: str,
        *,
        where: str = "general",
        thread: str = "",
        files: Sequence[tuple[str, bytes]] = (),
    ) -> str:
        """Let a person write; `where` is a channel's name, or `direct`. Returns the message's id.

        A channel is made when first named, with the bot and whoever speaks there in it. `@bot` mentions the bot,
        `@ada` a person. It is always a message, also where a client would take `/ping` for a command.
        """

    async def edit(self, user: str, message: str, text: str, *, where: str = "general") -> None:
        """Let a person change their message."""

    async def delete(self, user: str, message: str, *, where: str = "general") -> None:
        """Let a person, or for the bot's messages an admin, take a message away."""

    async def command(
        self, user: str, name: str, options: Mapping[str, object] | str, *, where: str = "general"
    ) -> None:
        """Let a person use a native command; fails as the vendor's client would when it is not registered.

        Raises:
            LookupError: the client does not know it.
        """

    async def complete(
        self, user: str, name: str, option: str, typed: str, *, where: str = "general"
    ) -> list[str]:
        """Return what the person's client offers while they type."""

    async def press(self, user: str, label: str, *, where: str = "general", message: str = "") -> None:
        """Let a person press the newest button of this label, or that of `message`.

        Raises:
            LookupError: they see no such button; says what they see.
        """

    async def form(self, user: str) -> SeenForm | None:
        """Return the form that is open before a person."""

    async def submit(self, user: str, values: Mapping[str, str]) -> None:
        """Let a person fill the open form in, by label, and send it; returns once the bot has taken or refused it.

        Raises:
            LookupError: no form is open, or it has no such input.
            ValueError: the client does not let them send it, and why.
        """

    async def react(self, user: str, message: str, emoji: str, *, where: str = "general") -> None:
        """Let a person put an emoji under a message."""

    async def seen(self, user: str, *, where: str = "general") -> list[SeenMessage]:
        """Return what `user` sees there, oldest first."""

    async def wait_for(
        self, user: str, text: str, *, where: str = "general", timeout_s: float = 20.0
    ) -> SeenMessage:
        """Return the first message of somebody else, not returned before, that contains `text`.

        A message that was changed since is returned again. Woken by events, never by polling. `TimeoutError` says
        what is to be seen instead.
        """

    def fail(self, fault: Fault) -> None:
        """Order a fault."""

    def refusals(self) -> Sequence[str]:
        """Return what the platform had to refuse so far, as `method: reason`: a sound adapter leaves this empty."""


Simulated = AbstractAsyncContextManager[SimulatedPlatform]
