"""Prove that secrets are sealed to their names, and that no kill and no lost key costs more than it must."""

import asyncio
import os
import random
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest
from sqlalchemy import text

from quarterdeck.core.errors import NotFound, SetupError
from quarterdeck.store.audit import Audit
from quarterdeck.store.engine import Store
from quarterdeck.store.vault import Vault
from quarterdeck.store.vault_keys import EnvKeys, FileKeys, KeyringKeys, Keys, encode, keys_of, safe_backend
from quarterdeck.testing.clock import FakeClock


class MemoryKeyring(keyring.backend.KeyringBackend):
    """Be a keyring that works."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def key_file(path: Path) -> FileKeys:
    return FileKeys(path.parent / "vault.key")


@pytest.fixture
def vault(store: Store, key_file: FileKeys) -> Vault:
    return vault_of(store, key_file)


def vault_of(store: Store, keys: Keys) -> Vault:
    clock = FakeClock()
    return Vault(store, keys, clock, Audit(store, clock, str))


async def change(store: Store, statement: str, **values: object) -> None:
    await store.write(
        "facts.changed", lambda connection: connection.execute(text(statement), values) and None
    )


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


# Rotation


async def test_after_a_rotation_only_the_new_key_is_needed(vault: Vault, store: Store, path: Path) -> None:
    """That is what rotating is for."""
    for n in range(20):
        await vault.set(f"S{n}", f"value {n}")
    rotation = await vault.rotate()
    versions = await store.read(lambda c: set(c.execute(text("SELECT key_version FROM secrets")).scalars()))
    fresh, _ = await vault_of(store, FileKeys(path.parent / "vault.key")).load()

    assert (2, 20, ()) == (rotation.key_version, rotation.rotated, rotation.unreadable)
    assert {2} == versions
    assert {f"S{n}": f"value {n}" for n in range(20)} == fresh


async def test_a_backup_from_before_a_rotation_stays_readable(vault: Vault, store: Store, path: Path) -> None:
    """Old keys are kept: yesterday's backup is worth nothing without them. Then the next rotation works, too."""
    await vault.set("A", "value a")
    saved = await store.read(
        lambda c: [dict(row._mapping) for row in c.execute(text("SELECT * FROM secrets"))]
    )
    facts = await store.read(lambda c: c.execute(text("SELECT * FROM facts WHERE name LIKE 'vault%'")).all())
    await vault.rotate()
    await change(store, "DELETE FROM facts WHERE name LIKE 'vault%'")
    for name, value in facts:
        await change(store, "INSERT INTO facts VALUES (:name, :value)", name=name, value=value)
    row = saved[0]
    update = "UPDATE secrets SET nonce = :n, ciphertext = :c, key_version = 1"
    await change(store, update, n=row["nonce"], c=row["ciphertext"])
    restored = vault_of(store, FileKeys(path.parent / "vault.key"))
    before = await restored.get("A")
    rotation = await restored.rotate()

    assert ("value a", "value a", 2) == (before, await restored.get("A"), rotation.key_version)


async def test_setting_and_rotating_at_once_loses_nothing(vault: Vault) -> None:
    """The operator rotates while a person connects an account."""
    work = [vault.set(f"S{n}", f"value {n}") for n in range(30)]
    await asyncio.gather(*work, *(vault.rotate() for _ in range(3)))
    values, described = await vault.load()

    assert {f"S{n}": f"value {n}" for n in range(30)} == values
    assert [] == [one.id for one in described if one.problem]


async def test_two_rotations_at_once_are_one(store: Store, key_file: FileKeys) -> None:
    """Another process of ours cannot be there, and yet: the second one must not seal with a key of the past."""

    class Interrupting(FileKeys):
        was_asked = False

        async def get(self, vault_id: str, version: int) -> bytes | None:
            if version == 2 and not self.was_asked:
                self.was_asked = True
                await vault_of(store, key_file).rotate()
            return await super().get(vault_id, version)

    vault = vault_of(store, Interrupting(key_file._path))
    await vault.set("A", "value a")
    with pytest.raises(SetupError, match="rotated by somebody else"):
        await vault.rotate()

    assert "value a" == await vault_of(store, key_file).get("A")


