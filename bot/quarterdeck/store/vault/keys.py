"""Keep the vault's keys where the operator wants them: the system's keyring, a file, or a variable.

A key is never replaced and never deleted: older ones are what older backups are read with.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol, TypeVar

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.process.tasks import in_thread

KEY_BYTES: Final = 32
KEYRING_TIMEOUT_S: Final = 20.0  # a desktop may be asking its user for the password meanwhile
SERVICE: Final = "quarterdeck"
SETTING: Final = "vault.key"
ELSEWHERE: Final = (
    "or say where else the vault's key shall be: `vault.key: file` (a file that only you can read, for "
    "machines without a desktop) or `vault.key: env:NAME`"
)

_UNSAFE_MODULES: Final = ("keyring.backends.null", "keyring.backends.fail", "keyrings.alt")

T = TypeVar("T")


class Keys(Protocol):
    """Keep key material by vault and version."""

    @property
    def place(self) -> str:
        """Name the place in words that follow "in"."""

    async def get(self, vault_id: str, version: int) -> bytes | None:
        """Return a key, None where the place answers that it has none.

        Raises:
            SetupError: the place does not answer, or is not safe; the hint says what to do.
        """

    async def put(self, vault_id: str, version: int, key: bytes) -> None:
        """Keep a key that is not there yet.

        Raises:
            SetupError: as above.
        """


class KeyringKeys:
    """Use the keyring of the operating system; `backend` is the library's choice unless a test says so."""

    def __init__(self, backend: object | None = None, *, timeout_s: float = KEYRING_TIMEOUT_S) -> None:
        self._backend, self._timeout_s = backend, timeout_s

    @property
    def place(self) -> str:
        """Name the place in words that follow "in"."""
        return "the system's keyring"

    async def get(self, vault_id: str, version: int) -> bytes | None:
        """Return a key, None where the keyring answers that it has none."""
        found = await self._ask(lambda backend: backend.get_password(SERVICE, f"{vault_id}:{version}"))
        return None if found is None else decode(found, self.place)

    async def put(self, vault_id: str, version: int, key: bytes) -> None:
        """Keep a key; it is read back, since some keyrings accept what they do not keep."""
        text = encode(key)

        def keep(backend: _Backend) -> str | None:
            backend.set_password(SERVICE, f"{vault_id}:{version}", text)
            return backend.get_password(SERVICE, f"{vault_id}:{version}")

        if await self._ask(keep) != text:
            raise _no_keyring("the system's keyring did not keep the vault's key")

    async def _ask(self, question: Callable[[_Backend], T]) -> T:
        def call() -> T:
            return question(safe_backend(self._backend))

        try:
            return await _in_daemon_thread(call, self._timeout_s)
        except TimeoutError as error:
            raise _no_keyring(f"the system's keyring did not answer within {self._timeout_s:g} s") from error
        except SetupError:
            raise
        except Exception as error:  # back ends raise what their system gives them
            raise _no_keyring(f"the system's keyring is locked or broken ({type(error).__name__})") from error


class _Backend(Protocol):
    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...


def safe_backend(backend: object | None = None) -> _Backend:
    """Return the keyring's back end, the configured one by default.

    Raises:
        SetupError: there is none, or it would keep keys in plain text or not at all.
    """
    import keyring  # looks through every installed package's entry points

    backend = backend if backend is not None else keyring.get_keyring()
    for part in (backend, *getattr(backend, "backends", ())):  # a chainer has several
        for base in type(part).__mro__:
            if base.__module__.startswith(_UNSAFE_MODULES) or "plaintext" in base.__name__.lower():
                name = f"{type(part).__module__}.{type(part).__qualname__}"
                raise _no_keyring(f"this machine offers no safe keyring, only {name}")
    return backend  # type: ignore[return-value]  # the library's back ends are untyped here


def _no_keyring(message: str) -> SetupError:
    return SetupError(
        message, hint=f"unlock or start the system's keyring and try again, {ELSEWHERE}", key=SETTING
    )


