"""Prove that rotating the key loses nothing, at whatever point it is killed."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.bot.store.vaults import change, vault_of

from quarterdeck.core.errors import SetupError
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.vault.keys import FileKeys
from quarterdeck.store.vault.vault import Vault
from quarterdeck.testing.clock import FakeClock


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
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.engine import Store
from quarterdeck.store.vault.vault import Vault
from quarterdeck.store.vault.keys import FileKeys
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
        [sys.executable, "-c", ROTATE, path, "201", "40"], capture_output=True, text=True, timeout=110
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
