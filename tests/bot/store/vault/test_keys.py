"""Prove that keys are kept in safe places only, and never lost or shown there."""

import os
import stat
import threading
import time
from pathlib import Path

import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest
from sqlalchemy import text
from tests.bot.store.vaults import vault_of

from quarterdeck.core.errors import SetupError
from quarterdeck.store.engine import Store
from quarterdeck.store.vault.keys import EnvKeys, FileKeys, KeyringKeys, encode, keys_of, safe_backend
from quarterdeck.store.vault.vault import Vault


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
