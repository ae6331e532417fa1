"""Keep secrets encrypted at rest, each row bound to its own name, kind and key version.

AES-256-GCM refuses a row that was changed, or that was moved to another name. A row that cannot be read costs
that one secret: it is named, the others go on, and nothing is written over it. The newest key encrypts; a new
key is kept in its place before any row uses it, so that a rotation may be killed at any moment.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import uuid
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, Row, delete, select, update

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.core.ports import Clock
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.store import facts
from quarterdeck.store.database.upsert import inserting
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.tables import secrets
from quarterdeck.store.vault.keys import KEY_BYTES, SETTING, Keys

NONCE_BYTES: Final = 12  # NIST SP 800-38D section 8.2, 2026-11-21: 96 random bits; far below 2^32 rows a key
_ID: Final = "vault.id"
_VERSION: Final = "vault.key_version"
_CHECK: Final = "vault.key_check."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Describe one secret without its value; `problem` says why it cannot be read, empty when it can."""

    id: str
    kind: str
    key_version: int
    created_at_ms: int
    rotated_at_ms: int | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Say what a rotation did: the new key version, rows that have it now, secrets that could not be read."""

    key_version: int
    rotated: int
    unreadable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _State:
    vault_id: str
    version: int
    checks: Mapping[int, str]


class Vault:
    """Set, read and remove secrets by name."""

    def __init__(self, store: Store, keys: Keys, clock: Clock, audit: Audit) -> None:
        self._store, self._keys, self._clock, self._audit = store, keys, clock, audit
        self._known_keys: dict[int, bytes] = {}
        self._changing = asyncio.Lock()

    async def get(self, secret_id: str) -> str:
        """Return a secret's value.

        Raises:
            NotFound: there is no such secret.
            SetupError: its row, or its key, is not usable; names the secret and the way out.
        """
        rows = await self._rows()
        row = next((row for row in rows if row.id == secret_id), None)
        if row is None:
            raise self._unknown(secret_id, [row.id for row in rows])
        return self._open(row, await self._key(await self._state(), row.key_version, secret_id))

    async def load(self) -> tuple[dict[str, str], list[Stored]]:
        """Return every value that can be read by name, and a description of all, unreadable ones included."""
        values, described = dict[str, str](), list[Stored]()
        rows = await self._rows()
        state = await self._state() if rows else None
        for row in rows:
            problem = ""
            try:
                values[row.id] = self._open(row, await self._key(state, row.key_version, row.id))
            except SetupError as error:
                problem = error.message
            described.append(_described(row, problem))
        return values, described

    async def set(self, secret_id: str, value: str, *, kind: str = "secret", person_id: str = "") -> bool:
        """Keep `value` under a name, in place of an older one; returns whether the name is new.

        Raises:
            SetupError: the vault's key cannot be had; nothing was changed.
        """
        async with self._changing:
            state = await self._prepared()
            key = await self._key(state, state.version, secret_id)
            now_ms = self._clock.now_ms()
            sealed = _seal(key, secret_id, kind, state.version, value.encode())
            entry = self._audit.entry("secret", {"did": "set", "name": secret_id}, person_id=person_id)

            def job(connection: Connection) -> bool:
                known = connection.execute(select(secrets.c.id).where(secrets.c.id == secret_id)).first()
                _upsert(connection, {"id": secret_id, "kind": kind, "created_at_ms": now_ms, **sealed})
                self._audit.append_in(connection, entry)
                return known is None

            return await self._store.write("secret.stored", job)

    async def remove(self, secret_id: str, *, person_id: str = "") -> None:
        """Forget a secret; its key is not needed for that.

        Raises:
            NotFound: there is no such secret.
        """
        entry = self._audit.entry("secret", {"did": "removed", "name": secret_id}, person_id=person_id)

        def job(connection: Connection) -> bool:
            removed = connection.execute(delete(secrets).where(secrets.c.id == secret_id)).rowcount > 0
            if removed:
                self._audit.append_in(connection, entry)
            return removed

        if not await self._store.write("secret.removed", job):
            raise self._unknown(secret_id, [row.id for row in await self._rows()])

    async def rotate(self, *, lost_key: bool = False, person_id: str = "") -> Rotation:
        """Encrypt everything anew under a new key, in one transaction; what cannot be read stays as it is.

        `lost_key` goes on where the present key is gone: its secrets stay unreadable until set again.

        Raises:
            SetupError: the present key cannot be had, or the new one cannot be kept; nothing was changed.
        """
        async with self._changing:
            state = await self._prepared()
            if not lost_key:
                await self._key(state, state.version, "every secret")
            new = state.version + 1
            new_key = await self._keep_key(state.vault_id, new)
            keys = {**await self._old_keys(state), new: new_key}
            entry = self._audit.entry("secret", {"did": "rotated", "key_version": new}, person_id=person_id)
            now_ms = self._clock.now_ms()

            def job(connection: Connection) -> Rotation:
                if facts.get_in(connection, _VERSION) != str(state.version):
                    raise SetupError("the vault's key was rotated by somebody else meanwhile", key=SETTING)
                done, unreadable = _seal_anew(connection, keys, new, now_ms)
                facts.set_in(connection, _VERSION, str(new))
                facts.set_in(connection, f"{_CHECK}{new}", _check(new_key, state.vault_id))
                self._audit.append_in(connection, entry)
                return Rotation(key_version=new, rotated=done, unreadable=tuple(unreadable))

            rotation = await self._store.write("vault.rotated", job)
            self._known_keys[new] = new_key
            return rotation

    async def _old_keys(self, state: _State) -> dict[int, bytes]:
        keys = {}
        for version in {row.key_version for row in await self._rows()}:
            try:
                keys[version] = await self._key(state, version, "every secret")
            except SetupError:
                continue  # the rows of that version are reported as unreadable
        return keys

    async def _prepared(self) -> _State:
        """Return the vault's state; a new vault gets its first key, kept before it is used."""
        state = await self._state()
        if state is not None:
            return state
        vault_id = uuid.uuid4().hex
        key = await self._keep_key(vault_id, 1)

        def job(connection: Connection) -> None:
            facts.set_in(connection, _ID, vault_id)
            facts.set_in(connection, _VERSION, "1")
            facts.set_in(connection, f"{_CHECK}1", _check(key, vault_id))

        await self._store.write("vault.prepared", job)
        return _State(vault_id, 1, {1: _check(key, vault_id)})

    async def _keep_key(self, vault_id: str, version: int) -> bytes:
        """Return the key that is to be used next: one left by a rotation that was killed, or a new one."""
        key = await self._keys.get(vault_id, version)
        if key is None:
            key = os.urandom(KEY_BYTES)
            await self._keys.put(vault_id, version, key)
        return key

    async def _state(self) -> _State | None:
        def job(connection: Connection) -> _State | None:
            vault_id, version = facts.get_in(connection, _ID), facts.get_in(connection, _VERSION)
            if vault_id is None or version is None:
                return None
            names = range(1, int(version) + 1)
            checks = {n: facts.get_in(connection, f"{_CHECK}{n}") or "" for n in names}
            return _State(vault_id, int(version), checks)

        return await self._store.read(job)

    async def _key(self, state: _State | None, version: int, secret_id: str) -> bytes:
        """Return a key that is proven to be the one this vault's rows were written with."""
        if state is None or version not in state.checks:
            raise _unusable(secret_id, f"key version {version} was never this vault's")
        if version not in self._known_keys:
            key = await self._keys.get(state.vault_id, version)
            if key is None:
                raise _unusable(secret_id, f"key version {version} is not in {self._keys.place}")
            if not hmac.compare_digest(_check(key, state.vault_id), state.checks[version]):
                raise _unusable(secret_id, f"key version {version} in {self._keys.place} is another vault's")
            self._known_keys[version] = key
        return self._known_keys[version]

    async def _rows(self) -> list[Row[*tuple[object, ...]]]:
        query = select(secrets).order_by(secrets.c.id)
        return await self._store.read(lambda connection: list(connection.execute(query)))

    def _open(self, row: Row[*tuple[object, ...]], key: bytes) -> str:
        value = _unseal(key, row)
        if value is None:
            raise _unusable(row.id, "its row was changed, moved or damaged")
        return value.decode()

    @staticmethod
    def _unknown(secret_id: str, known: list[str]) -> NotFound:
        return NotFound(
            f"there is no secret {secret_id!r}",
            hint=did_you_mean(secret_id, known) or f"run `quarterdeck secret set {secret_id}`",
        )


