"""Know which of the policy's groups somebody is in: named people, and groups of the platforms.

Membership follows the person: who is in the Slack group may use it from Telegram, once both accounts are theirs. What
a platform says is at most 30 s old when it arrives (`Groups`) and is kept for `KEEP_S` here, so that whoever left a
group has lost what it gave, everywhere, within a minute. While a platform does not answer, its groups give nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Protocol, cast

from quarterdeck.core.adapter import Groups
from quarterdeck.core.errors import QuarterdeckError, UsageError
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock
from quarterdeck.core.value import dataclass

KEEP_S = 20.0
FAILED_KEEP_S = 5.0  # how long a platform that did not answer is left alone
ANSWER_S = 3.0
MOST_KEPT = 10_000  # accounts; forgotten all at once, and asked for anew

NONE: frozenset[str] = frozenset()

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Name a group of the policy: who belongs to it, and the role that it gives (empty: none)."""

    name: str
    people: frozenset[str] = NONE
    platforms: frozenset[str] = NONE
    role: str = ""


class GroupMap:
    """Find the policy's groups by their members. Made anew with each policy, and never changed."""

    def __init__(self, groups: Collection[Group] = ()) -> None:
        self.by_name = {group.name: group for group in groups}
        self._of_people: dict[str, list[str]] = {}
        self._of_platforms: dict[str, list[str]] = {}
        for group in groups:
            for member in group.people:
                self._of_people.setdefault(member, []).append(group.name)
            for outer in group.platforms:
                self._of_platforms.setdefault(outer, []).append(group.name)
        self.asks_platforms = frozenset(outer.partition(":")[0] for outer in self._of_platforms)

    def of(self, members: Collection[str], outer: Collection[str]) -> frozenset[str]:
        """Return the groups that any of `members` (identities, a person's id) or of the platforms' groups is in."""
        if not self.by_name:
            return NONE
        return frozenset(
            name
            for known, keys in ((self._of_people, members), (self._of_platforms, outer))
            for key in keys
            for name in known.get(key, ())
        )

    def roles(self, names: Collection[str]) -> list[str]:
        """Return the roles that these groups give."""
        return [role for name in names if (role := self.by_name[name].role)]


class Platforms(Protocol):
    """Say which groups of their platform an account is in."""

    async def groups_of(self, identity: str) -> frozenset[str]:
        """Return them; nothing where the platform has none, or does not answer."""


class PlatformGroups:
    """Ask the adapters, and remember for `KEEP_S`."""

    def __init__(self, adapters: Mapping[str, object], clock: Clock) -> None:
        self._adapters, self._clock = adapters, clock
        self._kept: dict[str, tuple[float, frozenset[str]]] = {}
        self._silent: set[str] = set()

    async def groups_of(self, identity: str) -> frozenset[str]:
        """Return the groups of an account; nothing where the platform has none, or does not answer."""
        adapter = self._adapters.get(identity.partition(":")[0])
        if not hasattr(adapter, "groups_of"):
            return NONE
        until_s, groups = self._kept.get(identity, (0.0, NONE))
        now_s = self._clock.monotonic()
        if now_s < until_s:
            return groups
        groups, keep_s = await self._ask(cast("Groups", adapter), identity)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[identity] = (now_s + keep_s, groups)  # counted from before the question
        return groups

    async def _ask(self, adapter: Groups, identity: str) -> tuple[frozenset[str], float]:
        platform = identity.partition(":")[0]
        try:
            async with asyncio.timeout(ANSWER_S):
                groups = await adapter.groups_of(Identity.parse(identity))
        except UsageError:
            return NONE, KEEP_S
        except (QuarterdeckError, TimeoutError) as error:
            if platform not in self._silent:
                self._silent.add(platform)
                log.warning(
                    "Groups unknown: they give nothing", extra={"platform": platform, "error": repr(error)}
                )
            return NONE, FAILED_KEEP_S
        if platform in self._silent:
            self._silent.discard(platform)
            log.info("Groups known again", extra={"platform": platform})
        return groups, KEEP_S
