"""Remember the accounts of the web door (the `AccountRows` and `SessionRows` ports)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from quarterdeck.core.account import PLATFORM, Account, Invitation, Passkey, Session
from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.person import Identity
from quarterdeck.store.conversations.history import insert_new
from quarterdeck.store.engine import Store
from quarterdeck.store.people import merging
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.store.tables import people
from quarterdeck.store.tables.web import web_accounts, web_invitations, web_passkeys, web_sessions


class StoredAccounts:
    """Read and write accounts, passkeys and invitations; `people` is told of who is new."""

    def __init__(self, store: Store, people: StoredPeople) -> None:
        self._store, self._people = store, people

    async def find(self, name: str) -> Account | None:
        """Return an account."""
        query = select(web_accounts).where(web_accounts.c.name == name)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _account(row)

    async def email_of(self, identity: Identity) -> str:
        """Return the address that this account's invitation was sent to; empty where none was said."""
        account = await self.find(identity.user_id)
        return account.email if account is not None else ""

    async def count(self) -> int:
        """Return how many accounts there are."""
        query = select(func.count()).select_from(web_accounts)
        return int(await self._store.read(lambda connection: connection.execute(query).scalar_one()))

    async def invite(self, invitation: Invitation) -> None:
        """Store an invitation; a first one takes the place of the last first one."""
        values = _values(invitation)

        def job(connection: Connection) -> None:
            if invitation.is_first:
                connection.execute(delete(web_invitations).where(web_invitations.c.is_first))
            connection.execute(insert(web_invitations).values(**values))

        await self._store.write("account.invited", job)

    async def invitation(self, code_hash: str, *, now_ms: int) -> Invitation | None:
        """Return an invitation that was not used and is not over."""
        return await self._store.read(lambda connection: _open_in(connection, code_hash, now_ms))

    async def claim(self, code_hash: str, account: Account, *, now_ms: int) -> Invitation:
        """Use an invitation: make the account and give its person the role, in one commit."""
        fresh_id, values = merging.new_id(), _values(account)
        identity = str(Identity(platform=PLATFORM, user_id=account.name))

        def job(connection: Connection) -> Invitation:
            found = _open_in(connection, code_hash, now_ms)
            if found is None:
                raise NotFound("This code is not valid any more.", hint="ask for a new one")
            if found.name and found.name != account.name:
                raise UsageError(f"this invitation is for the name {found.name}", hint="use that name")
            if not insert_new(connection, web_accounts, values):
                raise UsageError("this name is taken", hint="choose another one")
            person_id = merging.person_id_in(connection, identity)
            if person_id is None:
                person_id = fresh_id
                made = merging.Account(identity=identity, name=account.display_name)
                merging.make_in(connection, made, person_id=person_id, now_ms=now_ms)
            connection.execute(update(people).where(people.c.id == person_id).values(role=found.role))
            used = update(web_invitations).where(web_invitations.c.hash == code_hash)
            connection.execute(used.values(used_at_ms=now_ms))
            return found

        return await self._people.write("account.claimed", job)

    async def set_password(self, name: str, password: str) -> Account:
        """Change the password's hash, and count the epoch up."""
        return await self._change("account.password_set", name, password=password)

    async def end_all(self, name: str) -> Account:
        """Count the epoch up."""
        return await self._change("account.ended", name)

    async def _change(self, point: str, name: str, **values: object) -> Account:
        is_it = web_accounts.c.name == name

        def job(connection: Connection) -> Account | None:
            connection.execute(
                update(web_accounts).where(is_it).values(epoch=web_accounts.c.epoch + 1, **values)
            )
            connection.execute(delete(web_sessions).where(web_sessions.c.account == name))
            row = connection.execute(select(web_accounts).where(is_it)).one_or_none()
            return None if row is None else _account(row)

        changed = await self._store.write(point, job)
        if changed is None:
            raise NotFound(
                f"there is no web account {name[:40]!r}", hint="`quarterdeck person list` shows who there is"
            )
        return changed

    async def passkeys(self, name: str) -> Sequence[Passkey]:
        """Return an account's passkeys, oldest first."""
        query = select(web_passkeys).where(web_passkeys.c.account == name)
        query = query.order_by(web_passkeys.c.created_at_ms)
        return [_passkey(row) for row in await self._store.read(lambda c: c.execute(query).all())]

    async def passkey(self, passkey_id: str) -> Passkey | None:
        """Return one passkey."""
        query = select(web_passkeys).where(web_passkeys.c.id == passkey_id)
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else _passkey(row)

    async def add_passkey(self, passkey: Passkey) -> None:
        """Store one."""
        values = _values(passkey)
        await self._store.write("passkey.added", lambda c: insert_new(c, web_passkeys, values))

    async def used_passkey(self, passkey_id: str, sign_count: int) -> None:
        """Write down how often it has signed."""
        changed = update(web_passkeys).where(web_passkeys.c.id == passkey_id).values(sign_count=sign_count)
        await self._store.write("passkey.used", lambda connection: connection.execute(changed))

    async def remove_passkey(self, name: str, passkey_id: str) -> bool:
        """Delete one of this account's."""
        gone = delete(web_passkeys).where(web_passkeys.c.id == passkey_id, web_passkeys.c.account == name)
        return await self._store.write("passkey.removed", lambda c: c.execute(gone).rowcount > 0)


class StoredSessions:
    """Read and write the `web_sessions` table."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> Sequence[Session]:
        """Return every session."""
        rows = await self._store.read(lambda connection: connection.execute(select(web_sessions)).all())
        return [
            Session(
                hash=row.hash,
                account=row.account,
                epoch=row.epoch,
                rights=row.rights,
                created_at_ms=row.created_at_ms,
                seen_at_ms=row.seen_at_ms,
            )
            for row in rows
        ]

    async def keep(self, session: Session, *, instead_of: str = "") -> None:
        """Store a session; the one that it stands for from now on is gone."""
        values = _values(session)
        gone = delete(web_sessions).where(web_sessions.c.hash.in_([session.hash, instead_of]))

        def job(connection: Connection) -> None:
            connection.execute(gone)
            connection.execute(insert(web_sessions).values(**values))

        await self._store.write("session.kept", job)

    async def remove(self, hashes: Sequence[str]) -> None:
        """Delete sessions."""
        gone = delete(web_sessions).where(web_sessions.c.hash.in_(list(hashes)))
        await self._store.write("session.removed", lambda connection: connection.execute(gone))


def _open_in(connection: Connection, code_hash: str, now_ms: int) -> Invitation | None:
    query = select(web_invitations).where(
        web_invitations.c.hash == code_hash,
        web_invitations.c.used_at_ms.is_(None),
        web_invitations.c.expires_at_ms > now_ms,
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Invitation(
        hash=row.hash,
        role=row.role,
        name=row.name,
        email=row.email,
        is_first=row.is_first,
        created_at_ms=row.created_at_ms,
        expires_at_ms=row.expires_at_ms,
    )


def _values(of: Account | Invitation | Passkey | Session) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__slots__}


def _account(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(
        name=row.name,
        display_name=row.display_name,
        password=row.password,
        epoch=row.epoch,
        email=row.email,
        created_at_ms=row.created_at_ms,
    )


def _passkey(row: Row[*tuple[Any, ...]]) -> Passkey:
    return Passkey(
        id=row.id,
        account=row.account,
        name=row.name,
        public_key=row.public_key,
        sign_count=row.sign_count,
        created_at_ms=row.created_at_ms,
    )
