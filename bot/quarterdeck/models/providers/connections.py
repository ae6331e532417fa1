"""Know which providers are on, and hold one open connection to each that was used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import field
from typing import Final, assert_never

from quarterdeck.core.errors import AuthFailed, KeyMissing, RateLimited, ServiceError, SetupError
from quarterdeck.core.model import Dialect
from quarterdeck.core.value import dataclass
from quarterdeck.models.local.builtin import BUILD_COMMAND, Builtin
from quarterdeck.models.providers.catalog import BUILTIN, Catalog, Provider
from quarterdeck.models.providers.connection import Connection, Timeouts
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck.runtime.secrets import Resolver, SecretRef
from quarterdeck.runtime.settings import Settings

RATE_REST_S: Final = 30.0
REFUSED_REST_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Say whether a provider is on; `reason` says by what, or why not, and `fix` what to do about it.

    `is_mistake`: somebody tried to switch it on, and what they wrote cannot work.
    """

    is_on: bool
    reason: str
    fix: str = ""
    is_mistake: bool = False


@dataclass(slots=True)
class _Open:
    connection: Connection | None
    dialect: Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """Hold one key and where it is from."""

    ref: SecretRef
    value: str = field(repr=False)


class Connections:
    """Connect to providers of the catalogue, each once, when it is first used."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        resolver: Resolver,
        builtin: Builtin,
        timeouts: Timeouts,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._catalog, self._resolver = settings, catalog, resolver
        self._builtin, self._timeouts, self._monotonic = builtin, timeouts, monotonic
        self._open: dict[tuple[str, str], _Open] = {}
        self._rests: dict[tuple[str, str], float] = {}
        self._retired: list[Dialect] = []
        self._opening = asyncio.Lock()

    def switch(self, provider: Provider) -> Switch:
        """Say whether `provider` is on without being looked for."""
        id_, row = provider.id, provider.row
        if id_ == BUILTIN:
            reason = self._builtin.why_off()
            return Switch(is_on=not reason, reason=reason or "installed", fix=f"run `{BUILD_COMMAND}`")
        try:
            keys = self._keys(provider)
        except SetupError as error:
            return Switch(is_on=False, reason=error.message, fix=error.hint, is_mistake=True)
        if row.base_url is None:
            return Switch(is_on=False, reason="no address", fix=f"set providers.{id_}.base_url")
        if keys:
            return Switch(is_on=True, reason=f"key from {' and '.join(str(key.ref) for key in keys)}")
        if row.key.is_needed:
            names = " or ".join(row.key.variables)
            return Switch(is_on=False, reason="no key", fix=f"set {names or f'providers.{id_}.key'}")
        if id_ in self._settings.providers:
            return Switch(is_on=True, reason=f"providers.{id_} is set")
        fix = "start it" if row.local and self._settings.models.discover else f"set providers.{id_}.base_url"
        return Switch(is_on=False, reason="not configured", fix=fix)

    def _keys(self, provider: Provider) -> list[_Key]:
        """Return the keys and where they are from; empty where nothing holds one.

        Raises:
            SetupError: what should hold a key is missing, blank or a placeholder.
        """
        setting = self._settings.providers.get(provider.id)
        named = (setting.key, *setting.keys) if setting is not None else ()
        refs = [ref for ref in named if ref is not None]
        if refs:
            return [_Key(ref=ref, value=self._resolver.get(ref)) for ref in dict.fromkeys(refs)]
        for name in provider.row.key.variables:
            ref = SecretRef("env", name)
            try:
                return [_Key(ref=ref, value=self._resolver.get(ref))]
            except KeyMissing:
                continue
        return []

    def _key(self, provider: Provider) -> str:
        """Return the first key that need not rest, or the one that rests shortest; empty for none."""
        now_s = self._monotonic()
        keys = [key.value for key in self._keys(provider)]
        return min(
            keys, key=lambda one: max(0.0, self._rests.get((provider.id, one), 0.0) - now_s), default=""
        )

    def rotate(self, provider: Provider, dialect: Dialect, error: ServiceError) -> bool:
        """Let the key rest with which `dialect` failed; True where another one may be tried at once."""
        mine = [key for (_, key), opened in self._open.items() if opened.dialect is dialect]
        return bool(mine) and self.rest(provider, mine[0], error)

    def rest(self, provider: Provider, key: str, error: ServiceError) -> bool:
        """Let a key rest with which a call failed; True where another one may be tried at once."""
        rest_s = REFUSED_REST_S
        if isinstance(error, RateLimited):
            rest_s = error.retry_after_s or RATE_REST_S
        elif not isinstance(error, AuthFailed):
            return False
        now_s = self._monotonic()
        self._rests[provider.id, key] = now_s + rest_s
        return any(self._rests.get((provider.id, key.value), 0.0) <= now_s for key in self._keys(provider))

    def connection(self, provider: Provider) -> Connection:
        """Put together what is needed to talk to `provider`.

        Raises:
            SetupError: key, address or a header's secret is missing.
        """
        row, key = provider.row, self._key(provider)
        if not key and row.key.is_needed:
            name = next(iter(row.key.variables), f"providers.{provider.id}.key")
            raise KeyMissing(f"there is no key for {row.name}", env_name=name)
        if row.base_url is None:
            hint = f"set providers.{provider.id}.base_url"
            raise SetupError(f"{row.name} has no address", hint=hint, key=f"providers.{provider.id}")
        headers = {
            name: self._resolver.get(value) if isinstance(value, SecretRef) else value
            for name, value in row.headers.items()
        }
        return Connection(
            service=row.name,
            base_url=row.base_url,
            key=key,
            key_header=row.key.header,
            headers=headers,
            capabilities=row.capabilities,
            chat_capabilities=row.compatible.capabilities if row.compatible else None,
            timeouts=self._timeouts,
        )

    async def open(self, provider: Provider) -> Dialect:
        """Return the dialect for `provider`; a changed key makes a new one.

        Raises:
            SetupError: as `connection`, or the built-in model is off.
        """
        async with self._opening:
            connection = None if provider.id == BUILTIN else self.connection(provider)
            slot = (provider.id, connection.key if connection else "")
            known = self._open.get(slot)
            if known is not None and known.connection == connection:
                return known.dialect
            if known is not None:
                self._retired.append(known.dialect)  # an answer may still be streaming over it
            dialect = await self._make(provider, connection)
            self._open[slot] = _Open(connection, dialect)
            return dialect

    async def _make(self, provider: Provider, connection: Connection | None) -> Dialect:
        if connection is None:
            from quarterdeck.models.dialects.llama_cpp import LlamaCpp

            worker = self._builtin.worker(self._timeouts)
            return LlamaCpp(worker, provider.row.models.chat, self._timeouts)
        return await in_thread(_connect, provider, connection)  # the SDKs take a second or more to import

    async def close(self) -> None:
        """Close every connection and end the worker."""
        for dialect in (*self._retired, *(known.dialect for known in self._open.values())):
            await dialect.close()
        self._retired.clear()
        self._open.clear()


def _connect(provider: Provider, connection: Connection) -> Dialect:
    match provider.row.dialect:
        case "openai_chat":
            from quarterdeck.models.dialects.openai_chat import OpenAIChat

            return OpenAIChat(connection)
        case "openai_responses":
            from quarterdeck.models.dialects.openai_responses import OpenAIResponses

            return OpenAIResponses(connection)
        case "gemini":
            from quarterdeck.models.dialects.gemini import Gemini

            return Gemini(connection)
        case "anthropic":
            from quarterdeck.models.dialects.anthropic import Anthropic

            return Anthropic(connection)
        case "none":
            raise SetupError(
                f"{provider.row.name} draws and does not talk", hint="name it for the role image"
            )
        case "llama_cpp":
            raise SetupError(f"{provider.row.name} cannot speak llama_cpp", hint="only `builtin` does")
        case _:
            assert_never(provider.row.dialect)
