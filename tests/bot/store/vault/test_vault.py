"""Prove that secrets are sealed to their names, and that no lost key costs more than it must."""

import os
import random
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.bot.store.vaults import change, vault_of

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.vault.keys import EnvKeys, FileKeys, encode
from quarterdeck.store.vault.vault import Vault
from quarterdeck.testing.clock import FakeClock


async def test_what_was_set_is_read_back(vault: Vault) -> None:
    """New, replaced, in any script, long."""
    is_new = [await vault.set("A", "one"), await vault.set("A", "two"), await vault.set("B", "ключ 🔑" * 999)]

    assert [True, False, True] == is_new
    assert ["two", "ключ 🔑" * 999] == [await vault.get("A"), await vault.get("B")]


async def test_nothing_readable_is_on_disk(vault: Vault, store: Store, path: Path) -> None:
    """The database is copied to backups; its reader must not become everybody."""
    await vault.set("A", "canary-value-1234")
    await vault.rotate()
    await store.read(lambda _: None)
    found = {file.name for file in path.parent.iterdir() if b"canary-value" in file.read_bytes()}

    assert set() == found


async def test_the_same_value_is_never_sealed_the_same_way(vault: Vault, store: Store) -> None:
    """A repeated nonce would give the key away."""
    seen = set()
    for _ in range(200):
        await vault.set("A", "value")
        seen.add(
            await store.read(lambda c: tuple(c.execute(text("SELECT nonce, ciphertext FROM secrets")).one()))
        )

    assert (200, 200) == (len({nonce for nonce, _ in seen}), len({ciphertext for _, ciphertext in seen}))


@pytest.mark.slow
async def test_a_thousand_changed_rows_are_all_refused(vault: Vault, store: Store) -> None:
    """Single bits of nonce and ciphertext, and rows put under another name: none is ever read as a value."""
    chance = random.Random(33)
    for n in range(10):
        await vault.set(f"S{n}", f"value number {n}")
    rows = await store.read(
        lambda c: [row._mapping for row in c.execute(text("SELECT * FROM secrets")).all()]
    )
    detected = 0
    for n in range(1000):
        victim, other = chance.sample(rows, 2)
        nonce, ciphertext = bytearray(victim["nonce"]), bytearray(victim["ciphertext"])
        if n % 2:
            nonce, ciphertext = bytearray(other["nonce"]), bytearray(other["ciphertext"])
        else:
            part = chance.choice([nonce, ciphertext])
            part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
        update = "UPDATE secrets SET nonce = :nonce, ciphertext = :ciphertext WHERE id = :id"
        await change(store, update, nonce=bytes(nonce), ciphertext=bytes(ciphertext), id=victim["id"])
        try:
            await vault.get(victim["id"])
        except SetupError as error:
            detected += repr(victim["id"]) in error.message
        await change(store, update, nonce=victim["nonce"], ciphertext=victim["ciphertext"], id=victim["id"])
    values, _ = await vault.load()

    assert 1000 == detected
    assert {f"S{n}": f"value number {n}" for n in range(10)} == values


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE secrets SET id = 'C' WHERE id = 'A'",
        "UPDATE secrets SET kind = 'token' WHERE id = 'A'",
        "UPDATE secrets SET key_version = 2 WHERE id = 'A'",
        "UPDATE secrets SET nonce = x'00' WHERE id = 'A'",
        "UPDATE secrets SET ciphertext = x'' WHERE id = 'A'",
    ],
)
async def test_a_row_is_bound_to_its_name_kind_and_key(vault: Vault, store: Store, statement: str) -> None:
    """Whoever can write the file must not hand one credential out as another."""
    await vault.set("A", "value a")
    await vault.rotate()
    await vault.rotate()
    await vault.set("B", "value b")
    await change(store, statement)
    values, described = await vault.load()

    assert {"B": "value b"} == values
    assert [False, True] == [not one.problem for one in sorted(described, key=lambda one: one.id == "B")]


async def test_one_unreadable_secret_leaves_the_others_alone(vault: Vault, store: Store) -> None:
    """It is named, nothing is written over it, and it can be set again."""
    await vault.set("A", "value a")
    await vault.set("B", "value b")
    await change(store, "UPDATE secrets SET ciphertext = zeroblob(40) WHERE id = 'A'")
    with pytest.raises(SetupError) as refused:
        await vault.get("A")
    rotation = await vault.rotate()
    row = await store.read(
        lambda c: tuple(c.execute(text("SELECT ciphertext, key_version FROM secrets")).first())
    )
    await vault.set("A", "value a2")

    assert "the secret 'A' cannot be read: its row was changed, moved or damaged" == refused.value.message
    assert (1, ("A",)) == (rotation.rotated, rotation.unreadable)
    assert (bytes(40), 1) == row
    assert ["value a2", "value b"] == [await vault.get("A"), await vault.get("B")]


