"""Keep who is signed in: on our side, bounded in time, over at once when it is ended.

The cookie holds 256 random bits and nothing else; at rest there is their hash. Every session is in memory besides,
since this process alone keeps them: what ends one ends it before the answer to that is sent.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace

from quarterdeck.core.account import PLATFORM, Account, Session, SessionRows
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, People
from quarterdeck.web.access.caller import Caller, rights_of

LONGEST_MS = 12 * 3_600_000
IDLE_MS = 30 * 60_000
SEEN_EVERY_MS = 60_000  # how often it is written down that somebody is there
GRACE_MS = 5_000  # requests under way when a session gets its new secret
MOST_PER_ACCOUNT = 50


def hash_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Sessions:
    """Begin, find and end sessions."""

    def __init__(self, rows: SessionRows, people: People, clock: Clock) -> None:
        self._rows, self._people, self._clock = rows, people, clock
        self._sessions: dict[str, Session] = {}
        self._moved: dict[str, tuple[str, int]] = {}
        self.on_end: Callable[[], None] = lambda: None

    async def load(self) -> None:
        """Read what a process before this one kept."""
        now_ms = self._clock.now_ms()
        found = await self._rows.all()
        self._sessions = {one.hash: one for one in found if _is_alive(one, now_ms)}
        over = [one.hash for one in found if one.hash not in self._sessions]
        if over:
            await self._rows.remove(over)

    def count(self) -> int:
        """Return how many sessions there are."""
        return len(self._sessions)

    async def begin(self, account: Account) -> str:
        """Sign an account in; returns the secret for its cookie."""
        person = await self._people.person_of(Identity(platform=PLATFORM, user_id=account.name))
        now_ms, secret = self._clock.now_ms(), secrets.token_urlsafe(32)
        session = Session(
            hash=hash_of(secret),
            account=account.name,
            epoch=account.epoch,
            rights=rights_of(person),
            created_at_ms=now_ms,
            seen_at_ms=now_ms,
        )
        await self._rows.keep(session)
        self._sessions[session.hash] = session
        await self._bound(account.name)
        return secret

    async def find(self, secret: str) -> tuple[Caller, str] | None:
        """Return who has this secret, and the new one where their rights have changed since they signed in."""
        known = hash_of(secret)
        if known not in self._sessions and known in self._moved:
            known = self._moved[known][0] if self._moved[known][1] > self._clock.now_ms() else known
        caller = await self.look(known)
        if caller is None:
            return None
        session = self._sessions.get(known)
        if session is None:
            return None
        if caller.rights != session.rights:
            fresh = await self._rotate(session, caller.rights)
            return replace(caller, proof=hash_of(fresh)), fresh
        await self._seen(session)
        return caller, ""

    async def look(self, hashed: str) -> Caller | None:
        """Return who has this session now; ends it when its time is over, or its person has no role any more."""
        session = self._sessions.get(hashed)
        if session is None:
            return None
        if not _is_alive(session, self._clock.now_ms()):
            await self.end([hashed])
            return None
        identity = Identity(platform=PLATFORM, user_id=session.account)
        person = await self._people.person_of(identity)
        if hashed not in self._sessions:  # ended meanwhile
            return None
        if not person.held():
            await self.end([hashed])
            return None
        return Caller(
            identity=identity,
            person=person,
            owner=session.account,
            account=session.account,
            is_session=True,
            rights=rights_of(person),
            proof=hashed,
        )

    async def end(self, hashes: list[str]) -> None:
        """Sign out."""
        for one in hashes:
            self._sessions.pop(one, None)
        self.on_end()
        await self._rows.remove(hashes)

    async def end_of(self, account: str) -> None:
        """End every session of an account."""
        await self.end([one.hash for one in self._sessions.values() if one.account == account])

    async def _rotate(self, session: Session, rights: str) -> str:
        secret, now_ms = secrets.token_urlsafe(32), self._clock.now_ms()
        moved = replace(session, hash=hash_of(secret), rights=rights, seen_at_ms=now_ms)
        self._sessions.pop(session.hash, None)
        self._sessions[moved.hash] = moved
        self._moved = {old: to for old, to in self._moved.items() if to[1] > now_ms}
        self._moved[session.hash] = (moved.hash, now_ms + GRACE_MS)
        await self._rows.keep(moved, instead_of=session.hash)
        return secret

    async def _seen(self, session: Session) -> None:
        now_ms = self._clock.now_ms()
        if now_ms - session.seen_at_ms >= SEEN_EVERY_MS:
            seen = replace(session, seen_at_ms=now_ms)
            self._sessions[session.hash] = seen
            await self._rows.keep(seen)

    async def _bound(self, account: str) -> None:
        mine = [one for one in self._sessions.values() if one.account == account]
        surplus = sorted(mine, key=lambda one: one.seen_at_ms)[: max(0, len(mine) - MOST_PER_ACCOUNT)]
        if surplus:
            await self.end([one.hash for one in surplus])


def _is_alive(session: Session, now_ms: int) -> bool:
    return now_ms - session.created_at_ms < LONGEST_MS and now_ms - session.seen_at_ms < IDLE_MS