ROTATE = """
import asyncio, os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from quarterdeck.runtime import faults
from quarterdeck.store.audit import Audit
from quarterdeck.store.engine import Store
from quarterdeck.store.vault import Vault
from quarterdeck.store.vault_keys import FileKeys
from quarterdeck.testing.clock import FakeClock

seen = 0

def count(*_):
    global seen
    seen += 1
    if seen == at:
        os.kill(os.getpid(), signal.SIGKILL)

for name in ("open", "replace", "fsync", "unlink"):
    real = getattr(os, name)
    setattr(os, name, lambda *a, real=real, **o: (count(), real(*a, **o))[1])

async def main(path):
    store = await Store.open(path)
    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, count)
    vault = Vault(store, FileKeys(path.parent / "vault.key"), FakeClock(), Audit(store, FakeClock(), str))
    global seen
    seen = 0
    await vault.rotate()
    print(seen, flush=True)
    await store.close()

def child(path, n):
    global at
    at = n
    asyncio.run(main(path))
    os._exit(0)

at, path, rounds = 0, Path(sys.argv[1]), int(sys.argv[2])
for n in range(1, rounds + 1):
    pid = os.fork()
    if pid == 0:
        child(path, 10_000 if n == rounds else 1 + n % int(sys.argv[3]))
    _, status = os.waitpid(pid, 0)
    print("killed" if os.waitstatus_to_exitcode(status) == -signal.SIGKILL else "done", flush=True)
"""


@pytest.mark.slow
def test_a_rotation_killed_at_two_hundred_points_leaves_every_row_readable(path: Path) -> None:
    """Between key and row, between rows, before and after the commit; then one that is let through."""
    asyncio.run(_set_twenty(path))
    ended = subprocess.run(
        [sys.executable, "-c", ROTATE, path, "201", "60"], capture_output=True, text=True, timeout=110
    )
    outcomes = [line for line in ended.stdout.split() if line.isalpha()]
    values, problems = asyncio.run(_load(path))

    assert "" == ended.stderr
    assert (201, "done") == (len(outcomes), outcomes[-1])
    assert outcomes.count("killed") >= 150
    assert {f"S{n}": f"value {n}" for n in range(20)} == values
    assert [] == problems


async def _set_twenty(path: Path) -> None:
    store = await Store.open(path)
    vault = vault_of(store, FileKeys(path.parent / "vault.key"))
    for n in range(20):
        await vault.set(f"S{n}", f"value {n}")
    await store.close()


async def _load(path: Path) -> tuple[dict[str, str], list[str]]:
    store = await Store.open(path)
    values, described = await vault_of(store, FileKeys(path.parent / "vault.key")).load()
    verdict = await Audit(store, FakeClock(), str).verify()
    await store.close()
    return values, [one.problem for one in described if one.problem] + list(verdict.problems)


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


# The places of keys


async def test_the_systems_keyring_keeps_the_key(store: Store) -> None:
    """The default: nothing in the data folder opens the vault."""
    backend = MemoryKeyring()
    await vault_of(store, KeyringKeys(backend)).set("A", "value a")

    assert "value a" == await vault_of(store, KeyringKeys(backend)).get("A")
    assert {"quarterdeck"} == {service for service, _ in backend.kept}


class Plaintext(MemoryKeyring):
    """Stand for the back ends of keyrings.alt, by their name."""


Plaintext.__name__ = "PlaintextKeyring"


class Chained(MemoryKeyring):
    """Stand for the library's chainer."""

    backends = (MemoryKeyring(), Plaintext())


class DerivedNull(keyring.backends.null.Keyring):
    """Hide an unsafe one behind a name of its own."""


@pytest.mark.parametrize(
    "backend",
    [keyring.backends.fail.Keyring(), keyring.backends.null.Keyring(), Plaintext(), Chained(), DerivedNull()],
    ids=lambda backend: type(backend).__name__,
)
async def test_an_unsafe_keyring_is_refused(store: Store, backend: object) -> None:
    """Plain text that looks like a vault is worse than none."""
    with pytest.raises(SetupError) as refused:
        await vault_of(store, KeyringKeys(backend)).set("A", "value a")

    assert "offers no safe keyring" in refused.value.message
    assert "vault.key: file" in refused.value.hint
    assert 0 == await store.read(lambda c: c.execute(text("SELECT count(*) FROM secrets")).scalar())


async def test_the_keyring_of_this_test_machine_is_refused(store: Store) -> None:
    """Tests run with the null back end, which answers everything and keeps nothing."""
    with pytest.raises(SetupError):
        safe_backend()


