"""Let people in: the first owner by a code in the terminal, others by invitation, then by password or passkey.

A wrong password, an unknown name and a used code get the same answer, after the same work. What is tried too often is
not looked at: by account and by address.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from quarterdeck.core.account import PLATFORM, Account, AccountRows, Invitation
from quarterdeck.core.errors import Denied, NotFound, UsageError
from quarterdeck.core.mailbox import mailbox
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, People
from quarterdeck.web.access.backoff import Backoff
from quarterdeck.web.access.passkeys import Passkeys
from quarterdeck.web.access.passwords import Passwords
from quarterdeck.web.access.sessions import Sessions, hash_of

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
WRONG = "That was not right."
LONGEST_NAME = 100
INVITATION_MS = 7 * 86_400_000
FIRST_MS = 365 * 86_400_000
CODE_BYTES = 32

T = TypeVar("T")


class Record(Protocol):
    """Write down what was done."""

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None:
        """Add one row to the audit record."""


class TooOften(Denied):
    """Say that so many tries were wrong that the next ones are not looked at."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("Too many tries were wrong.", hint="wait, then try again")
        self.wait_s = wait_s


class AccountDesk:
    """Make accounts, and sign them in."""

    def __init__(
        self, rows: AccountRows, sessions: Sessions, *, people: People, record: Record, clock: Clock
    ) -> None:
        self._rows, self.sessions, self._people = rows, sessions, people
        self._record, self._clock = record, clock
        self._passwords, self._backoff = Passwords(), Backoff(clock)
        self.passkeys = Passkeys(rows, clock)

    async def first_code(self) -> str:
        """Return a new code for the first owner; empty where there is an account already."""
        return await self._invite("owner", "", is_first=True) if not await self._rows.count() else ""

    async def invite(self, role: str, name: str = "", email: str = "") -> tuple[str, Invitation]:
        """Return a code that makes an account with this role, and what is kept of it; `email` is where it is sent.

        Raises:
            UsageError: the name cannot be an account's, or the address is none.
        """
        if name:
            _check(name)
        if email and not mailbox(email):
            hint = "write it plainly, without +words and in Latin letters, such as anna@example.com"
            raise UsageError(f"{email[:80]!a} is no address that accounts are compared by", hint=hint)
        code = await self._invite(role, name, is_first=False, email=mailbox(email))
        kept = await self._rows.invitation(hash_of(code), now_ms=self._clock.now_ms())
        assert kept is not None
        return code, kept

    async def claim(
        self, code: str, name: str, password: str, *, display_name: str, address: str
    ) -> tuple[str, Account]:
        """Make an account by a code; returns the secret of its first session.

        Raises:
            Denied: the code is wrong, used or over; or it was tried too often.
            UsageError: the name or the password cannot be taken.
        """
        now_ms, hashed = self._clock.now_ms(), hash_of(code)
        invitation = await self._tried(lambda: self._rows.invitation(hashed, now_ms=now_ms), f"at {address}")
        if invitation is None:
            raise Denied(WRONG, hint="ask for a new code")
        _check(name)
        if not invitation.name and not invitation.is_first and await self._is_reserved(name):
            raise UsageError("this name is taken", hint="choose another one")
        account = Account(
            name=name,
            display_name=display_name.strip()[:LONGEST_NAME],
            password=await self._passwords.hash(password),
            email=invitation.email,
            created_at_ms=now_ms,
        )
        try:
            await self._rows.claim(hashed, account, now_ms=now_ms)
        except NotFound as error:  # used a moment ago
            raise Denied(WRONG, hint="ask for a new code") from error
        await self._note("claimed", account=name, role=invitation.role)
        return await self.sessions.begin(account), account

    async def by_password(self, name: str, password: str, *, address: str) -> str:
        """Sign in; returns the secret of the new session.

        Raises:
            Denied: name or password is wrong, or was tried too often.
        """
        name = name.strip().lower()[:100]

        async def check() -> Account | None:
            account = await self._rows.find(name)
            hashed = account.password if account is not None else ""
            return account if await self._passwords.matches(hashed, password) else None

        account = await self._tried(check, f"as {name}", f"at {address}")
        if account is None:
            raise Denied(WRONG, hint="check the name and the password")
        return await self._begin(account)

    async def by_passkey(self, ceremony: str, credential: Mapping[str, object], *, origin: str) -> str:
        """Sign in by what a passkey signed; returns the secret of the new session.

        Raises:
            Denied: it was not accepted.
        """
        name = await self.passkeys.sign_in(ceremony, credential, origin=origin)
        account = await self._rows.find(name)
        if account is None:
            raise Denied(WRONG)
        return await self._begin(account)

    async def account(self, name: str) -> Account:
        """Return an account.

        Raises:
            NotFound: there is none.
        """
        account = await self._rows.find(name)
        if account is None:
            raise NotFound("there is no such account")
        return account

    async def change_password(self, name: str, current: str, new: str, *, address: str) -> str:
        """Change it; every session ends, and the secret of a new one is returned.

        Raises:
            Denied: the current one is wrong.
            UsageError: the new one cannot be taken.
        """

        async def check() -> Account | None:
            account = await self._rows.find(name)
            is_right = account is not None and await self._passwords.matches(account.password, current)
            return account if is_right else None

        if await self._tried(check, f"as {name}", f"at {address}") is None:
            raise Denied(WRONG, hint="give the password that you have now")
        hashed = await self._passwords.hash(new)
        await self._note("password", account=name)
        account = await self._rows.set_password(name, hashed)
        await self.sessions.end_of(name)
        return await self.sessions.begin(account)

    async def sign_out_everywhere(self, name: str) -> None:
        """End every session of an account.

        Raises:
            NotFound: there is none.
        """
        await self._note("sign-out", account=name)
        await self._rows.end_all(name)
        await self.sessions.end_of(name)

    async def remove_passkey(self, name: str, passkey_id: str) -> bool:
        """Take a passkey away; what was signed in by any means stays so."""
        await self._note("passkey removed", account=name)
        return await self._rows.remove_passkey(name, passkey_id)

    async def _begin(self, account: Account) -> str:
        await self._note("sign-in", account=account.name)
        return await self.sessions.begin(account)

    async def _tried(self, check: Callable[[], Awaitable[T | None]], *keys: str) -> T | None:
        """Run a check unless these keys were wrong too often; None counts as wrong.

        Raises:
            TooOften: it was not run.
        """
        wait_s = self._backoff.wait_s(*keys)
        if wait_s:
            raise TooOften(wait_s)
        self._backoff.begin(*keys)
        found = await check()
        if found is not None:
            self._backoff.clear(*keys)
        return found

    async def _invite(self, role: str, name: str, *, is_first: bool, email: str = "") -> str:
        code, now_ms = secrets.token_urlsafe(CODE_BYTES), self._clock.now_ms()
        invitation = Invitation(
            hash=hash_of(code),
            role=role,
            name=name,
            email=email,
            is_first=is_first,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + (FIRST_MS if is_first else INVITATION_MS),
        )
        if not is_first:
            await self._note("invited", role=role, account=name, email=email)
        await self._rows.invite(invitation)
        return code

    async def _is_reserved(self, name: str) -> bool:
        """Tell whether the name stands for somebody already: in settings, a policy, a directory, the database.

        Whoever chooses a name chooses an identity; an invitation must not be more than its role.
        """
        person = await self._people.person_of(Identity(platform=PLATFORM, user_id=name))
        stranger = await self._people.person_of(Identity(platform=PLATFORM, user_id=secrets.token_hex(8)))
        is_known = person.id != f"{PLATFORM}::{name}"
        return is_known or bool(person.groups) or person.held() != stranger.held()

    async def _note(self, what: str, **detail: object) -> None:
        await self._record.append("account", {"what": what, **detail})


def _check(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            "a name is 1 to 40 small letters, digits, dots and hyphens", hint="such as anna or j.doe"
        )
