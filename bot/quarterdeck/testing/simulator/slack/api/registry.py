"""Declare the methods of the Web API, and read their arguments as Slack does: form, query or JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from quarterdeck.core.value import dataclass
from quarterdeck.testing.simulator.slack.views import OpenForms
from quarterdeck.testing.simulator.slack.workspace import Channel, Payload, Workspace

Publish = Callable[[Payload], None]


class Refused(Exception):
    """Refuse a call as Slack does: `error` is its code, `messages` say what is wrong."""

    def __init__(self, error: str, *messages: str, **extra: Any) -> None:
        super().__init__(error, *messages)
        self.error, self.messages, self.extra = error, messages, extra

    def body(self) -> Payload:
        """Return the answer."""
        body: Payload = {"ok": False, "error": self.error, **self.extra}
        if self.messages:
            body["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return body


@dataclass(slots=True, kw_only=True)
class Site:
    """Give methods what they work on; `publish` sends an event to the bot, `url` is the server's address.

    `scopes` are the bot token's. `has_streams`: the workspace has chat.startStream. `truncates`: overlong text is cut
    as Slack does, not refused.
    """

    workspace: Workspace
    forms: OpenForms
    publish: Publish
    url: Callable[[], str]
    socket_ticket: Callable[[], str]
    bot_token: str
    scopes: frozenset[str] = frozenset()
    has_streams: bool = True
    truncates: bool = False


class Arguments:
    """Read the arguments of one call."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = {name: value for name, value in values.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        """Return text, empty when it is not there.

        Raises:
            Refused: it is something else.
        """
        value = self.values.get(name, "")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refused("invalid_arguments", f"must be a string [json-pointer:/{name}]")
        return str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean, in any of the ways that Slack reads."""
        value = self.values.get(name, default)
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true", "t", "yes")

    def number(self, name: str, default: int) -> int:
        """Return an integer.

        Raises:
            Refused: it is none.
        """
        try:
            return int(self.values.get(name, default))
        except (TypeError, ValueError):
            raise Refused("invalid_arguments", f"must be an integer [json-pointer:/{name}]") from None

    def document(self, name: str, kind: type, error: str) -> Any:
        """Return a list or object, sent as such or as JSON text; None when it is not there.

        Raises:
            Refused: with `error`; it is neither.
        """
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise Refused(error, f"is not valid JSON [json-pointer:/{name}]") from None
        if not isinstance(value, kind):
            raise Refused(error, f"must be a JSON {kind.__name__} [json-pointer:/{name}]")
        return value


Run = Callable[[Site, Arguments], Payload | Awaitable[Payload]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """Describe a method; `per_minute` is its tier, `is_form_only`: JSON bodies are not read."""

    name: str
    run: Callable[[Site, Arguments], Payload]
    scope: str = ""
    required: tuple[str, ...] = ()
    per_minute: int = 50
    token: str = "xoxb"  # noqa: S105  # the kind of token, not one
    is_form_only: bool = False


METHODS: Final[dict[str, Method]] = {}


def method(
    name: str,
    *,
    scope: str = "",
    required: tuple[str, ...] = (),
    per_minute: int = 50,
    token: str = "xoxb",  # noqa: S107  # the kind of token, not one
    is_form_only: bool = False,
) -> Callable[[Callable[[Site, Arguments], Payload]], Callable[[Site, Arguments], Payload]]:
    """Register the function below as the method `name`."""

    def register(run: Callable[[Site, Arguments], Payload]) -> Callable[[Site, Arguments], Payload]:
        METHODS[name] = Method(
            name=name,
            run=run,
            scope=scope,
            required=required,
            per_minute=per_minute,
            token=token,
            is_form_only=is_form_only,
        )
        return run

    return register


def channel_of(site: Site, arguments: Arguments, name: str = "channel", *, writes: bool = False) -> Channel:
    """Return the channel that a call names by id, or, to write, by `#name` or a person's id.

    Raises:
        Refused: there is none, or the bot may not write there.
    """
    workspace = site.workspace
    given = arguments.text(name)
    channel = workspace.channels.get(given)
    if channel is None and writes and given in workspace.people:
        channel = workspace.direct(given)
    if channel is None and writes:
        wanted = given.removeprefix("#")
        named = (one for one in workspace.channels.values() if one.name and one.name == wanted)
        channel = next(named, None)
    is_hidden = channel is not None and channel.kind == "group" and workspace.bot.id not in channel.members
    if channel is None or is_hidden:
        raise Refused("channel_not_found")
    if writes and channel.is_archived:
        raise Refused("is_archived")
    if workspace.bot.id not in channel.members and writes:
        raise Refused("not_in_channel")
    return channel