class Locked(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("Failed to unlock the collection!")


class Broken(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise ConnectionError("no bus")


class Forgetful(MemoryKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        pass


@pytest.mark.parametrize(
    "backend", [Locked(), Broken(), Forgetful()], ids=lambda backend: type(backend).__name__
)
async def test_a_keyring_that_does_not_work_is_explained(store: Store, backend: object) -> None:
    """Locked, broken, or keeping nothing: start is refused with the fix, and nothing falls back to plain text."""
    with pytest.raises(SetupError) as refused:
        await vault_of(store, KeyringKeys(backend)).set("A", "value a")

    assert "vault.key" == refused.value.key
    assert "unlock or start the system's keyring" in refused.value.hint


async def test_a_keyring_that_does_not_answer_is_not_waited_for(store: Store) -> None:
    """A headless machine may ask an invisible desktop for a password."""
    released = threading.Event()

    class Slow(MemoryKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            released.wait(30)
            return None

    started_s = time.monotonic()
    with pytest.raises(SetupError, match=r"did not answer within 0\.05 s"):
        await vault_of(store, KeyringKeys(Slow(), timeout_s=0.05)).set("A", "value a")
    took_s = time.monotonic() - started_s
    released.set()

    assert took_s < 5


async def test_the_key_file_is_for_its_owner_only(vault: Vault, store: Store, path: Path) -> None:
    """Made so, and refused when somebody opened it later."""
    await vault.set("A", "value a")
    file = path.parent / "vault.key"
    mode = stat.S_IMODE(file.stat().st_mode)
    file.chmod(0o640)
    with pytest.raises(SetupError) as refused:
        await vault_of(store, FileKeys(file)).get("A")

    assert 0o600 == mode
    assert f"chmod 600 {file}" in refused.value.hint


async def test_a_key_file_of_somebody_else_is_refused(
    vault: Vault, store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner can read the key and change it."""
    await vault.set("A", "value a")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(SetupError, match="can be read by other users"):
        await vault_of(store, FileKeys(path.parent / "vault.key")).get("A")


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', "not json"])
async def test_a_damaged_key_file_is_not_written_over(store: Store, path: Path, content: str) -> None:
    """What is left of it may still be the only copy."""
    file = path.parent / "vault.key"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(SetupError, match="is damaged"):
        await vault_of(store, FileKeys(file)).set("A", "value a")

    assert content == file.read_text()


async def test_a_key_file_behind_a_link_is_refused(store: Store, path: Path, tmp_path: Path) -> None:
    """The link's target may belong to somebody else."""
    (tmp_path / "elsewhere").write_text("{}")
    (tmp_path / "elsewhere").chmod(0o600)
    (path.parent / "vault.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError):
        await vault_of(store, FileKeys(path.parent / "vault.key")).set("A", "value a")


async def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    """A second vault in the same folder must not take the first one's key away."""
    key_file = FileKeys(tmp_path / "vault.key")
    await key_file.put("v", 1, b"a" * 32)
    with pytest.raises(SetupError, match="holds another key"):
        await key_file.put("v", 1, b"b" * 32)

    assert b"a" * 32 == await key_file.get("v", 1)


async def test_a_variable_can_hold_the_keys(store: Store) -> None:
    """Containers get secrets so. Rotating says what to append, and works once it is there."""
    first, second = encode(os.urandom(32)), encode(os.urandom(32))
    vault = vault_of(store, EnvKeys("VAULT_KEY", first))
    await vault.set("A", "value a")
    with pytest.raises(SetupError) as refused:
        await vault.rotate()
    both = vault_of(store, EnvKeys("VAULT_KEY", f"1:{first},2:{second}"))
    rotation = await both.rotate()

    assert "append `,2:KEY` to VAULT_KEY" in refused.value.hint
    assert (2, "value a") == (rotation.key_version, await both.get("A"))


async def test_an_absent_variable_says_how_to_make_a_key(store: Store) -> None:
    """The first thing that an operator of a container sees."""
    with pytest.raises(SetupError) as refused:
        await vault_of(store, EnvKeys("VAULT_KEY", None)).set("A", "value a")

    assert "set VAULT_KEY to KEY, with a KEY from `openssl rand -base64 32`" in refused.value.hint


async def test_a_short_key_is_refused_without_showing_it(store: Store) -> None:
    """A password is no key."""
    with pytest.raises(SetupError) as refused:
        await vault_of(store, EnvKeys("VAULT_KEY", "hunter2hunter2")).set("A", "value a")

    assert "hunter2" not in f"{refused.value.message} {refused.value.hint}"


def test_the_setting_chooses_the_place(tmp_path: Path) -> None:
    """`vault.key` is one of three words."""
    places = [
        keys_of(word, tmp_path / "vault.key", {"K": "x"}).place for word in ("keyring", "file", "env:K")
    ]

    assert ["the system's keyring", str(tmp_path / "vault.key"), "the variable K"] == places
