"""Ask Slack who is in a user group, who reads a channel, and where somebody can be reached alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.core.errors import AuthFailed, Gone
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock
from quarterdeck_adapters.slack import errors, ids
from quarterdeck_adapters.slack.reading.messages import items, mapping, text_of

if TYPE_CHECKING:
    from quarterdeck_adapters.slack.wire.client import Client

GROUPS_S: Final = 25.0  # how old what we know of groups may be; the core asks for 30 s at most
MEMBERS_S: Final = 25.0
# Marks of a user object that is not a full member's own (docs.slack.dev, users.info and user object, 2026-11-21).
NO_MEMBER: Final = (
    *("deleted", "is_bot", "is_app_user", "is_invited_user"),
    *("is_restricted", "is_ultra_restricted", "is_stranger"),
)
NOBODY: Final = ("user_not_found", "user_not_visible", "user_disabled")
PAGE: Final = 1_000
PAGES: Final = 20
MOST_KEPT: Final = 500
OPTIONS: Final = 100


class Directory:
    """Remember for some seconds what Slack said of groups and members."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._groups: tuple[Mapping[str, object], ...] = ()
        self._by_user: dict[str, set[str]] = {}
        self._groups_until_s = -1.0
        self._members: dict[str, tuple[float, frozenset[str] | None]] = {}

    async def groups_of(self, client: Client, team: str, identity: Identity) -> frozenset[str]:
        """Return the user groups somebody is in, each `slack:TEAM:GROUP`.

        Raises:
            ServiceError: Slack did not say.
        """
        await self._refresh(client)
        found = self._by_user.get(identity.user_id, ()) if identity.workspace == team else ()
        return frozenset(f"{ids.PLATFORM}:{team}:{one}" for one in found)

    async def email_of(self, client: Client, team: str, identity: Identity) -> str:
        """Return the address that Slack has confirmed for a full member of our workspace; empty for anybody else.

        Raises:
            ServiceError: Slack did not say, or the app may not know.
        """
        if identity.workspace != team:
            return ""
        try:
            answer: Any = (await client.users_info(user=identity.user_id)).data
        except Gone as error:
            if error.detail in NOBODY:
                return ""
            raise
        user = mapping(answer, "user")
        is_theirs = text_of(user, "id") == identity.user_id and text_of(user, "team_id") == team
        if not is_theirs or user.get("is_email_confirmed") is not True or any(map(user.get, NO_MEMBER)):
            return ""
        profile = mapping(user, "profile")
        if "email" not in profile:  # without the scope Slack leaves it out
            hint = "`quarterdeck platform manifest slack` prints the scope that is missing; reinstall the app with it"
            raise AuthFailed("Slack does not tell addresses to this app", service=errors.SERVICE, hint=hint)
        return text_of(profile, "email")

    async def options(self, client: Client, team: str, typed: str) -> list[dict[str, object]]:
        """Return the user groups whose name holds what was typed, as a list's options."""
        await self._refresh(client)
        word = typed.strip().lower()
        fitting = [
            one
            for one in self._groups
            if word in text_of(one, "handle").lower() or word in text_of(one, "name").lower()
        ]
        return [
            {
                "text": {"type": "plain_text", "text": f"@{text_of(one, 'handle')}"[:75]},
                "value": f"{ids.PLATFORM}:{team}:{text_of(one, 'id')}",
            }
            for one in fitting[:OPTIONS]
        ]

    async def members(
        self, client: Client, team: str, bot: str, of: Conversation
    ) -> frozenset[Identity] | None:
        """Return who reads a conversation besides the bot; None where Slack does not let us know."""
        channel = ids.place(of).channel
        known = self._members.get(channel)
        if known is None or known[0] <= self._clock.monotonic():
            known = (self._clock.monotonic() + MEMBERS_S, await _members(client, channel))
            if len(self._members) >= MOST_KEPT:
                self._members.pop(next(iter(self._members)))
            self._members[channel] = known
        users = known[1]
        return None if users is None else frozenset(ids.identity(team, one) for one in users - {bot})

    def forget(self, channel: str) -> None:
        """Ask anew who reads a channel: somebody came or went."""
        self._members.pop(channel, None)

    async def direct(self, client: Client, team: str, identity: Identity) -> Conversation | None:
        """Return the direct conversation with somebody; None when they cannot be reached."""
        if identity.workspace != team:
            return None
        try:
            answer: Any = (await client.conversations_open(users=[identity.user_id])).data
        except Gone:
            return None
        channel = text_of(mapping(answer, "channel"), "id")
        return ids.conversation(team, channel) if channel else None

    async def _refresh(self, client: Client) -> None:
        if self._clock.monotonic() < self._groups_until_s:
            return
        answer: Any = (await client.usergroups_list(include_users=True)).data
        groups, by_user = items(answer, "usergroups"), dict[str, set[str]]()
        for group in groups:
            users = group.get("users")
            for user in users if isinstance(users, list) else ():
                by_user.setdefault(str(user), set()).add(text_of(group, "id"))
        self._groups, self._by_user = tuple(groups), by_user
        self._groups_until_s = self._clock.monotonic() + GROUPS_S


async def _members(client: Client, channel: str) -> frozenset[str] | None:
    users: set[str] = set()
    cursor: str | None = None
    for _ in range(PAGES):
        try:
            answer: Any = (
                await client.conversations_members(channel=channel, limit=PAGE, cursor=cursor)
            ).data
        except Gone:
            return None
        found = answer.get("members")
        users |= {str(one) for one in found} if isinstance(found, list) else set()
        cursor = text_of(mapping(answer, "response_metadata"), "next_cursor")
        if not cursor:
            return frozenset(users)
    return None  # too many to know
