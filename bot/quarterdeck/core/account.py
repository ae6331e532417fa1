"""Describe accounts of the web door, and what proves them: a password, a passkey, an invitation, a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quarterdeck.core.value import dataclass

PLATFORM = "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Hold one account. `name` never changes: the identity is `web::NAME`.

    `password` is its argon2id hash, empty where there is none. What ends all sessions at once counts `epoch` up.
    `email` is the address that its invitation was sent to, empty where none was said.
    """

    name: str
    display_name: str = ""
    password: str = ""
    epoch: int = 1
    email: str = ""
    created_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """Hold one public key of an account; `id` is the credential's, base64url."""

    id: str
    account: str
    name: str
    public_key: bytes
    sign_count: int
    created_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Let one person make an account with a role; `hash` is of the code. `name` is the account's, if it is said.

    Who has the code of an invitation with an `email` has read what was sent there: the account is that mailbox's.
    """

    hash: str
    role: str
    name: str = ""
    email: str = ""
    is_first: bool = False
    created_at_ms: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Hold one session: `hash` is of its secret, `rights` sums up what its person could do when it began."""

    hash: str
    account: str
    epoch: int
    rights: str
    created_at_ms: int
    seen_at_ms: int


class AccountRows(Protocol):
    """Keep accounts; every method returns once the change is on disk."""

    async def find(self, name: str) -> Account | None:
        """Return an account."""

    async def count(self) -> int:
        """Return how many accounts there are."""

    async def invite(self, invitation: Invitation) -> None:
        """Store an invitation; a first one takes the place of the last first one."""

    async def invitation(self, code_hash: str, *, now_ms: int) -> Invitation | None:
        """Return an invitation that was not used and is not over."""

    async def claim(self, code_hash: str, account: Account, *, now_ms: int) -> Invitation:
        """Use an invitation: make the account and give its person the role, in one commit.

        Raises:
            NotFound: no such invitation any more.
            UsageError: the name is taken, or not the one that the invitation is for.
        """

    async def set_password(self, name: str, password: str) -> Account:
        """Change the password's hash, and count the epoch up."""

    async def end_all(self, name: str) -> Account:
        """Count the epoch up.

        Raises:
            NotFound: there is no such account.
        """

    async def passkeys(self, name: str) -> Sequence[Passkey]:
        """Return an account's passkeys, oldest first."""

    async def passkey(self, passkey_id: str) -> Passkey | None:
        """Return one passkey."""

    async def add_passkey(self, passkey: Passkey) -> None:
        """Store one."""

    async def used_passkey(self, passkey_id: str, sign_count: int) -> None:
        """Write down how often it has signed."""

    async def remove_passkey(self, name: str, passkey_id: str) -> bool:
        """Delete one of this account's."""


class SessionRows(Protocol):
    """Keep sessions over a restart."""

    async def all(self) -> Sequence[Session]:
        """Return every session."""

    async def keep(self, session: Session, *, instead_of: str = "") -> None:
        """Store a session; the one that it stands for from now on is gone."""

    async def remove(self, hashes: Sequence[str]) -> None:
        """Delete sessions."""