async def test_unknown_names_are_not_found(vault: Vault) -> None:
    """With the nearest known one."""
    await vault.set("SLACK_TOKEN", "value")
    with pytest.raises(NotFound) as missing:
        await vault.get("SLACK_TOKN")
    with pytest.raises(NotFound):
        await vault.remove("NOTHING")

    assert "did you mean 'SLACK_TOKEN'?" == missing.value.hint


async def test_removing_needs_no_key(vault: Vault, store: Store, key_file: FileKeys, path: Path) -> None:
    """A lost key must not keep the operator from cleaning up."""
    await vault.set("A", "value")
    (path.parent / "vault.key").unlink()
    fresh = vault_of(store, key_file)
    await fresh.remove("A")

    assert ({}, []) == await fresh.load()


async def test_what_was_done_is_in_the_audit_record_without_the_value(
    store: Store, key_file: FileKeys
) -> None:
    """Who set which secret when is evidence; what it was is not."""
    clock = FakeClock()
    audit = Audit(store, clock, str)
    vault = Vault(store, key_file, clock, audit)
    await vault.set("A", "canary-value-1234", person_id="p1")
    await vault.rotate()
    await vault.remove("A")
    rows = await audit.rows()

    assert [
        {"did": "set", "name": "A"},
        {"did": "rotated", "key_version": 2},
        {"did": "removed", "name": "A"},
    ] == [row["detail"] for row in rows]
    assert "canary" not in str(rows)


@pytest.mark.parametrize("point", ["secret.stored", "vault.rotated", "vault.prepared", "secret.removed"])
@pytest.mark.parametrize("when", [".before", ""])
async def test_a_write_that_fails_at_its_fault_point_can_be_repeated(
    store: Store, key_file: FileKeys, armed, point: str, when: str
) -> None:
    """Old or new, and the same call succeeds the second time."""
    vault = vault_of(store, key_file)
    if point != "vault.prepared":
        await vault.set("A", "value a")
        await vault.set("B", "value b")
    armed(f"{point}{when}:1:raise")
    calls = {
        "secret.stored": lambda: vault.set("A", "value a"),
        "vault.prepared": lambda: vault.set("A", "value a"),
        "vault.rotated": vault.rotate,
        "secret.removed": lambda: vault.remove("B"),
    }
    with pytest.raises(Exception, match=point):
        await calls[point]()
    if not (point == "secret.removed" and not when):
        await calls[point]()

    assert "value a" == await vault_of(store, key_file).get("A")


# A key that is lost or wrong


async def test_a_lost_key_is_named_and_nothing_is_sealed_with_another(
    vault: Vault, store: Store, key_file: FileKeys, path: Path
) -> None:
    """The file was not in the backup: setting a secret must not silently start a second key."""
    await vault.set("A", "value a")
    key = (path.parent / "vault.key").read_bytes()
    (path.parent / "vault.key").unlink()
    fresh = vault_of(store, key_file)
    refusals = []
    for attempt in (fresh.get("A"), fresh.set("B", "value b"), fresh.rotate()):
        with pytest.raises(SetupError) as refused:
            await attempt
        refusals.append(refused.value.message)
    was_made = (path.parent / "vault.key").exists()
    (path.parent / "vault.key").write_bytes(key)
    (path.parent / "vault.key").chmod(0o600)

    assert all("key version 1 is not in" in message for message in refusals)
    assert not was_made
    assert "value a" == await vault_of(store, key_file).get("A")


async def test_another_vaults_key_is_told_from_ours(vault: Vault, store: Store) -> None:
    """The wrong variable, a key file of another machine: nothing is written with it."""
    await vault.set("A", "value a")
    wrong = vault_of(store, EnvKeys("KEY", encode(os.urandom(32))))
    for attempt in (wrong.get("A"), wrong.set("B", "value b")):
        with pytest.raises(SetupError, match="key version 1 in the variable KEY is another vault's"):
            await attempt
    _, described = await wrong.load()

    assert ["A"] == [one.id for one in described if one.problem]
    assert ["A"] == [one.id for one in (await vault.load())[1]]


async def test_a_key_that_is_gone_for_good_can_be_replaced(vault: Vault, store: Store, path: Path) -> None:
    """Its secrets stay unreadable and named until they are set again; new ones work."""
    await vault.set("A", "value a")
    (path.parent / "vault.key").unlink()
    fresh = vault_of(store, FileKeys(path.parent / "vault.key"))
    rotation = await fresh.rotate(lost_key=True)
    await fresh.set("B", "value b")
    values, described = await fresh.load()

    assert (2, 0, ("A",)) == (rotation.key_version, rotation.rotated, rotation.unreadable)
    assert {"B": "value b"} == values
    assert ["A"] == [one.id for one in described if one.problem]
