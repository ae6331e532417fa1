"""Hash and check passwords with argon2id, a few at a time: each takes 64 MiB and a tenth of a second."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import TYPE_CHECKING

from quarterdeck.core.errors import UsageError
from quarterdeck.runtime.process.tasks import in_thread

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2
SHORTEST, LONGEST = 12, 1024  # characters


class Passwords:
    """Hash, and check against a hash; argon2-cffi's defaults are RFC 9106's second recommendation."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)
        self._hasher: PasswordHasher | None = None
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """Return the hash.

        Raises:
            UsageError: the password is too short or too long.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise UsageError(
                f"a password needs {SHORTEST} to {LONGEST:,} characters", hint="a few words are good"
            )
        async with self._room:
            return await in_thread(self._hash, password)

    async def matches(self, hashed: str, password: str) -> bool:
        """Tell whether the password is right; an empty hash takes as long and never is."""
        if len(password) > LONGEST:
            return False
        async with self._room:
            return await in_thread(self._verify, hashed, password)

    def _hash(self, password: str) -> str:
        return self._ready().hash(_plain(password))

    def _verify(self, hashed: str, password: str) -> bool:
        from argon2.exceptions import Argon2Error, InvalidHashError

        hasher = self._ready()
        self._nobodys = self._nobodys or hasher.hash("nobody has this password")
        try:
            hasher.verify(hashed or self._nobodys, _plain(password))
        except (Argon2Error, InvalidHashError):
            return False
        return bool(hashed)

    def _ready(self) -> PasswordHasher:
        if self._hasher is None:
            from argon2 import PasswordHasher

            self._hasher = PasswordHasher()
        return self._hasher


def _plain(password: str) -> bytes:
    """Return it as every keyboard would have written it."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