def _seal_anew(
    connection: Connection, keys: Mapping[int, bytes], new: int, now_ms: int
) -> tuple[int, list[str]]:
    done, unreadable = 0, list[str]()
    for row in connection.execute(select(secrets).order_by(secrets.c.id)).all():
        key = keys.get(row.key_version)
        value = _unseal(key, row) if key is not None else None
        if value is None:
            unreadable.append(row.id)
            continue
        sealed = _seal(keys[new], row.id, row.kind, new, value)
        connection.execute(
            update(secrets).where(secrets.c.id == row.id).values(rotated_at_ms=now_ms, **sealed)
        )
        done += 1
    return done, unreadable


def _seal(key: bytes, secret_id: str, kind: str, version: int, value: bytes) -> dict[str, object]:
    # Loaded when the first secret is: it takes 7 MiB, and many have none in the vault.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    ciphertext = AESGCM(key).encrypt(nonce, value, _bound(secret_id, kind, version))
    return {"nonce": nonce, "ciphertext": ciphertext, "key_version": version}


def _unseal(key: bytes, row: Row[*tuple[object, ...]]) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(row.nonce, row.ciphertext, _bound(row.id, row.kind, row.key_version))
    except (InvalidTag, ValueError):  # ValueError: a nonce of another length
        return None


def _bound(secret_id: str, kind: str, version: int) -> bytes:
    return json.dumps([secret_id, kind, version]).encode()


def _check(key: bytes, vault_id: str) -> str:
    """Return what tells this key from another one, and nothing about it."""
    return hmac.new(key, f"quarterdeck vault {vault_id}".encode(), hashlib.sha256).hexdigest()


def _upsert(connection: Connection, values: Mapping[str, object]) -> None:
    insert = inserting(connection.dialect.name, secrets)
    changed = {name: insert.excluded[name] for name in ("kind", "nonce", "ciphertext", "key_version")}
    connection.execute(
        insert.on_conflict_do_update(index_elements=["id"], set_={**changed, "rotated_at_ms": None}),
        {"rotated_at_ms": None, **values},
    )


def _unusable(secret_id: str, why: str) -> SetupError:
    return SetupError(
        f"the secret {secret_id!r} cannot be read: {why}",
        hint=f"bring the key back, or run `quarterdeck secret set {secret_id}` "
        "(`quarterdeck secret rotate --lost-key` first, when the key is gone for good)",
        key=SETTING,
    )


def _described(row: Row[*tuple[object, ...]], problem: str) -> Stored:
    return Stored(
        id=row.id,
        kind=row.kind,
        key_version=row.key_version,
        created_at_ms=row.created_at_ms,
        rotated_at_ms=row.rotated_at_ms,
        problem=problem,
    )
