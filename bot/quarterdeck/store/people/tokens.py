"""Remember the API tokens of people: what programs show to speak for them.

A token is `qd_ID_SECRET`; the secret is 256 random bits, so a plain hash of it is enough at rest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, Row, insert, select, update

from quarterdeck.core.errors import NotFound
from quarterdeck.core.person import Identity
from quarterdeck.core.value import dataclass
from quarterdeck.store.engine import Store
from quarterdeck.store.people.merging import Account, make_in, new_id, person_id_in
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.store.tables import api_tokens, identities

PREFIX = "qd"
ID_BYTES, SECRET_BYTES = 5, 32
EVERYTHING = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Describe a token without its secret; `scopes` are patterns of the actions that it is for."""

    id: str
    person_id: str
    name: str
    scopes: tuple[str, ...]
    created_at_ms: int
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None

    def is_valid(self, now_ms: int) -> bool:
        """Tell whether it still speaks for its person."""
        return self.revoked_at_ms is None and (self.expires_at_ms is None or now_ms < self.expires_at_ms)


class StoredTokens:
    """Read and write the `api_tokens` table; `people` makes the person of an account that was never stored."""

    def __init__(self, store: Store, people: StoredPeople) -> None:
        self._store, self._people = store, people

    async def create(
        self,
        identity: Identity,
        *,
        name: str = "",
        scopes: Sequence[str] = EVERYTHING,
        expires_at_ms: int | None = None,
        now_ms: int,
    ) -> tuple[str, Token]:
        """Make a token for the person behind `identity`, and return its text: the only time that anybody sees it."""
        token_id, secret, fresh_id = (
            secrets.token_hex(ID_BYTES),
            secrets.token_urlsafe(SECRET_BYTES),
            new_id(),
        )
        text = f"{PREFIX}_{token_id}_{secret}"
        values = {
            "id": token_id,
            "name": name,
            "hash": _hash(text),
            "scopes": json.dumps(list(scopes)),
            "created_at_ms": now_ms,
            "expires_at_ms": expires_at_ms,
        }

        def job(connection: Connection) -> Token:
            person_id = person_id_in(connection, str(identity))
            if person_id is None:
                person_id = fresh_id
                make_in(connection, Account(identity=str(identity)), person_id=person_id, now_ms=now_ms)
            connection.execute(insert(api_tokens), {**values, "person_id": person_id})
            return _token(connection.execute(select(api_tokens).where(api_tokens.c.id == token_id)).one())

        return text, await self._people.write("token.created", job)

    async def find(self, text: str, *, now_ms: int) -> tuple[Token, Identity] | None:
        """Return the token of this text with an account of its person, None when it is none or is over."""
        parts = text.split("_", 2)
        if len(parts) != 3 or parts[0] != PREFIX or len(text) > 200 or not text.isascii():
            return None
        query = (
            select(api_tokens, identities.c.identity)
            .join(identities, identities.c.person_id == api_tokens.c.person_id)
            .where(api_tokens.c.id == parts[1])
            .order_by(identities.c.created_at_ms, identities.c.identity)
            .limit(1)
        )
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None or not hmac.compare_digest(row.hash, _hash(text)):
            return None
        token = _token(row)
        return (token, Identity.parse(row.identity)) if token.is_valid(now_ms) else None

    async def all(self, person_id: str | None = None) -> list[Token]:
        """Return tokens, oldest first, those that are over as well."""
        query = select(api_tokens).order_by(api_tokens.c.created_at_ms, api_tokens.c.id)
        if person_id is not None:
            query = query.where(api_tokens.c.person_id == person_id)
        return [_token(row) for row in await self._store.read(lambda c: c.execute(query).all())]

    async def revoke(self, token_id: str, *, now_ms: int) -> Token:
        """End a token now.

        Raises:
            NotFound: no such token, or it was revoked before.
        """

        def job(connection: Connection) -> Row[*tuple[object, ...]] | None:
            is_this = api_tokens.c.id == token_id
            ended = connection.execute(
                update(api_tokens)
                .where(is_this, api_tokens.c.revoked_at_ms.is_(None))
                .values(revoked_at_ms=now_ms)
            )
            return connection.execute(select(api_tokens).where(is_this)).one() if ended.rowcount else None

        row = await self._store.write("token.revoked", job)
        if row is None:
            raise NotFound(
                f"there is no token {token_id[:60]!r}",
                hint="`quarterdeck person token PERSON --list` shows their ids",
            )
        return _token(row)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _token(row: Row[*tuple[object, ...]]) -> Token:
    return Token(
        id=row.id,
        person_id=row.person_id,
        name=row.name,
        scopes=tuple(json.loads(row.scopes)),
        created_at_ms=row.created_at_ms,
        expires_at_ms=row.expires_at_ms,
        revoked_at_ms=row.revoked_at_ms,
    )