class FileKeys:
    """Use one file that nobody else may read; only where the operator said so."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """Name the place in words that follow "in"."""
        return str(self._path)

    async def get(self, vault_id: str, version: int) -> bytes | None:
        """Return a key, None where there is no file, or no such key in it."""
        text = (await in_thread(self._load)).get(f"{vault_id}:{version}")
        return None if text is None else decode(text, self.place)

    async def put(self, vault_id: str, version: int, key: bytes) -> None:
        """Add a key; the file is replaced as a whole, so that it is never half written."""
        await in_thread(self._add, f"{vault_id}:{version}", encode(key))

    def _load(self) -> dict[str, str]:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(f"cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and (stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid != os.geteuid()):
                raise self._unusable("can be read by other users of this machine")
            content = file.read()
        try:
            found = json.loads(content)
        except ValueError as error:
            raise self._unusable("is damaged") from error
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            raise self._unusable("is damaged")
        return found

    def _add(self, name: str, text: str) -> None:
        keys = self._load()
        if keys.setdefault(name, text) != text:
            raise self._unusable(f"holds another key {name} already")
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(keys, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, self._path)
        except OSError as error:
            raise self._unusable(f"cannot be written: {error.strerror}") from error

    def _unusable(self, why: str) -> SetupError:
        return SetupError(
            f"the vault's key file {self._path} {why}",
            hint=f"chown it to the user that runs quarterdeck and chmod 600 {self._path}; "
            "if it is lost, take it from where you keep its copy",
            file=str(self._path),
            key=SETTING,
        )


class EnvKeys:
    """Use a variable of the operator's: `BASE64`, or `1:BASE64,2:BASE64` once the key was rotated."""

    def __init__(self, name: str, value: str | None) -> None:
        self._name, self._value = name, value

    @property
    def place(self) -> str:
        """Name the place in words that follow "in"."""
        return f"the variable {self._name}"

    async def get(self, vault_id: str, version: int) -> bytes | None:
        """Return a key, None where the variable has none of this version; it knows of one vault only."""
        for part in (self._value or "").split(","):
            number, colon, text = part.strip().rpartition(":")
            if text and (number or "1") == str(version) and (colon or version == 1):
                return decode(text, self.place)
        return None

    async def put(self, vault_id: str, version: int, key: bytes) -> None:
        """Refuse: the variable is the operator's; say what to put there."""
        is_first = version == 1 and not self._value
        wanted = f"set {self._name} to KEY" if is_first else f"append `,{version}:KEY` to {self._name}"
        raise SetupError(
            f"{self.place} holds no key of version {version}",
            hint=f"{wanted}, with a KEY from `openssl rand -base64 32`, and start again",
            key=SETTING,
        )


def keys_of(setting: str, file: Path, environ: Mapping[str, str]) -> Keys:
    """Return what `vault.key` asks for: `keyring`, `file` (the key is kept in `file`) or `env:NAME`."""
    if setting == "file":
        return FileKeys(file)
    name = setting.removeprefix("env:")
    return EnvKeys(name, environ.get(name)) if setting.startswith("env:") else KeyringKeys()


def encode(key: bytes) -> str:
    """Write a key as text."""
    return base64.b64encode(key).decode("ascii")


def decode(text: str, place: str) -> bytes:
    """Read a key.

    Raises:
        SetupError: it is none; the text is not repeated.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SetupError(
            f"what stands in {place} is no key for the vault",
            hint=f"a key is {KEY_BYTES} random bytes in base64, as from `openssl rand -base64 {KEY_BYTES}`",
            key=SETTING,
        )
    return key


async def _in_daemon_thread(call: Callable[[], T], timeout_s: float) -> T:
    """Call in a thread that cannot keep the process from ending: a keyring may wait for a person."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # the call's own result, None where T is None

    def run() -> None:
        result: T | None = None
        failure: Exception | None = None
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - handed to the waiter as it is
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="quarterdeck-keyring", daemon=True).start()
    return await asyncio.wait_for(answer, timeout_s)
